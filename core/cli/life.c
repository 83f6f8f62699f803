/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a node from the command line: settings, keys, bans, drain, log, runner, self-test. Each
 * command first asks who NODE is, so that a name is never part of a path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { FOLLOW_MS = 1000 };

/* "/v1/nodes/<id>/<what>" into path; the exit code. */
static int path_of(struct cli *cli, const char *name, const char *what, char *path, size_t room)
{
	int code;

	json_t *node = cli_get(cli, "/v1/nodes", name, &code);
	if (!node)
		return code;
	const char *id = cli_str(node, "id");
	int n = snprintf(path, room, "/v1/nodes/%s/%s", id, what);
	bool good = *id && !id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] &&
		    n > 0 && (size_t)n < room;
	json_decref(node);
	return good ? EXIT_OK : cli_fail(EXIT_FAILED, "the controller's answer holds no id");
}

/* One request about one node; its answer is the node, or is not printed. Takes the body. */
static int order(struct cli *cli, const char *method, const char *name, const char *what, json_t *body,
                 const char *done)
{
	char path[128];
	int code = path_of(cli, name, what, path, sizeof(path));

	json_t *answer = code == EXIT_OK ? cli_send(cli, method, path, NULL, body, &code) : NULL;
	json_decref(body);
	if (!answer)
		return code;
	if (!cli_print_json(cli, answer))
		cli_printf(done, cli_str(answer, "name"), cli_str(answer, "status"));
	json_decref(answer);
	return EXIT_OK;
}

/* ---- settings ---- */

/* "8" and "true" are what they look like, everything else is text; "" takes the setting away. */
static json_t *value_of(const char *text)
{
	json_t *value = *text ? json_loads(text, JSON_DECODE_ANY, NULL) : json_null();

	if (value && !json_is_string(value))
		return value;
	json_decref(value);
	return json_string(text);
}

/* plugins.ping.packets=1 is {"plugins": {"ping": {"packets": 1}}}. */
static bool put_setting(json_t *settings, const char *word)
{
	const char *equals = strchr(word, '=');

	while (equals) {
		const char *dot = memchr(word, '.', (size_t)(equals - word));
		const char *end = dot ? dot : equals;
		char *key = end > word ? strndup(word, (size_t)(end - word)) : NULL;
		if (!key)
			return false;
		if (!dot) {
			json_object_set_new(settings, key, value_of(equals + 1));
			free(key);
			return true;
		}
		json_t *inner = json_object_get(settings, key);
		if (!json_is_object(inner))
			json_object_set_new(settings, key, inner = json_object());
		free(key);
		settings = inner;
		word = dot + 1;
	}
	return false;
}

int cli_node_configure(struct cli *cli, const struct cli_args *a)
{
	json_t *settings = json_object();

	for (unsigned i = 1; i < a->word_count; i++) {
		if (put_setting(settings, a->words[i]))
			continue;
		json_decref(settings);
		return cli_fail(EXIT_USAGE, "'%s' is not KEY=VALUE", a->words[i]);
	}
	return order(cli, "PATCH", a->words[0], "config", settings,
	             "%s has new settings (it is %s); sonde node show tells when they are in force\n");
}

int cli_node_sync(struct cli *cli, const struct cli_args *a)
{
	return order(cli, "POST", a->words[0], "sync", json_object(), "%s is sent its settings\n");
}

/* ---- keys, bans ---- */

int cli_node_rotate_key(struct cli *cli, const struct cli_args *a)
{
	return order(cli, "POST", a->words[0], "rotate-key", json_object(),
	             "%s is sent a new key; the old one is good until the new one is used, and for a "
	             "day at most\n");
}

int cli_node_ban(struct cli *cli, const struct cli_args *a)
{
	json_t *body = json_object();

	if (cli_option(a, "reason"))
		json_object_set_new(body, "reason", json_string(cli_option(a, "reason")));
	if (cli_option(a, "for"))
		json_object_set_new(body, "for", json_string(cli_option(a, "for")));
	return order(cli, "POST", a->words[0], "ban", body, "%s is %s\n");
}

int cli_node_unban(struct cli *cli, const struct cli_args *a)
{
	return order(cli, "DELETE", a->words[0], "ban", NULL, "%s is %s\n");
}

/* ---- drain ---- */

static int set_draining(struct cli *cli, const char *name, bool on)
{
	int code;
	json_t *patch = json_pack("{s:b}", "draining", on);

	json_t *node = cli_send(cli, "PATCH", "/v1/nodes", name, patch, &code);
	json_decref(patch);
	if (!node)
		return code;
	if (!cli_print_json(cli, node))
		cli_printf(on ? "%s takes no new tasks\n" : "%s takes tasks\n", cli_str(node, "name"));
	json_decref(node);
	return EXIT_OK;
}

int cli_node_drain(struct cli *cli, const struct cli_args *a)
{
	return set_draining(cli, a->words[0], true);
}

int cli_node_undrain(struct cli *cli, const struct cli_args *a)
{
	return set_draining(cli, a->words[0], false);
}

/* ---- commands ---- */

int cli_node_restart_runner(struct cli *cli, const struct cli_args *a)
{
	return order(cli, "POST", a->words[0], "restart-runner", json_object(),
	             "the runner is restarted%s\n");
}

int cli_node_self_test(struct cli *cli, const struct cli_args *a)
{
	return order(cli, "POST", a->words[0], "self-test", json_object(),
	             "the self-test has begun; sonde node show tells its result%s\n");
}

static void print_lines(const json_t *answer)
{
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer, "lines"), i, line) {
		cli_put(stdout, json_string_value(line) ? json_string_value(line) : "", false);
		putchar('\n');
	}
	fflush(stdout);
}

int cli_node_logs(struct cli *cli, const struct cli_args *a)
{
	const char *lines = cli_option(a, "lines");
	bool follow = cli_option(a, "follow") != NULL;
	char base[128], path[224];
	json_int_t after = 0;

	if (lines && (!*lines || lines[strspn(lines, "0123456789")] || strlen(lines) > 4))
		return cli_fail(EXIT_USAGE, "--lines must be a number up to 1000");
	int code = path_of(cli, a->words[0], "logs", base, sizeof(base));
	while (code == EXIT_OK) {
		snprintf(path, sizeof(path), "%s?lines=%s&after=%lld", base,
		         after ? "1000" : lines ? lines : "100", (long long)after);
		json_t *answer = cli_get(cli, path, NULL, &code);
		if (!answer)
			break;
		if (!after && !follow && cli_print_json(cli, answer)) {
			json_decref(answer);
			break;
		}
		print_lines(answer);
		after = json_integer_value(json_object_get(answer, "next"));
		json_decref(answer);
		if (!follow)
			break;
		cli_nap(FOLLOW_MS);
	}
	return code;
}
