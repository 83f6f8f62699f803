/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements as a list, cancelling and running them again, and the export of results: page by page,
 * so that any number of results needs the memory of one page, and a broken one goes on at a cursor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "param/param.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { PATH_ROOM = 2048, FOLLOW_MS = 500 };

const struct cli_option cli_measurement_ls_options[] = {
	{ "type", 0, "TYPE", "of this type" },
	{ "target", 0, "TARGET", "of this target" },
	{ "status", 0, "STATUS", "in-progress or finished" },
	{ "since", 0, "TIME", "made at or after, as 2026-11-21T07:00:00Z, or 2h for so long ago" },
	{ "until", 0, "TIME", "made before" },
	{ "limit", 'L', "N", "at most so many (default 50)" },
	{ NULL },
};

const struct cli_option cli_rerun_options[] = {
	{ "same-nodes", 0, NULL, "at the very nodes of the first time" },
	{ "wait", 'w', NULL, "until it is over, and show it" },
	{ "max-wait", 0, "SECONDS", "with --wait: what arrived by then (default 320), exit code 124" },
	{ NULL },
};

const struct cli_option cli_show_options[] = {
	{ "wait", 'w', NULL, "until it is over" },
	{ "max-wait", 0, "SECONDS", "with --wait: what arrived by then (default 320), exit code 124" },
	{ NULL },
};

const struct cli_option cli_export_options[] = {
	{ "type", 0, "TYPE", "of this type" },
	{ "target", 0, "TARGET", "of this target" },
	{ "node", 0, "NODE", "of this node" },
	{ "region", 0, "REGION", "of the nodes of a region" },
	{ "measurement", 0, "ID", "of one measurement" },
	{ "status", 0, "STATUS", "finished, failed, offline" },
	{ "failure", 0, "NAME", "that failed so" },
	{ "since", 0, "TIME", "stored at or after, as 2026-11-21T07:00:00Z, or 2h for so long ago" },
	{ "until", 0, "TIME", "stored before" },
	{ "cursor", 0, "N", "go on at this ingest number" },
	{ "follow", 'f', NULL, "go on with new results until interrupted" },
	{ NULL },
};

void cli_add_query(struct sonde_buf *b, const char *name, const char *value)
{
	sonde_buf_printf(b, "%c%s=", memchr(b->data, '?', b->len) ? '&' : '?', name);
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
			     (*p >= 'A' && *p <= 'Z') || strchr("-._~:", *p);
		if (plain)
			sonde_buf_char(b, (char)*p);
		else
			sonde_buf_printf(b, "%%%02X", *p);
	}
}

/* "2h" for a time is so long ago; all else is the controller's to read. */
static void add_time(struct sonde_buf *b, const char *name, const char *value)
{
	char text[SONDE_TIME_TEXT];
	int64_t ago_ns;

	if (sonde_parse_duration(value, &ago_ns) == SONDE_OK && value[strspn(value, "0123456789.")]) {
		sonde_format_time(text, sonde_wall_ms() - ago_ns / SONDE_NS_PER_MS);
		value = text;
	}
	cli_add_query(b, name, value);
}

static void add_options(struct sonde_buf *b, const struct cli_args *a, const struct cli_option *rows)
{
	for (const struct cli_option *o = rows; o->name; o++)
		if (o->value && !strcmp(o->value, "TIME") && cli_option(a, o->name))
			add_time(b, o->name, cli_option(a, o->name));
		else if (o->value && strcmp(o->name, "cursor") && cli_option(a, o->name))
			cli_add_query(b, o->name, cli_option(a, o->name));
}

/* The answer of a GET with a query; NULL with *code. */
static json_t *get(struct cli *cli, struct sonde_buf *path, int *code)
{
	const char *text = sonde_buf_cstr(path);

	if (path->failed) {
		*code = cli_fail(EXIT_USAGE, "the options are too long");
		return NULL;
	}
	return cli_get(cli, text, NULL, code);
}

static const struct cli_column measurement_columns[] = {
	{ "ID", "id", "id" },
	{ "CREATED", "created_at", "createdAt" },
	{ "TYPE", "type", "type" },
	{ "TARGET", "target", "target" },
	{ "STATUS", "status", "status" },
	{ "NODES", "nodes", "probesCount" },
};

int cli_measurement_ls(struct cli *cli, const struct cli_args *a)
{
	struct sonde_buf path;
	int code = EXIT_OK;

	sonde_buf_init(&path, PATH_ROOM);
	sonde_buf_str(&path, "/v1/measurements");
	add_options(&path, a, cli_measurement_ls_options);
	json_t *doc = get(cli, &path, &code);
	sonde_buf_deinit(&path);
	if (!doc)
		return code;
	const json_t *list = json_object_get(doc, "measurements");
	if (!cli_print_json(cli, list))
		cli_print_rows(cli, measurement_columns, COUNT(measurement_columns), list);
	json_decref(doc);
	return EXIT_OK;
}

