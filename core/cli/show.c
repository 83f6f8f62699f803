/* SPDX-License-Identifier: Apache-2.0 */
/* A measurement for people: a table of results, or the classic text of each node. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void place(const json_t *probe, char *out, size_t room)
{
	const char *city = cli_text(probe, "city"), *country = cli_text(probe, "country");
	const char *region = cli_text(probe, "region");

	snprintf(out, room, "%s%s%s%s%s", city, *city && *country ? ", " : "", country,
	         (*city || *country) && *region ? ", " : "", region);
}

static void cell(struct cli_table *t, unsigned column, const json_t *result, const char *path,
                 const char *unit)
{
	const char *text = cli_text(result, path);
	cli_table_add(t, column, "%s%s", *text ? text : "-", *text ? unit : "");
}

static void stats_table(const struct cli *cli, const json_t *results)
{
	static const char *const headers[] = { "NODE", "LOCATION", "STATUS", "ADDRESS", "SENT",
		                               "LOSS", "MIN", "AVG", "MAX" };
	struct cli_table t;
	char where[160];
	json_t *r;
	size_t i;

	cli_table_init(&t, 9, headers);
	json_array_foreach(results, i, r) {
		const char *failure = cli_text(r, "result.failure");
		place(json_object_get(r, "probe"), where, sizeof(where));
		cell(&t, 0, r, "probe.name", "");
		cli_table_add(&t, 1, "%s", where);
		cli_table_add(&t, 2, "%s", *failure ? failure : cli_text(r, "result.status"));
		cell(&t, 3, r, "result.resolvedAddress", "");
		cell(&t, 4, r, "result.stats.total", "");
		cell(&t, 5, r, "result.stats.loss", " %");
		cell(&t, 6, r, "result.stats.min", " ms");
		cell(&t, 7, r, "result.stats.avg", " ms");
		cell(&t, 8, r, "result.stats.max", " ms");
		cli_table_end_row(&t);
	}
	cli_table_print(cli, &t);
}

static void plain_table(const struct cli *cli, const json_t *results)
{
	static const char *const headers[] = { "NODE", "LOCATION", "STATUS", "TOOK", "SAYS" };
	struct cli_table t;
	char where[160], says[200];
	json_t *r;
	size_t i;

	cli_table_init(&t, 5, headers);
	json_array_foreach(results, i, r) {
		const char *failure = cli_text(r, "result.failure");
		const char *text = *failure ? cli_text(r, "result.failureMessage") :
					      cli_text(r, "result.rawOutput");
		snprintf(says, sizeof(says), "%.*s", (int)strcspn(text, "\n"), text);
		place(json_object_get(r, "probe"), where, sizeof(where));
		cell(&t, 0, r, "probe.name", "");
		cli_table_add(&t, 1, "%s", where);
		cli_table_add(&t, 2, "%s", *failure ? failure : cli_text(r, "result.status"));
		cell(&t, 3, r, "result.durationMs", " ms");
		cli_table_add(&t, 4, "%s", says);
		cli_table_end_row(&t);
	}
	cli_table_print(cli, &t);
}

static void raw(const json_t *results)
{
	char where[160];
	json_t *r;
	size_t i;

	json_array_foreach(results, i, r) {
		place(json_object_get(r, "probe"), where, sizeof(where));
		printf("> %s (%s)\n", cli_text(r, "probe.name"), where);
		cli_print_escaped(cli_text(r, "result.rawOutput"), true);
		fputs("\n", stdout);
	}
}

static int verdict(const json_t *results)
{
	unsigned ok = 0, target = 0, ours = 0;
	json_t *r;
	size_t i;

	json_array_foreach(results, i, r) {
		const char *status = cli_text(r, "result.status");
		if (!strcmp(status, "finished"))
			ok++;
		else if (!strcmp(cli_text(r, "result.failureSource"), "internal"))
			ours++;
		else if (!strcmp(status, "failed"))
			target++;
	}
	return target ? EXIT_RESULT : ours && ok ? EXIT_PARTIAL : ours ? EXIT_RESULT : EXIT_OK;
}

int cli_show_measurement(struct cli *cli, const json_t *measurement)
{
	const json_t *results = json_object_get(measurement, "results");
	bool stats = false;
	json_t *r;
	size_t i;

	json_array_foreach(results, i, r)
		stats |= json_object_get(json_object_get(r, "result"), "stats") != NULL;
	if (cli->format == FORMAT_RAW)
		raw(results);
	else if (!cli_print_json(cli, cli->format == FORMAT_JSONL ? results : measurement)) {
		if (stats)
			stats_table(cli, results);
		else
			plain_table(cli, results);
	}
	return verdict(results);
}

int cli_measurement_show(struct cli *cli, const struct cli_args *a)
{
	char path[128];
	int code;

	snprintf(path, sizeof(path), "/v1/measurements/%.64s", a->words[0]);
	json_t *m = cli_ask(cli, "GET", path, NULL, &code);
	if (!m)
		return code;
	if (cli->format == FORMAT_TABLE)
		printf("%s %s, %s, %s; policy %s%s%s\n", cli_text(m, "type"), cli_text(m, "target"),
		       cli_text(m, "status"), cli_text(m, "createdAt"), cli_text(m, "placement.policy"),
		       *cli_text(m, "placement.reason") ? ": " : "", cli_text(m, "placement.reason"));
	code = cli_show_measurement(cli, m);
	json_decref(m);
	return code;
}
