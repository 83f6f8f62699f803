/* SPDX-License-Identifier: Apache-2.0 */
/* What came of it: the results of runs that no request opened, what was expected and what came, and
 * who is silent. A run that cannot be right (its node is no member, its time is no due time) is none:
 * the result is stored like any other that nobody asked for, and not counted. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"

enum { FOLD_MAX = 10000000, CHECKS_MAX = 1000, SILENCES = 10, SILENCE_S = 60 };

/* ---- whose run is it ---- */

static bool names_pair(const struct schedules *ss, const struct member *m, uint32_t pair,
                       struct sonde_id *peer)
{
	static const struct sonde_id no_peer;
	const struct nodes *all = &ss->c->nodes;
	const struct sonde_id *schedule = &m->schedule->id, *node = &m->plan->node;

	*peer = no_peer;
	if (sonde_run_pair(schedule, node, &no_peer) == pair)
		return true;
	for (unsigned i = 0; i < m->peer_count; i++)
		if (sonde_run_pair(schedule, node, &m->peers[i]) == pair) {
			*peer = m->peers[i];
			return true;
		}
	/* A peer of an older set. */
	for (unsigned i = 0; i < all->len; i++)
		if (all->all[i] && sonde_run_pair(schedule, node, &all->all[i]->id) == pair) {
			*peer = all->all[i]->id;
			return true;
		}
	return false;
}

bool schedules_resolve(struct schedules *ss, const struct node *node, const struct sonde_id *id,
                       struct run_facts *out)
{
	struct sonde_id peer;

	sonde_run_parse(id, &out->run);
	struct schedule *s = sonde_map_get(&ss->by_tag, &out->run.schedule, sizeof(out->run.schedule));
	out->member = s ? schedules_member(ss, &s->id, &node->id) : NULL;
	if (!out->member || !names_pair(ss, out->member, out->run.pair, &peer))
		return false;
	out->schedule = s->id;
	if (!s->usable || out->run.revision != (uint16_t)s->revision)
		return true;
	struct sonde_plan plan = schedule_plan_on(&s->facts, &s->id, &node->id);
	return sonde_plan_is_due(&plan, out->run.due_ms);
}

/* ---- its record ---- */

static void write_record(struct schedules *ss, const struct schedule_facts *f,
                         const struct run_facts *run, struct sonde_buf *b)
{
	const struct schedule *s = run->member->schedule;
	const struct sonde_id *node = &run->member->plan->node;
	const char *target = f->target;
	struct sonde_id peer;

	if (!target && names_pair(ss, run->member, run->run.pair, &peer)) {
		const struct node *n = nodes_by_id(&ss->c->nodes, &peer);
		target = n ? n->facts.address : NULL;
	}
	target = target ? target : "a node";
	const char *reason = run->member->reason;
	struct record r = {
		.type = { f->type, strlen(f->type) }, .target = { target, strlen(target) },
		.options = f->options, .policy = { f->policy, strlen(f->policy) },
		.reason = { reason, strlen(reason) }, .timeout_ms = f->timeout_ms,
		.ip_version = f->ip_version, .count = 1, .nodes = node->b,
		.schedule = { (const char *)s->id.b, sizeof(s->id.b) },
		.due_ms = (uint64_t)run->run.due_ms,
	};
	record_write(b, &r);
}

static json_t *read_revision(struct schedules *ss, const struct schedule *s, uint16_t low)
{
	uint32_t revision = (s->revision & ~UINT32_C(0xffff)) | low;
	struct sonde_slice value;
	struct sonde_read *r;
	struct sonde_error e;
	uint8_t key[20];
	json_t *doc = NULL;

	if (revision > s->revision)
		revision -= 0x10000;
	memcpy(key, s->id.b, 16);
	for (int i = 0; i < 4; i++)
		key[16 + i] = (uint8_t)(revision >> (24 - 8 * i));
	if (sonde_read_begin(ss->c->store, &r) != SONDE_OK)
		return NULL;
	if (sonde_read_get(r, SONDE_TABLE_SCHEDULES, (struct sonde_slice){ key, sizeof(key) },
	                   &value) == SONDE_OK)
		doc = sonde_json_load(value.data, value.len, &e);
	sonde_read_end(r);
	return doc;
}

int schedules_record(struct schedules *ss, const struct run_facts *run, struct sonde_buf *b)
{
	const struct schedule *s = run->member->schedule;
	struct schedule_facts facts;
	struct sonde_error e;

	if (run->run.revision == (uint16_t)s->revision && s->usable) {
		write_record(ss, &s->facts, run, b);
		return b->failed ? SONDE_ENOMEM : SONDE_OK;
	}
	json_t *doc = read_revision(ss, s, run->run.revision);
	int rc = schedule_facts_init(&facts, ss->c, json_object_get(doc, "spec"), false, &e);
	if (rc == SONDE_OK)
		write_record(ss, &facts, run, b);
	schedule_facts_deinit(&facts);
	json_decref(doc);
	return b->failed ? SONDE_ENOMEM : rc;
}

/* ---- expected and received ---- */

static uint64_t weight(const struct member *m)
{
	return m->schedule->facts.mesh ? m->peer_count : 1;
}

void member_fold(struct member *m, int64_t wall)
{
	struct schedule *s = m->schedule;

	if (!m->told_ms || !s->usable || m->role == MEMBER_LEFT)
		return;
	int64_t to = wall - schedule_patience_ms(&s->facts);
	if (to <= m->until_ms)
		return;
	if (!s->facts.paused && !s->removed) {
		struct sonde_plan plan = schedule_plan_on(&s->facts, &s->id, &m->plan->node);
		m->expected += sonde_plan_count(&plan, m->until_ms, to, FOLD_MAX) * weight(m);
	}
	m->until_ms = to;
}

