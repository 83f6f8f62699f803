/* SPDX-License-Identifier: Apache-2.0 */
/* A measurement for people: why these nodes, and a table of results or the classic text of each. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* ---- results ---- */

static void add_place(const json_t *row, struct sonde_buf *b)
{
	static const char *const parts[] = { "probe.city", "probe.country", "probe.region" };

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *text = cli_str(row, parts[i]);
		if (*text && b->len)
			sonde_buf_str(b, ", ");
		sonde_buf_str(b, text);
	}
}

static void add_status(const json_t *row, struct sonde_buf *b)
{
	const char *failure = cli_str(row, "result.failure");

	sonde_buf_str(b, *failure ? failure : cli_str(row, "result.status"));
}

/* The first line of why it failed, or of the classic text. */
static void add_says(const json_t *row, struct sonde_buf *b)
{
	const char *why = cli_str(row, "result.failureMessage");
	const char *text = *why ? why : cli_str(row, "result.rawOutput");

	sonde_buf_add(b, text, strcspn(text, "\r\n"));
}

static void add_node(const json_t *row, struct sonde_buf *b)
{
	const char *name = cli_str(row, "probe.name");

	sonde_buf_str(b, *name ? name : cli_str(row, "probe.id"));
}

#define WHO \
	{ "NODE", "node", .text = add_node }, { "LOCATION", NULL, .text = add_place }, \
	{ NULL, "city", "probe.city" }, { NULL, "country", "probe.country" }, \
	{ NULL, "region", "probe.region" }, { "STATUS", "status", .text = add_status }

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct cli_column stats_columns[] = {
	WHO,
	{ "ADDRESS", "address", "result.resolvedAddress" },
	{ "SENT", "sent", "result.stats.total" },
	{ "LOSS", "loss_percent", "result.stats.loss", " %" },
	{ "MIN", "min_ms", "result.stats.min", " ms" },
	{ "AVG", "avg_ms", "result.stats.avg", " ms" },
	{ "MAX", "max_ms", "result.stats.max", " ms" },
	{ NULL, "message", "result.failureMessage" },
};

static const struct cli_column plain_columns[] = {
	WHO,
	{ "TOOK", "took_ms", "result.durationMs", " ms" },
	{ "SAYS", "says", .text = add_says },
};

static const struct cli_column latency_columns[] = {
	{ "NODE", "node", .text = add_node },
	{ "LATENCY", "avg_ms", "result.stats.avg", " ms" },
};

static void print_raw(const json_t *results)
{
	struct sonde_buf who, place;
	const json_t *row;
	size_t i;

	sonde_buf_init(&who, 1024);
	sonde_buf_init(&place, 1024);
	json_array_foreach(results, i, row) {
		sonde_buf_reset(&who);
		sonde_buf_reset(&place);
		add_node(row, &who);
		add_place(row, &place);
		cli_printf("%s> %s (%s)\n", i ? "\n" : "", sonde_buf_cstr(&who), sonde_buf_cstr(&place));
		cli_printf("%s\n", cli_str(row, "result.rawOutput"));
	}
	sonde_buf_deinit(&who);
	sonde_buf_deinit(&place);
}

/* The sentences of failed results, which the table of figures has no room for. */
static void print_failures(const json_t *results)
{
	const json_t *row;
	size_t i;

	json_array_foreach(results, i, row)
		if (*cli_str(row, "result.failureMessage"))
			cli_printf("%s: %s\n", cli_str(row, "probe.name"),
			           cli_str(row, "result.failureMessage"));
}

static int verdict(const json_t *results)
{
	unsigned ok = 0, target = 0, ours = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(results, i, row) {
		const char *status = cli_str(row, "result.status");
		bool failed = !strcmp(status, "failed");
		bool internal = !strcmp(cli_str(row, "result.failureSource"), "internal");
		ok += !strcmp(status, "finished");
		ours += failed && internal;
		target += failed && !internal;
	}
	return target || (ours && !ok) ? EXIT_RESULT : ours ? EXIT_PARTIAL : EXIT_OK;
}

/* Figures make a table; a text of several lines is shown as the classic tool prints it. */
static void print_people(const struct cli *cli, const json_t *results)
{
	bool stats = false, text = false;
	const json_t *row;
	size_t i;

	json_array_foreach(results, i, row) {
		stats |= cli_at(row, "result.stats") != NULL;
		const char *newline = strchr(cli_str(row, "result.rawOutput"), '\n');
		text |= newline && newline[1];
	}
	if (!stats && text && cli->format == FORMAT_TABLE) {
		print_raw(results);
		print_failures(results);
		return;
	}
	if (!stats) {
		cli_print_rows(cli, plain_columns, COUNT(plain_columns), results);
		return;
	}
	cli_print_rows(cli, stats_columns, COUNT(stats_columns), results);
	if (cli->format == FORMAT_TABLE)
		print_failures(results);
}

