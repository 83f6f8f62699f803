/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix of nodes and targets, worst first, and the sentence that says whether it is the node or
 * the target: the same rules as on the dashboard. Lines borrow their names from the model. */
#include "cli/top.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "cli/cli.h"

static const struct {
	const char *group, *type;
} members[] = {
	{ "TCP", "tcp" },   { "TCP", "tls" },   { "HTTP", "http" },
	{ "Ping", "ping" }, { "Ping", "udp" },  { "Ping", "sweep" },
	{ "DNS", "dns" },   { "Bandwidth", "bandwidth" },
	{ "Traceroute", "traceroute" },         { "Traceroute", "mtr" },
};

const char *const top_groups[] = { "All", "TCP", "HTTP", "Ping", "DNS", "Bandwidth", "Traceroute",
	                           NULL };

static bool in_group(const char *column, unsigned group)
{
	size_t len = strcspn(column, " ");

	for (unsigned i = 0; group && i < sizeof(members) / sizeof(members[0]); i++)
		if (!strcmp(members[i].group, top_groups[group]) && strlen(members[i].type) == len &&
		    !strncmp(members[i].type, column, len))
			return true;
	return !group;
}

bool top_is_bad(const struct top_pair *p)
{
	return p->outcome != TOP_OK || p->loss > 0;
}

/* Coarse, so that the order does not change with every result. */
static double badness(const struct top_pair *p)
{
	double loss = isnan(p->loss) ? 0 : p->loss;
	double ms = isnan(p->latency) || p->latency < 1 ? 1 : p->latency;
	double heat = fmin(1, fmax(0, (log10(ms) - 0.5) / 2.5));

	if (p->outcome != TOP_OK)
		return p->outcome == TOP_FAILED ? 30 : 20;
	return ceil(loss / 10) * 2 + floor(heat * 5);
}

static bool holds(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

/* Each word of the filter somewhere in what is shown of the pair. */
static bool matches(const struct top_model *m, const struct top_pair *p, const json_t *node,
                    const char *filter)
{
	const char *name = *cli_str(node, "name") ? cli_str(node, "name") : p->name ? p->name : p->node;
	char word[TOP_FILTER], shown[512];

	snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(p->column, "\t"), p->column);
	for (size_t n; filter += strspn(filter, " "), (n = strcspn(filter, " ")); filter += n) {
		snprintf(word, sizeof(word), "%.*s", (int)n, filter);
		if (!holds(name, word) && !holds(cli_str(node, "region"), word) && !holds(shown, word) &&
		    !holds(top_schedule(m, p->column), word))
			return false;
	}
	return true;
}

static bool passes(const struct top_model *m, const struct top_filter *f, const struct top_pair *p,
                   int64_t oldest_ms)
{
	const json_t *node = json_object_get(m->nodes, p->node);
	const char *status = cli_str(node, "status");
	bool there = !strcmp(status, "online") || !strcmp(status, "stale");

	return (f->offline ? node != NULL : there) && p->at_ms >= oldest_ms &&
	       in_group(p->column, f->group) && (!f->bad_only || top_is_bad(p)) &&
	       (!f->text[0] || matches(m, p, node, f->text));
}

static struct top_line *line_of(struct sonde_map *map, struct top_line *lines, size_t *count,
                                const char *key, const char *name)
{
	struct top_line *l = sonde_map_get(map, key, strlen(key));

	if (l)
		return l;
	l = &lines[*count];
	*l = (struct top_line){ .key = key, .name = name };
	if (sonde_map_put(map, key, strlen(key), l) != SONDE_OK)
		return NULL;
	(*count)++;
	return l;
}

static int by_badness(const void *a, const void *b)
{
	const struct top_line *x = a, *y = b;

	if (x->badness != y->badness)
		return x->badness < y->badness ? 1 : -1;
	int order = strcasecmp(x->name, y->name);
	return order ? order : strcmp(x->key, y->key);
}

