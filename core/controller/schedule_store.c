/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules and members in the store: their stored forms, writing a member, reading all at start. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/controller.h"

/* ---- stored forms ---- */

/* Little-endian hosts only, checked in configure; fields are in order without padding. */
struct stored_member {
	int64_t since_ms, told_ms, until_ms;
	uint64_t expected;
	uint8_t role, stands_for[16], spare[3];
	uint32_t weight;
	char reason[MEMBER_REASON];
	int64_t gaps[MEMBER_GAPS][2];
};

struct member_job {
	struct sonde_job job;
	uint8_t key[MEMBER_KEY];
	struct stored_member value;
};

void schedule_write(uint32_t revision, int64_t created_ms, int64_t updated_ms, bool removed,
                    const char *owner, const json_t *spec, const json_t *resolved,
                    struct sonde_buf *b)
{
	char *text = json_dumps(spec, JSON_COMPACT);
	char *made = resolved ? json_dumps(resolved, JSON_COMPACT) : NULL;
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_int(&j, "revision", revision);
	sonde_json_int(&j, "createdMs", created_ms);
	sonde_json_int(&j, "updatedMs", updated_ms);
	sonde_json_bool(&j, "removed", removed);
	if (*owner)
		sonde_json_str(&j, "owner", owner);
	sonde_json_raw(&j, "spec", text ? text : "{}", text ? strlen(text) : 2);
	if (made)
		sonde_json_raw(&j, "resolved", made, strlen(made));
	sonde_json_close(&j);
	b->failed |= !text;
	free(made);
	free(text);
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
	schedules_member_key(&m->schedule->id, &m->plan->node, j->key);
	j->value = (struct stored_member){
		.since_ms = m->since_ms, .told_ms = m->told_ms, .until_ms = m->until_ms,
		.expected = m->expected, .role = (uint8_t)m->role, .weight = m->weight,
	};
	for (unsigned i = 0; i < MEMBER_GAPS; i++) {
		j->value.gaps[i][0] = m->gaps[i].from;
		j->value.gaps[i][1] = m->gaps[i].to;
	}
	memcpy(j->value.stands_for, m->stands_for.b, 16);
	memcpy(j->value.reason, m->reason, sizeof(m->reason));
	int rc = sonde_store_submit(ss->c->store, &j->job);
	if (rc != SONDE_OK)
		done_member(&j->job, rc);
}

/* ---- loading ---- */

static void read_schedule(struct schedules *ss, const struct sonde_id *id, json_t *doc)
{
	struct schedule *s = schedules_new(ss, id);

	if (!s)
		return;
	s->revision = (uint32_t)json_integer_value(json_object_get(doc, "revision"));
	s->created_ms = json_integer_value(json_object_get(doc, "createdMs"));
	s->updated_ms = json_integer_value(json_object_get(doc, "updatedMs"));
	s->removed = json_is_true(json_object_get(doc, "removed"));
	const char *owner = json_string_value(json_object_get(doc, "owner"));
	snprintf(s->owner, sizeof(s->owner), "%s", owner ? owner : "");
	schedules_set_spec(ss, s, json_incref(json_object_get(doc, "spec")),
	                   json_incref(json_object_get(doc, "resolved")));
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
	m->weight = v->weight;
	for (unsigned i = 0; i < MEMBER_GAPS; i++) {
		m->gaps[i].from = v->gaps[i][0];
		m->gaps[i].to = v->gaps[i][1];
	}
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
	struct schedule_count count;

	if (key.len < MEMBER_KEY || key.len > MEMBER_KEY + 1)
		return 0;
	memcpy(ids, key.data, MEMBER_KEY);
	struct schedule *s = schedules_by_id(ss, &ids[0]);
	struct member *m = s ? schedules_member(ss, &ids[0], &ids[1]) : NULL;
	if (s && !m)
		m = schedules_member_new(ss, s, &ids[1]);
	if (!m)
		return 0;
	if (key.len == MEMBER_KEY && value.len == sizeof(facts)) {
		memcpy(&facts, value.data, sizeof(facts));
		read_member(m, &facts);
	} else if (value.len == sizeof(count)) {
		memcpy(&count, value.data, sizeof(count));
		m->received = count.received;
		m->unplanned = count.unplanned;
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
	/* Peers are not stored: they follow from the nodes, whose addresses are. */
	for (struct schedule *s; (s = sonde_map_next(&ss->by_tag, &at));)
		if (s->usable && s->facts.mesh)
			schedule_assign(ss, s);
	schedules_mesh(ss, INT64_MAX);
	rc = sonde_read_begin(c->store, &r);
	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the runs of schedules");
	for (at = 0; (m = sonde_map_next(&ss->members, &at));) {
		if (m->role == MEMBER_LEFT || !m->told_ms)
			continue;
		member_recall(m, r);
		member_recheck(ss, m);
	}
	sonde_read_end(r);
	if (ss->by_tag.len)
		sonde_log(SONDE_LOG_INFO, "schedules", "%zu schedules with %zu members go on",
		          ss->by_tag.len, ss->members.len);
	return SONDE_OK;
}