int cli_show_results(struct cli *cli, const json_t *measurement, bool latency_only)
{
	const json_t *results = json_object_get(measurement, "results");

	if (cli->format == FORMAT_JSON) {
		json_t *copy = json_copy((json_t *)measurement);
		json_object_set_new(copy, "schema_version", json_integer(1));
		cli_print_json(cli, copy);
		json_decref(copy);
	} else if (cli->format == FORMAT_JSONL) {
		cli_print_json(cli, results);
	} else if (latency_only) {
		cli_print_rows(cli, latency_columns, COUNT(latency_columns), results);
	} else if (cli->format == FORMAT_RAW) {
		print_raw(results);
	} else {
		print_people(cli, results);
	}
	return verdict(results);
}

/* ---- placement ---- */

/* One entry of `locations`: its parts joined with +, as people wrote it. */
static void add_location(struct sonde_buf *b, const json_t *location)
{
	const json_t *value;
	const char *key;
	bool first = true;

	if (!json_is_object(location)) {
		sonde_buf_str(b, "the nodes of measurement ");
		cli_add_value(b, location);
		return;
	}
	json_object_foreach((json_t *)location, key, value) {
		if (!strcmp(key, "limit"))
			continue;
		sonde_buf_str(b, first ? "" : "+");
		sonde_buf_str(b, strcmp(key, "asn") ? "" : "AS");
		cli_add_value(b, value);
		first = false;
	}
}

static void add_locations(struct sonde_buf *b, const json_t *locations)
{
	const json_t *location;
	size_t i;

	if (!locations)
		sonde_buf_str(b, "anywhere");
	else if (!json_is_array(locations))
		add_location(b, locations);
	json_array_foreach(locations, i, location) {
		sonde_buf_str(b, i ? " or " : "");
		add_location(b, location);
	}
}

/* A run of a schedule was not placed: the schedule has its nodes. */
static bool explain_run(const json_t *m)
{
	const json_t *first = json_array_get(json_object_get(m, "results"), 0);
	const char *schedule = cli_str(first, "result.schedule");

	if (*schedule)
		cli_printf("A run of schedule %s, due %s; sonde schedule show tells why these nodes.\n\n",
		           schedule, cli_str(first, "result.dueAt"));
	return *schedule;
}

static void explain_choice(const json_t *m)
{
	const json_t *placement = json_object_get(m, "placement");
	const char *policy = cli_str(placement, "policy"), *reason = cli_str(placement, "reason");
	double ms = json_number_value(json_object_get(placement, "tookUs")) / 1000;

	if (json_is_true(json_object_get(placement, "fallback")))
		cli_printf("The policy %s did not decide%s%s%s; the built-in rule did", policy,
		           *reason ? " (" : "", reason, *reason ? ")" : "");
	else
		cli_printf("The policy %s (version %lld) chose them%s%s", policy,
		           (long long)json_integer_value(json_object_get(placement, "version")),
		           *reason && strcmp(reason, policy) ? ": " : "",
		           strcmp(reason, policy) ? reason : "");
	cli_printf(". It took %.3f ms; seed %lld.\n", ms,
	           (long long)json_integer_value(json_object_get(placement, "seed")));
}

static void explain(const json_t *m)
{
	json_int_t got = json_integer_value(json_object_get(m, "probesCount"));
	json_int_t asked = json_integer_value(json_object_get(m, "limit"));
	struct sonde_buf b;

	cli_printf("%s %s: %s, created %s\n", cli_str(m, "type"), cli_str(m, "target"),
	           cli_str(m, "status"), cli_str(m, "createdAt"));
	if (explain_run(m))
		return;
	sonde_buf_init(&b, 8192);
	add_locations(&b, json_object_get(m, "locations"));
	cli_printf("Asked for %lld node%s from %s", (long long)(asked ? asked : got),
	           (asked ? asked : got) == 1 ? "" : "s", sonde_buf_cstr(&b));
	if (asked > got)
		cli_printf("; only %lld fitted and could take it", (long long)got);
	puts(".");
	explain_choice(m);
	putchar('\n');
	sonde_buf_deinit(&b);
}

int cli_measurement_show(struct cli *cli, const struct cli_args *a)
{
	unsigned max_wait;
	int code;

	if (cli_option(a, "wait")) {
		code = cli_read_max_wait(a, &max_wait);
		return code == EXIT_OK ? cli_wait(cli, a->words[0], max_wait, false) : code;
	}
	json_t *m = cli_get(cli, "/v1/measurements", a->words[0], &code);
	if (!m)
		return code;
	if (cli->format == FORMAT_TABLE)
		explain(m);
	code = cli_show_results(cli, m, false);
	json_decref(m);
	return code;
}