/* The line with the most that is not well; NULL when all is. */
static const struct top_line *worst(const struct top_line *lines, size_t n)
{
	const struct top_line *w = NULL;

	for (size_t i = 0; i < n; i++)
		if (lines[i].bad > (w ? w->bad : 0))
			w = &lines[i];
	return w;
}

static void say(struct top_grid *g, const struct top_filter *f)
{
	const struct top_line *node = worst(g->rows, g->row_count);
	const struct top_line *target = worst(g->columns, g->column_count);
	size_t room = sizeof(g->sentence);
	int len = target ? (int)strcspn(target->name, "\t") : 0;

	if (!g->pairs && f->text[0])
		snprintf(g->sentence, room, "Nothing of the last hour has \"%s\".", f->text);
	else if (!g->pairs)
		snprintf(g->sentence, room, "Nothing was measured within the last hour.");
	else if (!g->bad || !node || !target)
		snprintf(g->sentence, room, "All %u pairs of node and target are well.", g->pairs);
	else if (g->bad > 1 && target->bad == g->bad && node->bad < g->bad)
		snprintf(g->sentence, room, "%u of %u pairs are not well, all of %.*s: it looks like the target.",
		         g->bad, g->pairs, len, target->name);
	else if (g->bad > 1 && node->bad == g->bad && target->bad < g->bad)
		snprintf(g->sentence, room, "%u of %u pairs are not well, all of %s: it looks like the node.",
		         g->bad, g->pairs, node->name);
	else
		snprintf(g->sentence, room, "%u of %u pairs are not well, most of %.*s (%u) and of %s (%u).",
		         g->bad, g->pairs, len, target->name, target->bad, node->name, node->bad);
}

static int collect(struct top_grid *g, const struct top_model *m, const struct top_filter *f,
                   struct sonde_map *rows, struct sonde_map *columns)
{
	int64_t oldest_ms = sonde_wall_ms() - TOP_OLD_MS;
	const struct top_pair *p;

	for (size_t at = 0; (p = sonde_map_next(&m->pairs, &at));) {
		if (!passes(m, f, p, oldest_ms))
			continue;
		const char *name = cli_str(json_object_get(m->nodes, p->node), "name");
		struct top_line *r = line_of(rows, g->rows, &g->row_count, p->node,
		                             *name ? name : p->name ? p->name : p->node);
		struct top_line *c = line_of(columns, g->columns, &g->column_count, p->column, p->column);
		if (!r || !c)
			return SONDE_ENOMEM;
		r->badness += badness(p);
		c->badness += badness(p);
		r->bad += top_is_bad(p);
		c->bad += top_is_bad(p);
		g->bad += top_is_bad(p);
		g->failing += p->outcome != TOP_OK;
		g->pairs++;
	}
	return SONDE_OK;
}

int top_grid_make(struct top_grid *g, const struct top_model *m, const struct top_filter *f)
{
	struct sonde_map rows, columns;
	int rc = SONDE_ENOMEM;

	*g = (struct top_grid){ .rows = calloc(m->pairs.len + 1, sizeof(*g->rows)),
		                .columns = calloc(m->pairs.len + 1, sizeof(*g->columns)) };
	sonde_map_init(&rows);
	sonde_map_init(&columns);
	if (g->rows && g->columns)
		rc = collect(g, m, f, &rows, &columns);
	sonde_map_deinit(&rows);
	sonde_map_deinit(&columns);
	if (rc != SONDE_OK) {
		top_grid_free(g);
		return rc;
	}
	qsort(g->rows, g->row_count, sizeof(*g->rows), by_badness);
	qsort(g->columns, g->column_count, sizeof(*g->columns), by_badness);
	say(g, f);
	return SONDE_OK;
}

void top_grid_free(struct top_grid *g)
{
	free(g->rows);
	free(g->columns);
	*g = (struct top_grid){ 0 };
}
