/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/series: rollups as points over time, together or by node, region, target, type, schedule. The step is
 * the finest that gives at most POINTS points, or the one that was asked for. Bounded by the rollups
 * it looks at and the groups it makes; a question that needs more is told so. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/members.h"

enum { POINTS = 500, POINTS_MAX = 2000, GROUPS_MAX = 500, LOOK_MAX = 50000, GROUP_TEXT = 700 };
enum { BY_NODE = 1, BY_REGION = 2, BY_TARGET = 4, BY_TYPE = 8, BY_SCHEDULE = 16 };
enum { TOO_MANY_ROLLUPS = 1, TOO_MANY_GROUPS, NO_MEMORY };

struct point {
	struct rollup_sums sums;
	struct histogram histogram;
};

struct group {
	struct group *next; /* in order of making */
	struct sonde_id node, schedule;
	char region[65];
	char type[256], target[256];
	struct point *points[]; /* by step; NULL where nothing was */
};

struct question {
	struct controller *c;
	int64_t since_ms, until_ms, width_ms;
	enum rollup_step step;
	unsigned by, point_count, looked, groups_made;
	struct sonde_id node; /* zero = any */
	struct sonde_id schedule; /* zero = what was asked once */
	bool any_schedule;
	char type[64], target[256], region[65];
	struct sonde_map groups;
	struct group *first, **last;
};

static bool is_text(const char *want, const char *s, size_t len)
{
	return !*want || (strlen(want) == len && !strncasecmp(want, s, len));
}

static const char *region_of(const struct question *q, const struct sonde_id *id)
{
	const struct node *n = nodes_by_id(&q->c->nodes, id);

	return n && n->facts.region ? n->facts.region : "";
}

static struct group *group_of(struct question *q, const struct rollup_view *v, const char *region)
{
	char key[GROUP_TEXT];
	size_t n = 0;

	if (q->by & BY_NODE) {
		memcpy(key, v->node.b, 16);
		n = 16;
	}
	if (q->by & BY_SCHEDULE) {
		memcpy(key + n, v->schedule.b, 16);
		n += 16;
	}
	int len = snprintf(key + n, sizeof(key) - n, "%s%c%.*s%c%.*s", q->by & BY_REGION ? region : "",
	                   '\n', q->by & BY_TYPE ? (int)v->type_len : 0, v->type, '\n',
	                   q->by & BY_TARGET ? (int)v->target_len : 0, v->target);
	n += len > 0 ? (size_t)len : 0;
	struct group *g = sonde_map_get(&q->groups, key, n);
	if (g || q->groups_made == GROUPS_MAX)
		return g;
	g = calloc(1, sizeof(*g) + q->point_count * sizeof(g->points[0]));
	if (!g || sonde_map_put(&q->groups, key, n, g) != SONDE_OK) {
		free(g);
		return NULL;
	}
	g->node = v->node;
	g->schedule = v->schedule;
	snprintf(g->region, sizeof(g->region), "%s", region);
	snprintf(g->type, sizeof(g->type), "%.*s", (int)v->type_len, v->type);
	snprintf(g->target, sizeof(g->target), "%.*s", (int)v->target_len, v->target);
	*q->last = g;
	q->last = &g->next;
	q->groups_made++;
	return g;
}

static int add(void *arg, const struct rollup_view *v)
{
	struct question *q = arg;

	if (++q->looked > LOOK_MAX)
		return TOO_MANY_ROLLUPS;
	if ((!sonde_id_is_zero(&q->node) && !sonde_id_equal(&q->node, &v->node)) ||
	    (!q->any_schedule && !sonde_id_equal(&q->schedule, &v->schedule)) ||
	    !is_text(q->type, v->type, v->type_len) ||
	    !is_text(q->target, v->target, v->target_len))
		return 0;
	const char *region = region_of(q, &v->node);
	if (!is_text(q->region, region, strlen(region)))
		return 0;
	struct group *g = group_of(q, v, region);
	if (!g)
		return q->groups_made == GROUPS_MAX ? TOO_MANY_GROUPS : NO_MEMORY;
	int64_t i = (v->at_ms - q->since_ms) / q->width_ms;
	if (v->at_ms < q->since_ms || i >= q->point_count)
		return 0;
	if (!g->points[i] && !(g->points[i] = calloc(1, sizeof(*g->points[i]))))
		return NO_MEMORY;
	rollup_sums_add(&g->points[i]->sums, &v->sums);
	return histogram_merge(&g->points[i]->histogram, v->bars, v->bar_count) == SONDE_OK ? 0 :
											  NO_MEMORY;
}

