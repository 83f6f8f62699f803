/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules as the API shows them: what was asked for, as it was given, then what the controller
 * knows of it. And the list of events. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/members.h"

enum { EVENTS_DEFAULT = 100 };

static void put_time(struct sonde_json *j, const char *key, int64_t ms)
{
	if (ms > 0 && ms != SONDE_PLAN_NEVER)
		member_time(j, key, ms);
}

static void put_counts(struct sonde_json *j, uint64_t expected, uint64_t received)
{
	sonde_json_int(j, "expected", (int64_t)expected);
	sonde_json_int(j, "received", (int64_t)received);
	sonde_json_int(j, "missing", expected > received ? (int64_t)(expected - received) : 0);
}

static void put_name(struct controller *c, struct sonde_json *j, const char *key,
                     const struct sonde_id *id)
{
	const struct node *n = nodes_by_id(&c->nodes, id);

	if (n)
		sonde_json_str(j, key, n->facts.name);
}

static void put_peers(struct controller *c, const struct member *m, struct sonde_json *j)
{
	sonde_json_open(j, "peers", '[');
	for (unsigned i = 0; i < m->peer_count; i++) {
		const struct node *peer = nodes_by_id(&c->nodes, &m->peers[i]);
		sonde_json_open(j, NULL, '{');
		member_id(j, "id", &m->peers[i]);
		if (peer) {
			sonde_json_str(j, "name", peer->facts.name);
			sonde_json_str(j, "address", peer->facts.address);
		}
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

static void put_when(const struct member *m, struct sonde_json *j)
{
	const struct schedule *s = m->schedule;
	struct sonde_plan plan = schedule_plan_on(&s->facts, &s->id, &m->plan->node);

	sonde_json_number(j, "phaseS", (double)plan.phase_ms / 1000, 3);
	if (!s->facts.paused)
		put_time(j, "nextDueAt", sonde_plan_next(&plan, sonde_wall_ms()));
}

static void put_member(struct controller *c, struct member *m, struct sonde_json *j)
{
	static const char *const roles[] = { "assigned", "stand-in", "former" };
	const struct node *n = nodes_by_id(&c->nodes, &m->plan->node);

	sonde_json_open(j, NULL, '{');
	member_id(j, "id", &m->plan->node);
	put_name(c, j, "name", &m->plan->node);
	sonde_json_str(j, "status", n ? node_status_name(node_status(&c->nodes, n)) : "removed");
	sonde_json_str(j, "role", roles[m->role]);
	sonde_json_str(j, "reason", m->reason);
	put_time(j, "since", m->since_ms);
	if (m->role == MEMBER_STAND_IN) {
		member_id(j, "standsFor", &m->stands_for);
		put_name(c, j, "standsForName", &m->stands_for);
	}
	put_counts(j, member_expected(m, sonde_wall_ms()), m->received);
	put_time(j, "lastDueAt", m->last_due_ms);
	if (!sonde_id_is_zero(&m->last_run))
		member_id(j, "lastRun", &m->last_run);
	if (m->role != MEMBER_LEFT) {
		sonde_json_bool(j, "synced", m->told_ms && (m->schedule->facts.booked || m->plan->acked == m->plan->version));
		sonde_json_int(j, "missedInARow", m->missed);
		if (m->schedule->usable)
			put_when(m, j);
		if (m->schedule->usable && m->schedule->facts.mesh)
			put_peers(c, m, j);
	}
	sonde_json_close(j);
}

static void put_spec(const struct schedule *s, struct sonde_json *j)
{
	const char *key;
	json_t *v;

	json_object_foreach(s->spec, key, v) {
		bool shown = strcmp(key, "paused") && strcmp(key, SCHEDULE_SEALED);
		char *text = shown ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
		if (text)
			sonde_json_raw(j, key, text, strlen(text));
		free(text);
	}
}

void schedule_describe(struct controller *c, struct schedule *s, bool full, struct sonde_json *j)
{
	uint64_t expected = 0, received = 0;
	unsigned members = 0;

	sonde_json_open(j, NULL, '{');
	member_id(j, "id", &s->id);
	put_spec(s, j);
	schedule_secret_names(c, s->spec, j);
	for (struct member *m = s->members; m; m = m->next) {
		member_fold(m, sonde_wall_ms());
		expected += member_expected(m, sonde_wall_ms());
		received += m->received;
		members += m->role != MEMBER_LEFT;
	}
	sonde_json_bool(j, "paused", json_is_true(json_object_get(s->spec, "paused")));
	if (s->problem[0])
		sonde_json_str(j, "problem", s->problem);
	sonde_json_int(j, "revision", s->revision);
	sonde_json_str(j, "owner", *s->owner ? s->owner : NULL);
	sonde_json_str(j, "ownerName", users_name(&c->accounts.users, s->owner));
	put_time(j, "createdAt", s->created_ms);
	put_time(j, "updatedAt", s->updated_ms);
	sonde_json_int(j, "nodesCount", members);
	put_counts(j, expected, received);
	if (full) {
		sonde_json_open(j, "members", '[');
		for (struct member *m = s->members; m; m = m->next)
			put_member(c, m, j);
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

void api_list_events(struct call *call)
{
	char text[64], *end;
	long limit = EVENTS_DEFAULT;
	struct sonde_buf b;
	struct sonde_json j;

	if (call_query(call, "limit", text, sizeof(text))) {
		limit = strtol(text, &end, 10);
		if (*end || !*text || limit < 1 || limit > EVENTS_KEPT) {
			answer_error(call->c, call->req, 400, "validation_error",
			             "Parameter validation failed.", "limit",
			             "\"limit\" must be an integer from 1 to 1000");
			return;
		}
	}
	bool kind = call_query(call, "kind", text, sizeof(text));
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	events_describe(&call->c->events, kind ? text : NULL, (unsigned)limit, &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}
