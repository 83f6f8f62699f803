/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of schedules and their members. Owns both and what each node runs. A schedule is
 * changed in memory after its commit (the API's job); a member is changed here and stored right
 * after: what a crash takes of that is chosen again, the same way. */
#include "controller/schedules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"

enum { KEEP_S = 600, SLICE_NS = 2000000, MORE_MS = 4 };

static void on_more(uv_timer_t *timer);
static void go_on(struct schedules *ss);

/* ---- finding ---- */

void schedules_member_key(const struct sonde_id *schedule, const struct sonde_id *node,
                       uint8_t out[MEMBER_KEY])
{
	memcpy(out, schedule->b, 16);
	memcpy(out + 16, node->b, 16);
}

struct schedule *schedules_by_id(const struct schedules *ss, const struct sonde_id *id)
{
	uint32_t tag = sonde_run_tag(id);
	struct schedule *s = sonde_map_get(&ss->by_tag, &tag, sizeof(tag));

	return s && sonde_id_equal(&s->id, id) ? s : NULL;
}

struct schedule *schedules_find(const struct schedules *ss, const char *text)
{
	struct schedule *s = sonde_map_get(&ss->by_name, text, strlen(text));
	struct sonde_id id;

	if (s)
		return s;
	s = sonde_id_parse(text, strlen(text), &id) ? schedules_by_id(ss, &id) : NULL;
	return s && !s->removed ? s : NULL;
}

struct member *schedules_member(const struct schedules *ss, const struct sonde_id *schedule,
                                const struct sonde_id *node)
{
	uint8_t key[MEMBER_KEY];

	schedules_member_key(schedule, node, key);
	return sonde_map_get(&ss->members, key, sizeof(key));
}

struct node_plan *schedules_plan(struct schedules *ss, const struct sonde_id *node)
{
	struct node_plan *p = sonde_map_get(&ss->plans, node->b, sizeof(node->b));

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || sonde_map_put(&ss->plans, node->b, sizeof(node->b), p) != SONDE_OK) {
		free(p);
		return NULL;
	}
	p->node = *node;
	return p;
}

/* ---- members ---- */

void schedule_event(struct schedules *ss, const char *kind, const char *severity,
                    const struct schedule *s, const struct sonde_id *node, const char *fmt, ...)
{
	struct event e = { .kind = kind, .severity = severity, .schedule = &s->id, .node = node };
	va_list args;

	va_start(args, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, args);
	va_end(args);
	event_raise(&ss->c->events, &e);
}

struct member *schedules_member_new(struct schedules *ss, struct schedule *s,
                                 const struct sonde_id *node)
{
	struct node_plan *plan = schedules_plan(ss, node);
	struct member *m = plan ? calloc(1, sizeof(*m)) : NULL;
	uint8_t key[MEMBER_KEY];

	schedules_member_key(&s->id, node, key);
	if (!m || sonde_map_put(&ss->members, key, sizeof(key), m) != SONDE_OK) {
		free(m);
		return NULL;
	}
	m->schedule = s;
	m->plan = plan;
	m->role = MEMBER_LEFT;
	m->weight = 1;
	m->gaps[0].to = SONDE_PLAN_NEVER;
	m->next = s->members;
	s->members = m;
	m->next_of_node = plan->first;
	plan->first = m;
	return m;
}

struct member *schedules_join(struct schedules *ss, struct schedule *s, const struct sonde_id *node,
                              enum member_role role, const struct sonde_id *stands_for,
                              const char *reason)
{
	struct member *m = schedules_member(ss, &s->id, node);

	if (!m)
		m = schedules_member_new(ss, s, node);
	if (!m)
		return NULL;
	member_fold(m, sonde_wall_ms());
	if (m->role == MEMBER_LEFT)
		m->set_version = 0;
	s->assigned += (role == MEMBER_ASSIGNED) - (m->role == MEMBER_ASSIGNED);
	m->role = role;
	m->since_ms = sonde_wall_ms();
	m->lost_ns = m->back_ns = 0;
	m->stands_for = stands_for ? *stands_for : (struct sonde_id){ { 0 } };
	snprintf(m->reason, sizeof(m->reason), "%s", reason);
	m->plan->dirty = true;
	member_store(ss, m);
	return m;
}

