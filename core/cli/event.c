/* SPDX-License-Identifier: Apache-2.0 */
/* Events, the problems they opened, and silences. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "param/param.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { FOLLOW_MS = 500, PATH_ROOM = 512 };

static const struct cli_column event_columns[] = {
	{ "ID", "id", "id" },           { "AT", "at", "at" },
	{ "SEVERITY", "severity", "severity" }, { "KIND", "kind", "kind" },
	{ "TEXT", "text", "text" },     { NULL, "node", "node" },
	{ NULL, "schedule", "schedule" }, { NULL, "cause", "cause" },
};

/* Events come newest first: what stands before the last one shown, oldest first. */
static json_t *newer(const json_t *events, char last[64])
{
	json_t *fresh = json_array();
	size_t n = 0;

	while (n < json_array_size(events) && strcmp(cli_str(json_array_get(events, n), "id"), last))
		n++;
	while (n-- > 0)
		json_array_append(fresh, json_array_get(events, n));
	if (json_array_size(fresh))
		snprintf(last, 64, "%s", cli_str(json_array_get(events, 0), "id"));
	return fresh;
}

static int follow(struct cli *cli, const char *path)
{
	struct cli lines = *cli;
	char last[64] = "";
	int code = EXIT_OK;

	if (lines.format == FORMAT_JSON)
		lines.format = FORMAT_JSONL;
	cli->interrupt->watch();
	while (!*cli->interrupt->seen && !ferror(stdout)) {
		json_t *events = cli_get(cli, path, NULL, &code);
		if (!events)
			return code;
		json_t *fresh = newer(events, last);
		bool any = json_array_size(fresh) > 0;
		if (any && !cli_print_json(&lines, fresh))
			cli_print_rows(&lines, event_columns, COUNT(event_columns), fresh);
		if (any)
			lines.headers = false;
		fflush(stdout);
		json_decref(fresh);
		json_decref(events);
		cli_nap(FOLLOW_MS);
		cli_refresh(cli);
	}
	return EXIT_INTERRUPTED;
}

int cli_event_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column open[] = {
		{ "ID", "id", "id" },           { "SINCE", "at", "at" },
		{ "STATE", "state", "state" },  { "SEVERITY", "severity", "severity" },
		{ "TIMES", "count", "count" },  { "TEXT", "text", "text" },
		{ "CAUSE", "cause", "cause" },  { NULL, "comment", "comment" },
	};
	static const char *const filters[] = { "kind", "limit" };
	struct sonde_buf path;
	int code;

	if (cli_option(a, "open"))
		return cli_list(cli, "/v1/problems", open, COUNT(open));
	sonde_buf_init(&path, PATH_ROOM);
	sonde_buf_str(&path, "/v1/events");
	for (unsigned i = 0; i < COUNT(filters); i++)
		if (cli_option(a, filters[i]))
			cli_add_query(&path, filters[i], cli_option(a, filters[i]));
	if (path.failed)
		code = cli_fail(EXIT_USAGE, "the options are too long");
	else if (cli_option(a, "follow"))
		code = follow(cli, sonde_buf_cstr(&path));
	else
		code = cli_list(cli, sonde_buf_cstr(&path), event_columns, COUNT(event_columns));
	sonde_buf_deinit(&path);
	return code;
}

/* Takes the list; the event of this id, owned, NULL when it is not there. */
static json_t *pick(json_t *events, const char *id)
{
	json_t *e, *found = NULL;
	size_t i;

	json_array_foreach(events, i, e)
		if (!found && !strcmp(cli_str(e, "id"), id))
			found = json_incref(e);
	json_decref(events);
	return found;
}

/* A problem that is open says more than the event that raised it. */
int cli_event_show(struct cli *cli, const struct cli_args *a)
{
	static const char *const paths[] = { "/v1/problems", "/v1/events?limit=1000" };
	json_t *event = NULL;
	int code;

	for (unsigned i = 0; i < COUNT(paths) && !event; i++) {
		json_t *events = cli_get(cli, paths[i], NULL, &code);
		if (!events)
			return code;
		event = pick(events, a->words[0]);
	}
	if (!event)
		return cli_fail(EXIT_NOT_FOUND, "there is no event '%s' among what is kept; see sonde event ls",
		                a->words[0]);
	if (cli->format == FORMAT_CSV) {
		json_t *rows = json_pack("[O]", event);
		cli_print_rows(cli, event_columns, COUNT(event_columns), rows);
		json_decref(rows);
	} else if (!cli_print_json(cli, event)) {
		cli_print_members(event);
	}
	json_decref(event);
	return EXIT_OK;
}

int cli_event_ack(struct cli *cli, const struct cli_args *a)
{
	const char *comment = cli_option(a, "comment");
	char path[128];
	int code;

	json_t *body = json_pack("{s:s}", "comment", comment ? comment : "");
	/* An id has no letter that would need encoding; what is none is not found. */
	snprintf(path, sizeof(path), "/v1/events/%.64s/ack", a->words[0]);
	json_t *doc = cli_send(cli, "POST", path, NULL, body, &code);
	json_decref(body);
	json_decref(doc);
	return doc ? EXIT_OK : code;
}

static int end_silence(struct cli *cli, const char *id)
{
	int code;

	json_t *doc = cli_send(cli, "DELETE", "/v1/silences", id, NULL, &code);
	json_decref(doc);
	return doc ? EXIT_OK : code;
}

int cli_event_silence(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "ID", "id", "id" },          { "MATCH", "match", "match" },
		{ "UNTIL", "until", "until" }, { "COMMENT", "comment", "comment" },
	};
	const char *length = cli_option(a, "for"), *comment = cli_option(a, "comment");
	const char *end = cli_option(a, "end");
	int64_t ns;
	int code;

	if (end)
		return end_silence(cli, end);
	if (length && sonde_parse_duration(length, &ns) != SONDE_OK)
		return cli_fail(EXIT_USAGE, "--for must be a duration such as 2h, not '%s'", length);
	if (!a->word_count)
		return cli_list(cli, "/v1/silences", columns, COUNT(columns));
	json_t *body = json_pack("{s:s, s:s, s:s}", "match", a->words[0], "duration",
	                         length ? length : "1h", "comment", comment ? comment : "");
	json_t *doc = cli_send(cli, "POST", "/v1/silences", NULL, body, &code);
	json_decref(body);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc))
		cli_printf("%s until %s\n", cli_str(doc, "id"), cli_str(doc, "until"));
	json_decref(doc);
	return EXIT_OK;
}
