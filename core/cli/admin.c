/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, registration tokens, plugins and policies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct column {
	const char *header, *path, *unit;
};

/* A list from the controller as a table of columns. */
static int list(struct cli *cli, const char *path, const struct column *columns, unsigned n)
{
	const char *headers[16];
	struct cli_table t;
	json_t *item;
	size_t i;
	int code;

	json_t *doc = cli_ask(cli, "GET", path, NULL, &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc)) {
		for (unsigned c = 0; c < n; c++)
			headers[c] = columns[c].header;
		cli_table_init(&t, n, headers);
		json_array_foreach(doc, i, item) {
			for (unsigned c = 0; c < n; c++) {
				const char *text = cli_text(item, columns[c].path);
				cli_table_add(&t, c, "%s%s", *text ? text : "-",
				              *text && columns[c].unit ? columns[c].unit : "");
			}
			cli_table_end_row(&t);
		}
		cli_table_print(cli, &t);
	}
	json_decref(doc);
	return EXIT_OK;
}

int cli_node_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct column columns[] = {
		{ "NAME", "name" }, { "STATUS", "status" }, { "REGION", "location.region" },
		{ "COUNTRY", "location.country" }, { "CITY", "location.city" },
		{ "PRIO", "priority" }, { "LOAD", "live.load" }, { "RTT", "live.rttMs", " ms" },
		{ "ACTIVE", "live.active" }, { "PROBES", "live.probesRun" },
		{ "SPOOL", "live.spoolCount" }, { "ID", "id" },
	};
	(void)a;
	return list(cli, "/v1/nodes", columns, sizeof(columns) / sizeof(columns[0]));
}

int cli_token_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct column columns[] = {
		{ "ID", "id" }, { "USABLE", "usable" }, { "USED", "used" }, { "USES", "uses" },
		{ "EXPIRES", "expiresAt" }, { "APPROVE", "approve" }, { "REGION", "region" },
		{ "DESCRIPTION", "description" },
	};
	(void)a;
	return list(cli, "/v1/registration-tokens", columns, sizeof(columns) / sizeof(columns[0]));
}

int cli_plugin_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct column columns[] = { { "TYPE", "name" }, { "VERSION", "version" },
		                                 { "SUMMARY", "summary" } };
	(void)a;
	return list(cli, "/v1/plugins", columns, 3);
}

int cli_policy_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct column columns[] = { { "POLICY", "name" }, { "VERSION", "version" },
		                                 { "SUMMARY", "summary" } };
	(void)a;
	return list(cli, "/v1/policies", columns, 3);
}

static void show_rows(const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		printf("  %-24s %-9s %s%s%s%s\n", cli_text(row, "name"), cli_text(row, "type"),
		       cli_text(row, "help"), *cli_text(row, "default") ? " (default " : "",
		       cli_text(row, "default"), *cli_text(row, "default") ? ")" : "");
}

int cli_plugin_show(struct cli *cli, const struct cli_args *a)
{
	json_t *plugin, *doc;
	size_t i;
	int code;

	doc = cli_ask(cli, "GET", "/v1/plugins", NULL, &code);
	if (!doc)
		return code;
	code = EXIT_NOT_FOUND;
	json_array_foreach(doc, i, plugin) {
		if (strcmp(cli_text(plugin, "name"), a->words[0]))
			continue;
		code = EXIT_OK;
		if (cli_print_json(cli, plugin))
			break;
		printf("%s %s: %s\noptions:\n", cli_text(plugin, "name"), cli_text(plugin, "version"),
		       cli_text(plugin, "summary"));
		show_rows(json_object_get(plugin, "params"));
		puts("fields of a result:");
		show_rows(json_object_get(plugin, "fields"));
	}
	if (code == EXIT_NOT_FOUND)
		cli_fail(code, "there is no type '%s'; see sonde plugin ls", a->words[0]);
	json_decref(doc);
	return code;
}

/* ---- nodes ---- */

static void print_members(const json_t *object, unsigned indent)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)object, key, v) {
		printf("%*s%s:", (int)indent, "", key);
		if (json_is_object(v)) {
			putchar('\n');
			print_members(v, indent + 2);
		} else if (json_is_array(v)) {
			json_t *item;
			size_t i;
			json_array_foreach(v, i, item) {
				putchar(' ');
				cli_print_escaped(json_is_object(item) ? cli_text(item, "name") :
								     json_string_value(item), false);
			}
			putchar('\n');
		} else {
			putchar(' ');
			cli_print_escaped(cli_text(object, key), false);
			putchar('\n');
		}
	}
}

static void node_path(char *out, size_t room, const char *node)
{
	snprintf(out, room, "/v1/nodes/%.63s", node);
}

int cli_node_show(struct cli *cli, const struct cli_args *a)
{
	char path[128];
	int code;

	node_path(path, sizeof(path), a->words[0]);
	json_t *node = cli_ask(cli, "GET", path, NULL, &code);
	if (!node)
		return code;
	if (!cli_print_json(cli, node))
		print_members(node, 0);
	json_decref(node);
	return EXIT_OK;
}

static int change(struct cli *cli, const char *node, json_t *patch)
{
	char path[128];
	int code;

	node_path(path, sizeof(path), node);
	json_t *answer = cli_ask(cli, "PATCH", path, patch, &code);
	json_decref(patch);
	if (!answer)
		return code;
	if (!cli_print_json(cli, answer))
		printf("%s is %s\n", cli_text(answer, "name"), cli_text(answer, "status"));
	json_decref(answer);
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
	char key[64];

	for (unsigned i = 1; i < a->word_count; i++) {
		const char *equals = strchr(a->words[i], '=');
		if (!equals) {
			json_decref(patch);
			return cli_fail(EXIT_USAGE, "'%s' is not KEY=VALUE", a->words[i]);
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - a->words[i]), a->words[i]);
		json_object_set_new(patch, key, json_string(equals + 1));
	}
	return change(cli, a->words[0], patch);
}

static int remove_at(struct cli *cli, const char *path)
{
	int code;

	json_decref(cli_ask(cli, "DELETE", path, NULL, &code));
	return code;
}

int cli_node_rm(struct cli *cli, const struct cli_args *a)
{
	char path[128];

	node_path(path, sizeof(path), a->words[0]);
	return remove_at(cli, path);
}

/* ---- registration tokens ---- */

int cli_token_create(struct cli *cli, const struct cli_args *a)
{
	static const char *const names[] = { "ttl", "uses", "region", "description" };
	json_t *body = json_object();
	int code;

	for (unsigned i = 0; i < 4; i++)
		if (cli_option(a, names[i]))
			json_object_set_new(body, names[i], json_string(cli_option(a, names[i])));
	if (cli_option(a, "approve"))
		json_object_set_new(body, "approve", json_true());
	json_t *token = cli_ask(cli, "POST", "/v1/registration-tokens", body, &code);
	json_decref(body);
	if (!token)
		return code;
	if (!cli_print_json(cli, token))
		puts(cli_text(token, "token"));
	json_decref(token);
	return EXIT_OK;
}

int cli_token_rm(struct cli *cli, const struct cli_args *a)
{
	char path[128];

	snprintf(path, sizeof(path), "/v1/registration-tokens/%.63s", a->words[0]);
	return remove_at(cli, path);
}
