/* SPDX-License-Identifier: Apache-2.0 */
/* Why a measurement got its nodes: the questions put to the policy one after the other, with what
 * was left out before and what it answered. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct cli_column candidate_columns[] = {
	{ "CANDIDATE", "node", "name" }, { "REGION", "region", "region" },
	{ "LOAD", "load", "load" },      { "ACTIVE", "active", "active" },
	{ "RTT", "rtt_ms", "rtt", " ms" }, { "PRIORITY", "priority", "priority" },
	{ "CHOSEN", "chosen", "place" },
};

static const struct cli_column dropped_columns[] = {
	{ "LEFT OUT", "node", "name" },
	{ "BY", "by", "by" },
	{ "REQUIREMENT", "requirement", "requirement" },
	{ "STATUS", "status", "status" },
};

/* The place of each candidate in the answer. */
static void mark_chosen(const json_t *decision)
{
	json_t *nodes = json_object_get(decision, "nodes"), *node;
	const json_t *answer = json_object_get(decision, "answer");
	size_t i, k;

	json_array_foreach(nodes, i, node)
		for (k = 0; k < json_array_size(answer); k++)
			if (json_equal(json_array_get(answer, k), json_object_get(node, "at")))
				json_object_set_new(node, "place", json_integer((json_int_t)k + 1));
}

static void print_chain(const json_t *decision)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(decision, "chain"), i, one)
		cli_printf("%s%s (version %lld)", i ? ", then " : "", cli_str(one, "name"),
		           (long long)json_integer_value(json_object_get(one, "version")));
}

static void print_left_out(const struct cli *cli, const json_t *step)
{
	const json_t *dropped = json_object_get(step, "dropped"), *n;
	const char *by;
	bool first = true;

	json_object_foreach((json_t *)dropped, by, n) {
		cli_printf("%s%lld by %s", first ? "Left out: " : ", ", (long long)json_integer_value(n), by);
		first = false;
	}
	if (!first)
		puts(".");
	if (json_array_size(json_object_get(step, "droppedNodes")))
		cli_print_rows(cli, dropped_columns, COUNT(dropped_columns),
		               json_object_get(step, "droppedNodes"));
}

static void print_step(const struct cli *cli, const json_t *step)
{
	const json_t *d = json_object_get(step, "decision"), *location = json_object_get(step, "location");
	json_int_t candidates = json_integer_value(json_object_get(step, "candidates"));

	putchar('\n');
	if (location)
		cli_printf("Location %lld: ", (long long)json_integer_value(location) + 1);
	cli_printf("%lld candidate%s, %lld wanted.\n", (long long)candidates, candidates == 1 ? "" : "s",
	           (long long)json_integer_value(json_object_get(json_object_get(d, "request"), "want")));
	print_left_out(cli, step);
	cli_printf("Asked: ");
	print_chain(d);
	cli_printf("; seed %lld; it took %lld us.\n",
	           (long long)json_integer_value(json_object_get(d, "seed")),
	           (long long)json_integer_value(json_object_get(d, "tookUs")));
	cli_printf("%s: %s\n", json_is_true(json_object_get(d, "fallback")) ?
	           "It failed, the built-in order decided" : "Answer", cli_str(d, "reason"));
	mark_chosen(d);
	if (json_is_false(json_object_get(d, "complete")))
		puts("Too many candidates to name; the chosen ones are:");
	cli_print_rows(cli, candidate_columns, COUNT(candidate_columns), json_object_get(d, "nodes"));
}

int cli_measurement_explain(struct cli *cli, const struct cli_args *a)
{
	char path[128];
	const json_t *step;
	size_t i;
	int code;

	if (strlen(a->words[0]) > 64 || strpbrk(a->words[0], "/?#%.& "))
		return cli_fail(EXIT_USAGE, "'%s' is not the id of a measurement", a->words[0]);
	snprintf(path, sizeof(path), "/v1/measurements/%s/explain", a->words[0]);
	json_t *doc = cli_get(cli, path, NULL, &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc)) {
		cli_printf("%s %s, created %s, placed by %s (seed %lld)\n", cli_str(doc, "type"),
		           cli_str(doc, "target"), cli_str(doc, "createdAt"), cli_str(doc, "policy"),
		           (long long)json_integer_value(json_object_get(doc, "seed")));
		json_array_foreach(json_object_get(doc, "steps"), i, step)
			print_step(cli, step);
		if (!json_array_size(json_object_get(doc, "steps")))
			puts("No explanation was kept for it; sonde schedule show tells of the runs of a schedule.");
	}
	json_decref(doc);
	return EXIT_OK;
}
