/* SPDX-License-Identifier: Apache-2.0 */
/* What came of it: the results of runs that no request opened, what was expected and what came, and
 * who is silent. A run that cannot be right (its node is no member, its time is no due time) is none:
 * the result is stored like any other that nobody asked for, and not counted. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"

enum { FOLD_MAX = 10000000, CHECKS_MAX = 1000, SILENCES = 10, SILENCE_S = 60,
       LATER_MS = 86400000 };

static bool in_gap(const struct member *, int64_t due);

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
	sonde_run_parse(id, &out->run);
	struct schedule *s = sonde_map_get(&ss->by_tag, &out->run.schedule, sizeof(out->run.schedule));
	out->member = s ? schedules_member(ss, &s->id, &node->id) : NULL;
	if (!out->member || !names_pair(ss, out->member, out->run.pair, &out->peer))
		return false;
	out->schedule = s->id;
	out->unplanned = in_gap(out->member, out->run.due_ms);
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
		.params = { f->policy_params, f->policy_params ? strlen(f->policy_params) : 0 },
		.owner = { s->owner, strlen(s->owner) },
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
	int rc = schedule_facts_init(&facts, ss->c, json_object_get(doc, "spec"), false,
	                             json_object_get(doc, "resolved"), &e);
	if (rc == SONDE_OK)
		write_record(ss, &facts, run, b);
	schedule_facts_deinit(&facts);
	json_decref(doc);
	return b->failed ? SONDE_ENOMEM : rc;
}

/* ---- expected and received ---- */

/* Each due time is counted once, in one of two ways. While the node is known to follow the plan, it
 * is expected by the plan. From the moment when the plan is changed until the node says that it has
 * the new one, only the node knows which of the two it follows: what came due then (a gap) is
 * expected when it comes. Which of the two holds for a result depends on its due time alone, never
 * on when it came. */
static bool in_gap(const struct member *m, int64_t due)
{
	for (unsigned i = 0; i < MEMBER_GAPS; i++)
		if (due > m->gaps[i].from && due <= m->gaps[i].to)
			return true;
	return false;
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
		m->expected += sonde_plan_count(&plan, m->until_ms, to, FOLD_MAX) * m->weight;
	}
	m->until_ms = to;
}

/* What came due just now is expected, but may still come: it is shown when that time is over. */
static void count_tail(struct member *m, int64_t wall)
{
	const struct schedule *s = m->schedule;
	struct sonde_plan plan = schedule_plan_on(&s->facts, &s->id, &m->plan->node);
	uint64_t n = 0;

	if (!s->facts.paused && !s->removed)
		n = sonde_plan_count(&plan, m->until_ms, wall, FOLD_MAX) * m->weight;
	if (wall >= m->tail_over) {
		m->tail = 0;
		m->tail_from = m->until_ms;
	}
	m->expected += n;
	m->tail += n;
	m->tail_to = wall;
	m->tail_over = wall + schedule_patience_ms(&s->facts);
	m->until_ms = wall;
}

void member_settle(struct member *m)
{
	int64_t wall = sonde_wall_ms();

	if (!m->told_ms)
		return;
	member_fold(m, wall);
	if (m->schedule->usable && m->role != MEMBER_LEFT && wall > m->until_ms)
		count_tail(m, wall);
	memmove(&m->gaps[1], &m->gaps[0], sizeof(m->gaps) - sizeof(m->gaps[0]));
	m->gaps[0].from = m->until_ms;
	m->gaps[0].to = SONDE_PLAN_NEVER;
	m->told_ms = 0;
}

void member_told(struct schedules *ss, struct member *m)
{
	m->told_ms = m->until_ms = m->gaps[0].to = sonde_wall_ms();
	m->weight = m->schedule->facts.mesh ? m->peer_count : 1;
	member_recheck(ss, m);
	member_store(ss, m);
}

/* Due in a time that `expected` as it is shown does not reach. */
static bool is_ahead(const struct member *m, int64_t due, int64_t wall)
{
	return due > m->until_ms ||
	       (wall < m->tail_over && due > m->tail_from && due <= m->tail_to);
}

/* A backlog does not come in here, so that it cannot push out what is new. */
static void remember(struct member *m, int64_t due)
{
	unsigned oldest = 0;

	if (!is_ahead(m, due, sonde_wall_ms()))
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

static bool is_stored(struct sonde_read *r, const struct member *m, const struct sonde_id *peer,
                      int64_t due)
{
	const struct schedule *s = m->schedule;
	struct sonde_run run = { due, s->tag, sonde_run_pair(&s->id, &m->plan->node, peer),
		                 (uint16_t)s->revision };
	struct sonde_slice value;
	struct sonde_id id;

	sonde_run_format(&run, &id);
	return sonde_read_get(r, SONDE_TABLE_MEASUREMENTS, (struct sonde_slice){ id.b, sizeof(id.b) },
	                      &value) == SONDE_OK;
}

void member_recall(struct member *m, struct sonde_read *r)
{
	static const struct sonde_id no_peer;
	const struct schedule *s = m->schedule;
	int64_t wall = sonde_wall_ms(), due;

	if (!m->told_ms || !s->usable || m->role == MEMBER_LEFT)
		return;
	member_fold(m, wall);
	struct sonde_plan plan = schedule_plan_on(&s->facts, &s->id, &m->plan->node);
	due = m->until_ms;
	for (unsigned n = 0; n < MEMBER_RECENT && (due = sonde_plan_next(&plan, due)) <= wall; n++) {
		if (!s->facts.mesh && is_stored(r, m, &no_peer, due))
			remember(m, due);
		for (unsigned i = 0; s->facts.mesh && i < m->peer_count; i++)
			if (is_stored(r, m, &m->peers[i], due))
				remember(m, due);
	}
}

uint64_t member_expected(const struct member *m, int64_t wall)
{
	uint64_t n = m->expected + m->unplanned - (wall < m->tail_over ? m->tail : 0);

	for (unsigned i = 0; i < MEMBER_RECENT; i++)
		n += is_ahead(m, m->recent[i].due_ms, wall) ? m->recent[i].count : 0;
	return n;
}

void schedules_received(struct schedules *ss, const struct sonde_id *schedule,
                        const struct sonde_id *node, const struct sonde_id *run, int64_t due,
                        bool unplanned)
{
	struct member *m = schedules_member(ss, schedule, node);

	ss->runs++;
	if (!m)
		return;
	m->received++;
	/* What a node with a wrong clock ran in the future is not the last for ever. */
	if (due >= m->last_due_ms || m->last_due_ms > sonde_wall_ms() + LATER_MS) {
		m->last_due_ms = due;
		m->last_run = *run;
	}
	if (unplanned)
		m->unplanned++;
	else
		remember(m, due);
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
