/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, registration tokens and plugins: one request each, and its answer printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One object, as JSON or as the only line of CSV; false when it is left to print for people. */
static bool print_one(const struct cli *cli, const json_t *object, const struct cli_column *columns,
                      unsigned n)
{
	if (cli_print_json(cli, object))
		return true;
	if (cli->format != FORMAT_CSV)
		return false;
	json_t *rows = json_pack("[O]", object);
	cli_print_rows(cli, columns, n, rows);
	json_decref(rows);
	return true;
}

/* ---- plugins ---- */

static const struct cli_column plugin_columns[] = {
	{ "TYPE", "type", "name" },
	{ "VERSION", "version", "version" },
	{ "SUMMARY", "summary", "summary" },
};

static int list_of_node(struct cli *cli, const char *name)
{
	int code;

	json_t *node = cli_get(cli, "/v1/nodes", name, &code);
	if (!node)
		return code;
	const json_t *plugins = cli_at(node, "plugins");
	/* A node tells no summaries. */
	if (plugins && !cli_print_json(cli, plugins))
		cli_print_rows(cli, plugin_columns, COUNT(plugin_columns) - 1, plugins);
	json_decref(node);
	return EXIT_OK;
}

int cli_plugin_ls(struct cli *cli, const struct cli_args *a)
{
	if (cli_option(a, "node"))
		return list_of_node(cli, cli_option(a, "node"));
	return cli_list(cli, "/v1/plugins", plugin_columns, COUNT(plugin_columns));
}

static void show_plugin(const struct cli *cli, const json_t *plugin)
{
	if (print_one(cli, plugin, plugin_columns, COUNT(plugin_columns)))
		return;
	cli_printf("%s %s: %s\n\noptions:\n", cli_str(plugin, "name"), cli_str(plugin, "version"),
	           cli_str(plugin, "summary"));
	cli_help_params(json_object_get(plugin, "params"), true);
	puts("\nfields of a result:");
	cli_help_params(json_object_get(plugin, "fields"), false);
}

int cli_plugin_show(struct cli *cli, const struct cli_args *a)
{
	const json_t *plugin, *found = NULL;
	json_t *doc;
	size_t i;
	int code;

	doc = cli_get(cli, "/v1/plugins", NULL, &code);
	if (!doc)
		return code;
	json_array_foreach(doc, i, plugin)
		if (!strcmp(cli_str(plugin, "name"), a->words[0]))
			found = plugin;
	if (found)
		show_plugin(cli, found);
	else
		code = cli_fail(EXIT_NOT_FOUND, "there is no type '%s'; see sonde plugin ls",
		                a->words[0]);
	json_decref(doc);
	return code;
}

/* ---- nodes ---- */

static const struct cli_column node_columns[] = {
	{ "NAME", "name", "name" },
	{ "STATUS", "status", "status" },
	{ "REGION", "region", "location.region" },
	{ "COUNTRY", "country", "location.country" },
	{ "CITY", "city", "location.city" },
	{ "PRIO", "priority", "priority" },
	{ "LOAD", "load", "live.load" },
	{ "RTT", "rtt_ms", "live.rttMs", " ms" },
	{ "ACTIVE", "active", "live.active" },
	{ "PROBES", "probes", "live.probesRun" },
	{ "SPOOL", "spool", "live.spoolCount" },
	{ "NOTE", "note", "note" },
	{ "ID", "id", "id" },
};

int cli_node_ls(struct cli *cli, const struct cli_args *a)
{
	return cli_list(cli, "/v1/nodes", node_columns, COUNT(node_columns));
}

/* What is not there is not shown; the head of an object is. */
static void print_member(const char *indent, const char *key, const json_t *value,
                         struct sonde_buf *b)
{
	sonde_buf_reset(b);
	cli_add_value(b, value);
	if (b->len || json_object_size(value))
		cli_printf("%s%s:%s%s\n", indent, key, b->len ? " " : "", sonde_buf_cstr(b));
}

/* Three levels are all that a node has; deeper ones stand in -o json. */
void cli_print_members(const json_t *object)
{
	const char *key, *inner_key, *last_key;
	json_t *value, *inner, *last;
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 16);
	json_object_foreach((json_t *)object, key, value) {
		print_member("", key, value, &b);
		json_object_foreach(value, inner_key, inner) {
			print_member("  ", inner_key, inner, &b);
			json_object_foreach(inner, last_key, last)
				print_member("    ", last_key, last, &b);
		}
	}
	sonde_buf_deinit(&b);
}

