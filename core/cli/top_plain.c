/* SPDX-License-Identifier: Apache-2.0 */
/* The Now view where there is no terminal: lines for people, an object for programs. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/top.h"

enum { LINES = 20 };

static const char *const outcomes[] = { [TOP_OK] = "ok", [TOP_FAILED] = "failed",
	                                [TOP_UNMEASURED] = "unmeasured" };

static json_t *figure(double v)
{
	return isnan(v) ? json_null() : json_real(round(v * 1000) / 1000);
}

static json_t *describe_pair(const struct top_model *m, const struct top_line *row,
                             const struct top_pair *p)
{
	size_t len = strcspn(p->column, " ");
	const char *target = p->column + len + (p->column[len] == ' ');
	char when[SONDE_TIME_TEXT];

	sonde_format_time(when, p->at_ms);
	return json_pack("{s:s, s:s%, s:s%, s:s, s:s, s:o, s:o, s:s, s:s, s:s}", "node", row->name, "type",
	                 p->column, len, "target", target, strcspn(target, "\t"), "schedule",
	                 top_schedule(m, p->column),
	                 "outcome", outcomes[p->outcome], "latencyMs", figure(p->latency),
	                 "lossPercent", figure(p->loss), "failure", p->failure, "why", p->why, "at", when);
}

/* The pairs that are not well, worst first. */
static json_t *describe_bad(const struct top_model *m, const struct top_grid *g)
{
	json_t *list = json_array();

	for (size_t r = 0; r < g->row_count; r++) {
		for (size_t c = 0; c < g->column_count && g->rows[r].bad; c++) {
			const struct top_pair *p = g->columns[c].bad ?
				top_grid_pair(m, g->rows[r].key, g->columns[c].key) : NULL;
			if (p && top_is_bad(p))
				json_array_append_new(list, describe_pair(m, &g->rows[r], p));
		}
	}
	return list;
}

static json_t *describe_nodes(const struct top_model *m)
{
	static const char *const statuses[] = { "online", "stale", "offline", "pending", "disabled",
		                                "deregistered" };
	json_t *nodes = json_object();

	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		json_object_set_new(nodes, statuses[i], json_integer(top_model_count(m, statuses[i])));
	json_object_set_new(nodes, "total", json_integer(top_model_count(m, NULL)));
	return nodes;
}

json_t *top_describe(const struct top_view *v, const struct top_model *m)
{
	char when[SONDE_TIME_TEXT];
	struct top_grid g;

	if (top_grid_make(&g, m, &v->filter) != SONDE_OK)
		return NULL;
	sonde_format_time(when, sonde_wall_ms());
	json_t *doc = json_pack("{s:s, s:b, s:o, s:I, s:I, s:I, s:o, s:I, s:s, s:o}", "at", when, "live",
	                        v->live, "nodes", describe_nodes(m), "pairs", (json_int_t)g.pairs,
	                        "notWell", (json_int_t)g.bad, "failing", (json_int_t)g.failing,
	                        "resultsPerSecond", figure(m->rate), "openEvents",
	                        (json_int_t)top_open_problems(m), "says",
	                        g.sentence, "bad", describe_bad(m, &g));
	if (!v->live)
		json_object_set_new(doc, "lost", json_string(v->why));
	top_grid_free(&g);
	return doc;
}

void top_print(const struct top_view *v, const struct top_model *m)
{
	json_t *doc = top_describe(v, m);
	const json_t *bad = json_object_get(doc, "bad");
	unsigned open = top_open_problems(m);
	char rate[32] = "-";
	const json_t *row;
	size_t i;

	if (!isnan(m->rate))
		snprintf(rate, sizeof(rate), "%.1f", m->rate);
	if (!v->live)
		cli_printf("no contact since %s: %s; what follows is old\n", v->since, v->why);
	cli_printf("%.19sZ  nodes %lld of %lld online, failing %lld of %lld, %s results/s, %u open "
	           "event%s. %s\n", cli_str(doc, "at"),
	           (long long)json_integer_value(cli_at(doc, "nodes.online")),
	           (long long)json_integer_value(cli_at(doc, "nodes.total")),
	           (long long)json_integer_value(json_object_get(doc, "failing")),
	           (long long)json_integer_value(json_object_get(doc, "pairs")),
	           rate, open,
	           open == 1 ? "" : "s",
	           cli_str(doc, "says"));
	json_array_foreach(bad, i, row) {
		const char *failure = cli_str(row, "failure");
		if (i == LINES)
			break;
		cli_printf("  %s -> %s %s: ", cli_str(row, "node"), cli_str(row, "type"),
		           cli_str(row, "target"));
		if (*failure)
			cli_printf("%s%s%s\n", failure, *cli_str(row, "why") ? ": " : "", cli_str(row, "why"));
		else
			cli_printf("loss %.0f %%\n", json_number_value(json_object_get(row, "lossPercent")));
	}
	if (json_array_size(bad) > LINES)
		cli_printf("  and %zu more\n", json_array_size(bad) - LINES);
	json_decref(doc);
}