void member_settle(struct member *m)
{
	if (m->schedule->usable)
		member_fold(m, sonde_wall_ms() + schedule_patience_ms(&m->schedule->facts));
}

void member_told(struct schedules *ss, struct member *m)
{
	m->told_ms = m->until_ms = sonde_wall_ms();
	member_recheck(ss, m);
	member_store(ss, m);
}

/* A backlog does not come in here, so that it cannot push out what is new. */
static void remember(struct member *m, int64_t due)
{
	unsigned oldest = 0;

	if (due <= m->until_ms)
		return;
	for (unsigned i = 0; i < MEMBER_RECENT; i++) {
		if (m->recent[i].due_ms == due) {
			m->recent[i].count++;
			return;
		}
		if (m->recent[i].due_ms < m->recent[oldest].due_ms)
			oldest = i;
	}
	m->recent[oldest].due_ms = due;
	m->recent[oldest].count = 1;
}

uint64_t member_ahead(const struct member *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < MEMBER_RECENT; i++)
		n += m->recent[i].due_ms > m->until_ms ? m->recent[i].count : 0;
	return n;
}

void schedules_received(struct schedules *ss, const struct sonde_id *schedule,
                        const struct sonde_id *node, const struct sonde_id *run, int64_t due)
{
	struct member *m = schedules_member(ss, schedule, node);

	ss->runs++;
	if (!m)
		return;
	m->received++;
	if (due >= m->last_due_ms) {
		m->last_due_ms = due;
		m->last_run = *run;
	}
	remember(m, due);
	/* It was run before the controller knew that the node had been told. */
	if ((!m->told_ms || due <= m->told_ms) && m->since_ms <= due)
		m->expected++;
}

/* ---- silence ---- */

static void seat(struct schedules *ss, struct member *m, int64_t after)
{
	struct schedule *s = m->schedule;
	bool on = m->told_ms && s->usable && !s->removed && !s->facts.paused;
	struct sonde_plan plan = { .until_ms = 0 };

	if (on)
		plan = schedule_plan_on(&s->facts, &s->id, &m->plan->node);
	m->check_due = on ? sonde_plan_next(&plan, after) : SONDE_PLAN_NEVER;
	if (m->check_due == SONDE_PLAN_NEVER)
		sonde_heap_remove(&ss->checks, &m->check);
	else
		sonde_heap_set(&ss->checks, &m->check,
		               m->check_due + schedule_patience_ms(&s->facts));
}

void member_recheck(struct schedules *ss, struct member *m)
{
	seat(ss, m, sonde_wall_ms());
	member_seat_booked(ss, m, sonde_wall_ms());
}

static bool came(const struct member *m, int64_t due)
{
	for (unsigned i = 0; i < MEMBER_RECENT; i++)
		if (m->recent[i].due_ms == due)
			return true;
	return false;
}

/* A node with thousands of schedules that falls silent is one thing to know, not thousands. */
static bool may_tell(struct schedules *ss, struct node_plan *p, const struct schedule *s,
                     const char *name)
{
	int64_t now = sonde_boottime_ns();

	if (!p->silence_ns || now - p->silence_ns > SILENCE_S * SONDE_NS_PER_S) {
		p->silence_ns = now;
		p->silences = 0;
	}
	if (++p->silences == SILENCES)
		schedule_event(ss, "schedule.missed", "warning", s, &p->node,
		               "%s falls silent, or comes back, in many schedules: no more of them are "
		               "told for a minute.", name);
	return p->silences < SILENCES;
}

static void check(struct schedules *ss, struct member *m)
{
	const struct schedule *s = m->schedule;
	const struct node *n = nodes_by_id(&ss->c->nodes, &m->plan->node);
	const char *name = n && n->facts.name ? n->facts.name : "a removed node";

	if (came(m, m->check_due)) {
		if (m->missed >= MISSED_TOLD && may_tell(ss, m->plan, s, name))
			schedule_event(ss, "schedule.recovered", "info", s, &m->plan->node,
			               "%s: results of %s come again after %u that did not.",
			               s->facts.name, name, m->missed);
		m->missed = 0;
	} else if (++m->missed == MISSED_TOLD && may_tell(ss, m->plan, s, name)) {
		schedule_event(ss, "schedule.missed", "warning", s, &m->plan->node,
		               "%s: %u results of %s in a row did not come (%s).", s->facts.name,
		               m->missed, name,
		               n && n->conn ? "it is connected" : "it is not connected");
	}
}

void schedules_checks(struct schedules *ss)
{
	int64_t now = sonde_wall_ms();
	struct sonde_heap_entry *h;

	for (int i = 0; i < CHECKS_MAX && (h = sonde_heap_peek(&ss->checks)) && h->key <= now; i++) {
		struct member *m = (struct member *)((char *)h - offsetof(struct member, check));
		struct sonde_plan plan = schedule_plan_on(&m->schedule->facts, &m->schedule->id,
		                                          &m->plan->node);
		check(ss, m);
		/* A clock that was set forward is nobody's silence. */
		int64_t patience = schedule_patience_ms(&m->schedule->facts);
		bool far = sonde_plan_count(&plan, m->check_due, now - patience, 64) == 64;
		seat(ss, m, far ? now : m->check_due);
	}
}