int cli_measurement_cancel(struct cli *cli, const struct cli_args *a)
{
	int code;

	json_t *doc = cli_send(cli, "DELETE", "/v1/measurements", a->words[0], NULL, &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc))
		cli_printf("%s: %lld tasks cancelled\n", a->words[0],
		           (long long)json_integer_value(json_object_get(doc, "cancelled")));
	json_decref(doc);
	return EXIT_OK;
}

int cli_measurement_rerun(struct cli *cli, const struct cli_args *a)
{
	struct sonde_buf path;
	int code = EXIT_OK;

	if (strspn(a->words[0], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") !=
	    strlen(a->words[0]))
		return cli_fail(EXIT_NOT_FOUND, "'%s' is not the id of a measurement", a->words[0]);
	unsigned max_wait = 0;
	if (cli_option(a, "wait") && (code = cli_read_max_wait(a, &max_wait)) != EXIT_OK)
		return code;
	sonde_buf_init(&path, PATH_ROOM);
	sonde_buf_printf(&path, "/v1/measurements/%s/rerun%s", a->words[0],
	                 cli_option(a, "same-nodes") ? "?nodes=same" : "");
	json_t *doc = path.failed ? NULL :
		cli_send(cli, "POST", sonde_buf_cstr(&path), NULL, NULL, &code);
	sonde_buf_deinit(&path);
	if (!doc)
		return code;
	if (max_wait)
		code = cli_wait(cli, cli_str(doc, "id"), max_wait, false);
	else if (!cli_print_json(cli, doc))
		cli_printf("%s\n", cli_str(doc, "id"));
	json_decref(doc);
	return code;
}

/* ---- export ---- */

static const struct cli_column result_columns[] = {
	{ "INGEST", "ingest", "ingest" },
	{ "RECEIVED", "received_at", "receivedAt" },
	{ NULL, "started_at", "result.startedAt" },
	{ NULL, "node", "node" },
	{ "NODE", "node_name", "nodeName" },
	{ "REGION", "region", "region" },
	{ NULL, "measurement", "measurement" },
	{ NULL, "task", "task" },
	{ NULL, "attempt", "attempt" },
	{ "TYPE", "type", "type" },
	{ "TARGET", "target", "target" },
	{ "STATUS", "status", "result.status" },
	{ "FAILURE", "failure", "result.failure" },
	{ NULL, "late", "late" },
	{ NULL, "duration_ms", "result.durationMs" },
	{ NULL, "min_ms", "result.stats.min" },
	{ "AVG", "avg_ms", "result.stats.avg", " ms" },
	{ NULL, "max_ms", "result.stats.max" },
	{ "LOSS", "loss_percent", "result.stats.loss", "%" },
	{ NULL, "total_ms", "result.timings.total" },
};

/* JSON lines unless CSV was asked for: a table or an array would need all of it at once. */
static void print_page(struct cli *cli, const json_t *rows)
{
	struct cli lines = *cli;

	if (cli->format == FORMAT_CSV) {
		cli_print_rows(cli, result_columns, COUNT(result_columns), rows);
		cli->headers = false;
		return;
	}
	lines.format = FORMAT_JSONL;
	cli_print_json(&lines, rows);
}

int cli_export(struct cli *cli, const struct cli_args *a)
{
	char cursor[24];
	struct sonde_buf path;
	bool more = true;
	int code = EXIT_OK;

	snprintf(cursor, sizeof(cursor), "%s", cli_option(a, "cursor") ? cli_option(a, "cursor") : "1");
	sonde_buf_init(&path, PATH_ROOM);
	cli->interrupt->watch();
	while (more && code == EXIT_OK) {
		sonde_buf_reset(&path);
		sonde_buf_str(&path, "/v1/results?limit=1000");
		cli_add_query(&path, "cursor", cursor);
		add_options(&path, a, cli_export_options);
		json_t *page = get(cli, &path, &code);
		if (!page)
			break;
		print_page(cli, json_object_get(page, "results"));
		snprintf(cursor, sizeof(cursor), "%lld",
		         (long long)json_integer_value(json_object_get(page, "next")));
		more = json_is_true(json_object_get(page, "more"));
		json_decref(page);
		if (cli_option(a, "follow") && !more) {
			more = true;
			fflush(stdout);
			cli_nap(FOLLOW_MS);
			cli_refresh(cli);
		}
		if (*cli->interrupt->seen || ferror(stdout))
			code = *cli->interrupt->seen ? EXIT_INTERRUPTED : EXIT_FAILED;
	}
	sonde_buf_deinit(&path);
	if (code == EXIT_INTERRUPTED)
		cli_fail(code, "broken off; the rest: sonde export --cursor %s", cursor);
	return code;
}