void schedules_leave(struct schedules *ss, struct member *m, const char *reason)
{
	member_settle(m);
	m->schedule->assigned -= m->role == MEMBER_ASSIGNED;
	m->role = MEMBER_LEFT;
	m->since_ms = sonde_wall_ms();
	m->missed = 0;
	m->plan->dirty = true;
	sonde_heap_remove(&ss->checks, &m->check);
	sonde_heap_remove(&ss->booked, &m->booked);
	free(m->peers);
	m->peers = NULL;
	m->peer_count = 0;
	snprintf(m->reason, sizeof(m->reason), "%s", reason);
	member_store(ss, m);
}

static void member_free(struct schedules *ss, struct member *m)
{
	sonde_heap_remove(&ss->checks, &m->check);
	sonde_heap_remove(&ss->booked, &m->booked);
	free(m->peers);
	free(m);
}

/* ---- schedules ---- */

struct schedule *schedules_new(struct schedules *ss, const struct sonde_id *id)
{
	struct schedule *s = calloc(1, sizeof(*s));
	uint32_t tag = sonde_run_tag(id);

	if (!s || sonde_map_put(&ss->by_tag, &tag, sizeof(tag), s) != SONDE_OK) {
		free(s);
		return NULL;
	}
	s->id = *id;
	s->tag = tag;
	return s;
}

static void set_name(struct schedules *ss, struct schedule *s)
{
	const char *name = json_string_value(json_object_get(s->spec, "name"));

	if (s->name[0])
		sonde_map_take(&ss->by_name, s->name, strlen(s->name));
	snprintf(s->name, sizeof(s->name), "%s", name && !s->removed ? name : "");
	if (s->name[0] && sonde_map_put(&ss->by_name, s->name, strlen(s->name), s) != SONDE_OK)
		s->name[0] = '\0';
}

void schedules_set_spec(struct schedules *ss, struct schedule *s, json_t *spec, json_t *resolved)
{
	struct sonde_error e = { "", "" };
	struct schedule_facts facts;

	json_decref(s->spec);
	s->spec = spec;
	json_decref(s->resolved);
	s->resolved = resolved;
	set_name(ss, s);
	int rc = schedule_facts_init(&facts, ss->c, spec, false, resolved, &e);
	if (s->usable)
		schedule_facts_deinit(&s->facts);
	s->usable = rc == SONDE_OK;
	if (s->usable) {
		s->facts = facts;
		s->facts.plan.windows = s->facts.windows;
		json_decref(s->resolved);
		s->resolved = schedule_resolved(&s->facts);
		s->problem[0] = '\0';
		return;
	}
	schedule_facts_deinit(&facts);
	bool known = s->problem[0];
	snprintf(s->problem, sizeof(s->problem), "%.60s %.95s", e.path, e.text);
	if (!known)
		sonde_log(SONDE_LOG_ERROR, "schedules", "a schedule cannot run: %s", s->problem);
}

/* Whether nodes and peers that were chosen for the one would be chosen for the other. */
static bool same_places(const json_t *a, const json_t *b)
{
	static const char *const members[] = { "type", "target", "measurementOptions", "locations",
		                               "limit", "policy", "policyParams", "nodes", "targets",
		                               "peers", SCHEDULE_SEALED };

	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *x = json_object_get(a, members[i]), *y = json_object_get(b, members[i]);
		if (!x != !y || (x && !json_equal(x, y)))
			return false;
	}
	return true;
}

