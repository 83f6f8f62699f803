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

enum { STORED_MAX = 1 << 18, KEEP_S = 600, MEMBER_KEY = 32 };

/* ---- stored forms ---- */

/* Little-endian hosts only, checked in configure; fields are in order without padding. */
struct stored_member {
	int64_t since_ms, told_ms, until_ms;
	uint64_t expected;
	uint8_t role, stands_for[16], spare[7];
	char reason[MEMBER_REASON];
};

struct stored_count {
	uint64_t received;
	int64_t last_due_ms;
};

struct member_job {
	struct sonde_job job;
	uint8_t key[MEMBER_KEY];
	struct stored_member value;
};

void schedule_write(uint32_t revision, int64_t created_ms, int64_t updated_ms, bool removed,
                    const json_t *spec, struct sonde_buf *b)
{
	char *text = json_dumps(spec, JSON_COMPACT);
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_int(&j, "revision", revision);
	sonde_json_int(&j, "createdMs", created_ms);
	sonde_json_int(&j, "updatedMs", updated_ms);
	sonde_json_bool(&j, "removed", removed);
	sonde_json_raw(&j, "spec", text ? text : "{}", text ? strlen(text) : 2);
	sonde_json_close(&j);
	b->failed |= !text;
	free(text);
}

static void member_key(const struct sonde_id *schedule, const struct sonde_id *node,
                       uint8_t out[MEMBER_KEY])
{
	memcpy(out, schedule->b, 16);
	memcpy(out + 16, node->b, 16);
}

static int apply_member(struct sonde_write *w, struct sonde_job *job)
{
	struct member_job *m = (struct member_job *)job;

	return sonde_write_put(w, SONDE_TABLE_MEMBERS, (struct sonde_slice){ m->key, MEMBER_KEY },
	                       (struct sonde_slice){ &m->value, sizeof(m->value) });
}

static void done_member(struct sonde_job *job, int status)
{
	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "schedules", "a member was not stored: %s",
		          sonde_strstatus(status));
	free(job);
}

void member_store(struct schedules *ss, const struct member *m)
{
	struct member_job *j = calloc(1, sizeof(*j));

	if (!j)
		return;
	j->job.apply = apply_member;
	j->job.done = done_member;
	member_key(&m->schedule->id, &m->plan->node, j->key);
	j->value = (struct stored_member){
		.since_ms = m->since_ms, .told_ms = m->told_ms, .until_ms = m->until_ms,
		.expected = m->expected, .role = (uint8_t)m->role,
	};
	memcpy(j->value.stands_for, m->stands_for.b, 16);
	memcpy(j->value.reason, m->reason, sizeof(m->reason));
	int rc = sonde_store_submit(ss->c->store, &j->job);
	if (rc != SONDE_OK)
		done_member(&j->job, rc);
}

/* ---- finding ---- */

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

	member_key(schedule, node, key);
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

