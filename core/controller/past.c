/* SPDX-License-Identifier: Apache-2.0 */
/* From a stored result to what policies know of the past. Owns nothing. */
#include "controller/past.h"

#include <math.h>
#include <sonde/plugin.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/result_facts.h"
#include "script/history.h"

enum { TYPE_TEXT = 65, TARGET_TEXT = 257 };

static bool has_time(struct past *p)
{
	int64_t now = sonde_boottime_ns();

	if (now - p->second_ns >= SONDE_NS_PER_S) {
		p->second_ns = now;
		p->in_second = 0;
	}
	bool yes = p->in_second++ < PAST_A_SECOND;
	p->skipped += !yes;
	return yes;
}

/* What was asked for; false when nobody knows any more. */
static bool asked(const struct controller *c, const struct sonde_result *r,
                  const struct sonde_id *schedule, char type[TYPE_TEXT], char target[TARGET_TEXT])
{
	const struct measurement *m = tasks_find(&c->tasks, &r->measurement);
	const struct schedule *s = m || sonde_id_is_zero(schedule) ? NULL :
				   schedules_by_id(&c->schedules, schedule);

	if (m) {
		snprintf(type, TYPE_TEXT, "%.*s", (int)m->record.type.len, m->record.type.s);
		snprintf(target, TARGET_TEXT, "%.*s", (int)m->record.target.len, m->record.target.s);
	} else if (s && s->usable) {
		snprintf(type, TYPE_TEXT, "%s", s->facts.type ? s->facts.type : "");
		snprintf(target, TARGET_TEXT, "%s", s->facts.target ? s->facts.target : "");
	}
	return (m || (s && s->usable)) && *type;
}

void past_note(struct controller *c, const struct sonde_result *r, const struct sonde_id *schedule)
{
	const struct node *node = nodes_by_id(&c->nodes, &r->node);
	char type[TYPE_TEXT], target[TARGET_TEXT];
	struct result_facts f;

	if (!node || r->lost || sonde_failure_is_ours(r->failure) || !has_time(&c->past) ||
	    !asked(c, r, schedule, type, target))
		return;
	result_facts_read(&f, r->body.data, r->body.len);
	double loss = f.loss >= 0 && f.loss <= 100 ? f.loss / 100 : 0;
	double ms = result_facts_ms(&f);
	struct sonde_outcome o = {
		.row = node->row, .type = type, .target = *target ? target : NULL,
		.address = f.address, .ok = r->failure ? 0 : 1 - loss,
		.ms = r->failure || !(ms >= 0) ? NAN : ms,
	};
	c->past.noted += sonde_policy_note(c->policies, &o) == SONDE_OK;
	const struct schedule *s = sonde_id_is_zero(schedule) ? NULL :
				   schedules_by_id(&c->schedules, schedule);
	if (s && s->facts.mesh && *f.address && !isnan(o.ms))
		regions_note(&c->regions, &c->nodes, node->facts.region, f.address, o.ms);
}

/* ---- the start ---- */

struct loading {
	struct controller *c;
	unsigned rows;
};

static double variance_of(const struct rollup_view *v, double mean)
{
	double sum = 0, n = 0;

	for (size_t i = 0; i < v->bar_count; i++) {
		double d = histogram_value(v->bars[i].step) - mean;
		sum += (double)v->bars[i].count * d * d;
		n += (double)v->bars[i].count;
	}
	return n > 0 ? sum / n : 0;
}

static int load_one(void *arg, const struct rollup_view *v)
{
	struct loading *l = arg;
	const struct node *node = nodes_by_id(&l->c->nodes, &v->node);
	const struct rollup_sums *s = &v->sums;
	char type[TYPE_TEXT], target[TARGET_TEXT];

	if (l->rows++ == PAST_ROLLUPS)
		return 1;
	uint64_t tried = s->count - s->unmeasured;
	if (!node || s->unmeasured > s->count || s->failed > tried || !tried)
		return 0;
	snprintf(type, sizeof(type), "%.*s", (int)v->type_len, v->type);
	snprintf(target, sizeof(target), "%.*s", (int)v->target_len, v->target);
	double loss = s->lossy ? s->loss / 100 / (double)s->lossy : 0;
	double ok = (double)(tried - s->failed) / (double)tried * (1 - (loss <= 1 ? loss : 1));
	double mean = s->timed ? s->sum / (double)s->timed : NAN;
	struct sonde_outcome o = {
		.row = node->row, .type = type, .target = *target ? target : NULL,
		.ok = ok, .ms = mean, .variance = s->timed ? variance_of(v, mean) : 0,
		.count = tried < UINT32_MAX ? (unsigned)tried : UINT32_MAX,
	};
	l->c->past.noted += sonde_policy_note(l->c->policies, &o) == SONDE_OK;
	return 0;
}

void past_load(struct controller *c)
{
	struct loading l = { .c = c };
	int64_t now = sonde_wall_ms(), hour = rollup_step_ms[ROLLUP_HOUR];

	int rc = rollups_each(&c->rollups, ROLLUP_HOUR, now - PAST_HOURS * hour, now + hour, load_one, &l);
	if (rc < 0)
		sonde_log(SONDE_LOG_WARN, "policy", "the past of the nodes cannot be read: %s",
		          sonde_strstatus(rc));
}