struct schedule *schedules_put(struct schedules *ss, const struct sonde_id *id, uint32_t revision,
                               int64_t created_ms, const char *owner, json_t *spec,
                               json_t *resolved, bool removed)
{
	struct schedule *s = schedules_by_id(ss, id);

	if (!s)
		s = schedules_new(ss, id);
	if (!s) {
		json_decref(spec);
		json_decref(resolved);
		return NULL;
	}
	/* What was expected until now followed the plan until now; from when on the new one is
	 * followed, the nodes say. */
	for (struct member *m = s->members; m; m = m->next)
		member_settle(m);
	bool same = s->spec && s->usable && !removed && same_places(s->spec, spec);
	s->revision = revision;
	s->created_ms = created_ms;
	snprintf(s->owner, sizeof(s->owner), "%s", owner);
	s->updated_ms = sonde_wall_ms();
	s->removed = removed;
	schedules_set_spec(ss, s, spec, resolved);
	if (!same) {
		s->mesh_hash = 0;
		schedule_mesh_drop(ss, s);
		schedule_assign(ss, s);
	}
	for (struct member *m = s->members; m; m = m->next) {
		if (m->role == MEMBER_LEFT)
			continue;
		member_recheck(ss, m);
		member_store(ss, m);
	}
	schedule_touch(ss, s);
	schedules_mesh(ss, sonde_boottime_ns() + SLICE_NS);
	return s;
}

static void plan_free(struct node_plan *p)
{
	for (unsigned i = p->next; i < p->count; i++)
		sonde_buf_deinit(&p->parts[i]);
	free(p->parts);
	free(p);
}

void schedules_deinit(struct schedules *ss)
{
	struct schedule *s;
	struct member *m;
	struct node_plan *p;
	size_t at = 0;

	schedule_mesh_drop(ss, NULL);
	while ((m = sonde_map_next(&ss->members, &at)))
		member_free(ss, m);
	at = 0;
	while ((p = sonde_map_next(&ss->plans, &at)))
		plan_free(p);
	at = 0;
	while ((s = sonde_map_next(&ss->by_tag, &at))) {
		if (s->usable)
			schedule_facts_deinit(&s->facts);
		json_decref(s->spec);
		json_decref(s->resolved);
		free(s);
	}
	sonde_map_deinit(&ss->by_tag);
	sonde_map_deinit(&ss->by_name);
	sonde_map_deinit(&ss->members);
	sonde_map_deinit(&ss->plans);
	sonde_heap_deinit(&ss->checks);
	sonde_heap_deinit(&ss->booked);
}

/* ---- time ---- */

static void keep_counts(struct schedules *ss)
{
	struct member *m;
	size_t at = 0;

	while ((m = sonde_map_next(&ss->members, &at))) {
		if (m->role == MEMBER_LEFT)
			continue;
		member_fold(m, sonde_wall_ms());
		member_store(ss, m);
	}
}

/* Meshes first: what is pushed before its peers are known would be pushed twice. */
static void go_on(struct schedules *ss)
{
	int64_t until = sonde_boottime_ns() + SLICE_NS;

	bool done = schedules_mesh(ss, until) && schedules_push(ss, until);
	if (!done && ss->started)
		uv_timer_start(&ss->more, on_more, MORE_MS, 0);
}

static void on_more(uv_timer_t *timer)
{
	go_on(timer->data);
}

void schedules_start(struct schedules *ss)
{
	uv_timer_init(&ss->c->loop, &ss->more);
	ss->more.data = ss;
	ss->started = true;
}

void schedules_stop(struct schedules *ss)
{
	ss->started = false;
	uv_close((uv_handle_t *)&ss->more, NULL);
}

void schedules_tick(struct schedules *ss, int64_t now)
{
	schedules_checks(ss);
	schedules_book(ss);
	if (now - ss->upkeep_ns >= SONDE_NS_PER_S) {
		ss->upkeep_ns = now;
		schedules_upkeep(ss, now);
	}
	if (!ss->kept_ns || now - ss->kept_ns > KEEP_S * SONDE_NS_PER_S) {
		ss->kept_ns = now;
		keep_counts(ss);
	}
	go_on(ss);
}