static struct member *member_new(struct schedules *ss, struct schedule *s,
                                 const struct sonde_id *node)
{
	struct node_plan *plan = schedules_plan(ss, node);
	struct member *m = plan ? calloc(1, sizeof(*m)) : NULL;
	uint8_t key[MEMBER_KEY];

	member_key(&s->id, node, key);
	if (!m || sonde_map_put(&ss->members, key, sizeof(key), m) != SONDE_OK) {
		free(m);
		return NULL;
	}
	m->schedule = s;
	m->plan = plan;
	m->role = MEMBER_LEFT;
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
		m = member_new(ss, s, node);
	if (!m)
		return NULL;
	member_fold(m, sonde_wall_ms());
	if (m->role == MEMBER_LEFT)
		m->told_ms = m->until_ms = 0;
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
	m->told_ms = 0;
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

static struct schedule *schedule_new(struct schedules *ss, const struct sonde_id *id)
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

static void set_spec(struct schedules *ss, struct schedule *s, json_t *spec)
{
	struct sonde_error e = { "", "" };
	struct schedule_facts facts;

	json_decref(s->spec);
	s->spec = spec;
	set_name(ss, s);
	int rc = schedule_facts_init(&facts, ss->c, spec, false, &e);
	if (s->usable)
		schedule_facts_deinit(&s->facts);
	s->usable = rc == SONDE_OK;
	s->problem[0] = '\0';
	if (s->usable) {
		s->facts = facts;
		s->facts.plan.windows = s->facts.windows;
		return;
	}
	schedule_facts_deinit(&facts);
	snprintf(s->problem, sizeof(s->problem), "%.60s %.95s", e.path, e.text);
	sonde_log(SONDE_LOG_ERROR, "schedules", "a schedule cannot run: %s", s->problem);
}

struct schedule *schedules_put(struct schedules *ss, const struct sonde_id *id, uint32_t revision,
                               int64_t created_ms, json_t *spec, bool removed)
{
	struct schedule *s = schedules_by_id(ss, id);

	if (!s)
		s = schedule_new(ss, id);
	if (!s) {
		json_decref(spec);
		return NULL;
	}
	/* What was expected until now followed the plan until now. */
	for (struct member *m = s->members; m; m = m->next)
		member_settle(m);
	s->revision = revision;
	s->created_ms = created_ms;
	s->updated_ms = sonde_wall_ms();
	s->removed = removed;
	set_spec(ss, s, spec);
	schedule_assign(ss, s);
	for (struct member *m = s->members; m; m = m->next)
		if (m->role != MEMBER_LEFT)
			member_recheck(ss, m);
	schedule_touch(ss, s);
	return s;
}

/* ---- loading ---- */

static void read_schedule(struct schedules *ss, const struct sonde_id *id, json_t *doc)
{
	struct schedule *s = schedule_new(ss, id);

	if (!s)
		return;
	s->revision = (uint32_t)json_integer_value(json_object_get(doc, "revision"));
	s->created_ms = json_integer_value(json_object_get(doc, "createdMs"));
	s->updated_ms = json_integer_value(json_object_get(doc, "updatedMs"));
	s->removed = json_is_true(json_object_get(doc, "removed"));
	set_spec(ss, s, json_incref(json_object_get(doc, "spec")));
}

static int load_schedule(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct sonde_error e;
	struct sonde_id id;

	if (key.len != sizeof(id.b)) /* an earlier revision */
		return 0;
	memcpy(id.b, key.data, sizeof(id.b));
	json_t *doc = sonde_json_load(value.data, value.len, &e);
	if (doc)
		read_schedule(arg, &id, doc);
	json_decref(doc);
	return 0;
}

static void read_member(struct member *m, const struct stored_member *v)
{
	m->role = v->role <= MEMBER_LEFT ? v->role : MEMBER_LEFT;
	m->since_ms = v->since_ms;
	m->told_ms = v->told_ms;
	m->until_ms = v->until_ms;
	m->expected = v->expected;
	memcpy(m->stands_for.b, v->stands_for, 16);
	memcpy(m->reason, v->reason, sizeof(m->reason));
	m->reason[sizeof(m->reason) - 1] = '\0';
	m->schedule->assigned += m->role == MEMBER_ASSIGNED;
}

static int load_member(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct schedules *ss = arg;
	struct sonde_id ids[2];
	struct stored_member facts;
	struct stored_count count;

	if (key.len < MEMBER_KEY || key.len > MEMBER_KEY + 1)
		return 0;
	memcpy(ids, key.data, MEMBER_KEY);
	struct schedule *s = schedules_by_id(ss, &ids[0]);
	struct member *m = s ? schedules_member(ss, &ids[0], &ids[1]) : NULL;
	if (s && !m)
		m = member_new(ss, s, &ids[1]);
	if (!m)
		return 0;
	if (key.len == MEMBER_KEY && value.len == sizeof(facts)) {
		memcpy(&facts, value.data, sizeof(facts));
		read_member(m, &facts);
	} else if (value.len == sizeof(count)) {
		memcpy(&count, value.data, sizeof(count));
		m->received = count.received;
		m->last_due_ms = count.last_due_ms;
	}
	return 0;
}

int schedules_load(struct schedules *ss, struct controller *c, struct sonde_error *e)
{
	static const struct sonde_slice start = { NULL, 0 };
	struct sonde_read *r;
	struct member *m;
	size_t at = 0;

	*ss = (struct schedules){ .c = c };
	sonde_map_init(&ss->by_tag);
	sonde_map_init(&ss->by_name);
	sonde_map_init(&ss->members);
	sonde_map_init(&ss->plans);
	sonde_heap_init(&ss->checks);
	sonde_heap_init(&ss->booked);
	int rc = sonde_read_begin(c->store, &r);
	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the schedules");
	sonde_read_each(r, SONDE_TABLE_SCHEDULES, start, load_schedule, ss);
	sonde_read_each(r, SONDE_TABLE_MEMBERS, start, load_member, ss);
	sonde_read_end(r);
	while ((m = sonde_map_next(&ss->members, &at)))
		if (m->role != MEMBER_LEFT && m->told_ms)
			member_recheck(ss, m);
	/* Peers are not stored: they follow from the nodes, whose addresses are. */
	at = 0;
	for (struct schedule *s; (s = sonde_map_next(&ss->by_tag, &at));)
		if (s->usable && s->facts.mesh)
			schedule_assign(ss, s);
	if (ss->by_tag.len)
		sonde_log(SONDE_LOG_INFO, "schedules", "%zu schedules with %zu members go on",
		          ss->by_tag.len, ss->members.len);
	return SONDE_OK;
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
	schedules_push(ss);
}