/* ---- the question ---- */

static bool read_by(struct call *call, unsigned *by)
{
	static const char *const names[] = { "node", "region", "target", "type", "schedule" };
	enum { NAMES = sizeof(names) / sizeof(names[0]) };
	char text[64];

	*by = 0;
	if (!call_query(call, "by", text, sizeof(text)))
		return true;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ",");
		unsigned i = 0;
		while (i < NAMES && (strlen(names[i]) != len || memcmp(names[i], p, len)))
			i++;
		if (i == NAMES)
			return call_wrong(call, "by", "must be some of node, region, target, type, schedule");
		*by |= 1u << i;
		p += len + (p[len] == ',');
	}
	return true;
}

static bool read_step(struct call *call, struct question *q)
{
	static const char *const names[ROLLUP_STEPS] = { "1m", "1h", "1d" };
	char text[16];
	int64_t span = q->until_ms - q->since_ms;
	int step = 0;

	if (call_query(call, "step", text, sizeof(text)) && strcmp(text, "auto")) {
		while (step < ROLLUP_STEPS && strcmp(names[step], text))
			step++;
		if (step == ROLLUP_STEPS)
			return call_wrong(call, "step", "must be 1m, 1h, 1d or auto");
		if (span / rollup_step_ms[step] > POINTS_MAX)
			return call_wrong(call, "step", "is too short for this time: over 2000 points");
	} else {
		while (step < ROLLUP_DAY && span / rollup_step_ms[step] > POINTS)
			step++;
		if (span / rollup_step_ms[step] > POINTS_MAX)
			return call_wrong(call, "since", "and \"until\" are over 2000 days apart");
	}
	q->step = (enum rollup_step)step;
	q->width_ms = rollup_step_ms[step];
	q->since_ms = q->since_ms / q->width_ms * q->width_ms;
	q->point_count = (unsigned)((q->until_ms - q->since_ms + q->width_ms - 1) / q->width_ms);
	return true;
}

/* By name or id, also of one that is gone; "none" is what was asked once. */
static bool read_schedule(struct call *call, struct question *q)
{
	char text[65];

	q->any_schedule = !call_query(call, "schedule", text, sizeof(text));
	if (q->any_schedule || !strcmp(text, "none"))
		return true;
	const struct schedule *s = schedules_find(&call->c->schedules, text);
	if (s)
		q->schedule = s->id;
	else if (!sonde_id_parse(text, strlen(text), &q->schedule))
		return call_wrong(call, "schedule", "must be the id or the name of a schedule, or none");
	return true;
}

static bool read_question(struct call *call, struct question *q)
{
	int64_t now = sonde_wall_ms();
	char text[65];

	*q = (struct question){ .c = call->c };
	q->last = &q->first;
	if (!call_time(call, "until", now, &q->until_ms) ||
	    !call_time(call, "since", q->until_ms > 3600000 ? q->until_ms - 3600000 : 0, &q->since_ms))
		return false;
	if (q->since_ms >= q->until_ms)
		return call_wrong(call, "since", "must be before \"until\"");
	call_query(call, "type", q->type, sizeof(q->type));
	call_query(call, "target", q->target, sizeof(q->target));
	call_query(call, "region", q->region, sizeof(q->region));
	if (call_query(call, "node", text, sizeof(text))) {
		const struct node *n = nodes_find(&call->c->nodes, text);
		if (n)
			q->node = n->id;
		else if (!sonde_id_parse(text, strlen(text), &q->node))
			return call_wrong(call, "node", "must be the id or the name of a node");
	}
	return read_schedule(call, q) && read_by(call, &q->by) && read_step(call, q);
}

