/* SPDX-License-Identifier: Apache-2.0 */
/* Events, the problems they opened, and silences. */
#include <stdio.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int list(struct cli *cli, const char *path, const struct cli_column *columns, unsigned n)
{
	int code;

	json_t *doc = cli_get(cli, path, NULL, &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc))
		cli_print_rows(cli, columns, n, doc);
	json_decref(doc);
	return EXIT_OK;
}

int cli_event_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column events[] = {
		{ "AT", "at", "at" },           { "SEVERITY", "severity", "severity" },
		{ "KIND", "kind", "kind" },     { "TEXT", "text", "text" },
		{ NULL, "node", "node" },       { NULL, "schedule", "schedule" },
		{ NULL, "cause", "cause" },     { NULL, "id", "id" },
	};
	static const struct cli_column open[] = {
		{ "ID", "id", "id" },           { "SINCE", "at", "at" },
		{ "STATE", "state", "state" },  { "SEVERITY", "severity", "severity" },
		{ "TIMES", "count", "count" },  { "TEXT", "text", "text" },
		{ "CAUSE", "cause", "cause" },  { NULL, "comment", "comment" },
	};

	if (cli_option(a, "open"))
		return list(cli, "/v1/problems", open, COUNT(open));
	return list(cli, "/v1/events", events, COUNT(events));
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
	int code;

	if (end)
		return end_silence(cli, end);
	if (!a->word_count)
		return list(cli, "/v1/silences", columns, COUNT(columns));
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