int cli_node_show(struct cli *cli, const struct cli_args *a)
{
	int code;

	json_t *node = cli_get(cli, "/v1/nodes", a->words[0], &code);
	if (!node)
		return code;
	if (!print_one(cli, node, node_columns, COUNT(node_columns)))
		cli_print_members(node);
	json_decref(node);
	return EXIT_OK;
}

/* Takes the patch. */
static int change(struct cli *cli, const char *name, json_t *patch)
{
	int code;

	json_t *node = cli_send(cli, "PATCH", "/v1/nodes", name, patch, &code);
	json_decref(patch);
	if (!node)
		return code;
	if (!print_one(cli, node, node_columns, COUNT(node_columns)))
		cli_printf("%s is %s\n", cli_str(node, "name"), cli_str(node, "status"));
	json_decref(node);
	return EXIT_OK;
}

int cli_node_approve(struct cli *cli, const struct cli_args *a)
{
	return change(cli, a->words[0], json_pack("{s:b}", "approved", 1));
}

int cli_node_enable(struct cli *cli, const struct cli_args *a)
{
	return change(cli, a->words[0], json_pack("{s:b}", "enabled", 1));
}

int cli_node_disable(struct cli *cli, const struct cli_args *a)
{
	return change(cli, a->words[0], json_pack("{s:b}", "enabled", 0));
}

int cli_node_set(struct cli *cli, const struct cli_args *a)
{
	json_t *patch = json_object();

	for (unsigned i = 1; i < a->word_count; i++) {
		const char *equals = strchr(a->words[i], '=');
		char *key = equals && equals > a->words[i] ?
			strndup(a->words[i], (size_t)(equals - a->words[i])) : NULL;
		if (!key) {
			json_decref(patch);
			return cli_fail(EXIT_USAGE, "'%s' is not KEY=VALUE", a->words[i]);
		}
		json_object_set_new(patch, key, json_string(equals + 1));
		free(key);
	}
	return change(cli, a->words[0], patch);
}

static int remove_at(struct cli *cli, const char *path, const char *name)
{
	int code;

	json_decref(cli_send(cli, "DELETE", path, name, NULL, &code));
	return code;
}

int cli_node_rm(struct cli *cli, const struct cli_args *a)
{
	return remove_at(cli, "/v1/nodes", a->words[0]);
}

/* ---- registration tokens ---- */

static const struct cli_column token_columns[] = {
	{ "ID", "id", "id" },
	{ "USABLE", "usable", "usable" },
	{ "USED", "used", "used" },
	{ "USES", "uses", "uses" },
	{ "EXPIRES", "expires", "expiresAt" },
	{ "APPROVE", "approve", "approve" },
	{ "REGION", "region", "region" },
	{ "NODES", "nodes", "nodes" },
	{ "DESCRIPTION", "description", "description" },
	{ NULL, "token", "token" }, /* only in the answer that made it */
};

int cli_token_ls(struct cli *cli, const struct cli_args *a)
{
	/* Without the last: a list holds no token. */
	return cli_list(cli, "/v1/registration-tokens", token_columns, COUNT(token_columns) - 1);
}

int cli_token_create(struct cli *cli, const struct cli_args *a)
{
	static const char *const names[] = { "ttl", "uses", "region", "description" };
	json_t *body = json_object();
	int code;

	for (unsigned i = 0; i < COUNT(names); i++)
		if (cli_option(a, names[i]))
			json_object_set_new(body, names[i], json_string(cli_option(a, names[i])));
	if (cli_option(a, "approve"))
		json_object_set_new(body, "approve", json_true());
	json_t *token = cli_send(cli, "POST", "/v1/registration-tokens", NULL, body, &code);
	json_decref(body);
	if (!token)
		return code;
	if (!print_one(cli, token, token_columns, COUNT(token_columns)))
		cli_printf("%s\n", cli_str(token, "token"));
	json_decref(token);
	return EXIT_OK;
}

int cli_token_rm(struct cli *cli, const struct cli_args *a)
{
	return remove_at(cli, "/v1/registration-tokens", a->words[0]);
}