/* ---- the answer ---- */

static void put_number(struct sonde_json *j, const char *key, double v)
{
	sonde_json_number(j, key, v, 3);
}

static void put_point(const struct point *p, int64_t at_ms, struct sonde_json *j)
{
	static const struct {
		const char *key;
		double share;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p95", 0.95 }, { "p99", 0.99 } };
	const struct rollup_sums *s = &p->sums;

	sonde_json_open(j, NULL, '{');
	member_time(j, "at", at_ms);
	sonde_json_int(j, "count", (int64_t)s->count);
	sonde_json_int(j, "failed", (int64_t)s->failed);
	sonde_json_int(j, "unmeasured", (int64_t)s->unmeasured);
	put_number(j, "loss", s->lossy ? s->loss / (double)s->lossy : NAN);
	put_number(j, "min", s->timed ? s->min : NAN);
	put_number(j, "avg", s->timed ? s->sum / (double)s->timed : NAN);
	put_number(j, "max", s->timed ? s->max : NAN);
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		put_number(j, quantiles[i].key, histogram_quantile(&p->histogram, quantiles[i].share));
	sonde_json_close(j);
}

static void put_group(const struct question *q, const struct group *g, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	if (q->by & BY_NODE) {
		const struct node *n = nodes_by_id(&q->c->nodes, &g->node);
		member_id(j, "node", &g->node);
		sonde_json_str(j, "nodeName", n ? n->facts.name : NULL);
	}
	if (q->by & BY_REGION)
		sonde_json_str(j, "region", g->region);
	if (q->by & BY_TYPE)
		sonde_json_str(j, "type", g->type);
	if (q->by & BY_TARGET)
		sonde_json_str(j, "target", g->target);
	if (q->by & BY_SCHEDULE) {
		const struct schedule *s = schedules_by_id(&q->c->schedules, &g->schedule);
		member_id_or_null(j, "schedule", &g->schedule);
		sonde_json_str(j, "scheduleName", s ? s->name : NULL);
	}
	sonde_json_open(j, "points", '[');
	for (unsigned i = 0; i < q->point_count; i++)
		if (g->points[i])
			put_point(g->points[i], q->since_ms + i * q->width_ms, j);
	sonde_json_close(j);
	sonde_json_close(j);
}

static void free_groups(struct question *q)
{
	for (struct group *g = q->first, *next; g; g = next) {
		next = g->next;
		for (unsigned i = 0; i < q->point_count; i++) {
			if (g->points[i])
				histogram_deinit(&g->points[i]->histogram);
			free(g->points[i]);
		}
		free(g);
	}
	sonde_map_deinit(&q->groups);
}

static void answer(struct call *call, const struct question *q)
{
	static const char *const names[ROLLUP_STEPS] = { "1m", "1h", "1d" };
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "step", names[q->step]);
	member_time(&j, "since", q->since_ms);
	member_time(&j, "until", q->until_ms);
	sonde_json_open(&j, "series", '[');
	for (const struct group *g = q->first; g; g = g->next)
		put_group(q, g, &j);
	sonde_json_close(&j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_series(struct call *call)
{
	struct question q;

	if (!read_question(call, &q))
		return;
	sonde_map_init(&q.groups);
	int rc = rollups_each(&call->c->rollups, q.step, q.since_ms, q.until_ms, add, &q);
	if (!rc)
		answer(call, &q);
	else if (rc == TOO_MANY_ROLLUPS)
		call_wrong(call, "since", "asks for more than 50000 rollups: a shorter time or a longer step");
	else if (rc == TOO_MANY_GROUPS)
		call_wrong(call, "by", "makes more than 500 groups: filter, or group by less");
	else
		answer_busy(call->c, call->req, rc < 0 ? rc : SONDE_ENOMEM);
	free_groups(&q);
}
