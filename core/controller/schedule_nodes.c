/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes run a schedule. Assigned ones stay until an operator changes something: a lost node
 * keeps its place (it may be measuring, cut off), and after the grace another stands in for it, with
 * the reason. The stand-in leaves when the first has been back for as long as the grace, so that a
 * node that comes and goes moves nothing. Explicit nodes have no stand-ins: the operator meant them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/request.h"
#include "controller/controller.h"

enum { TOP_UP_S = 5 };

/* ---- choosing ---- */

/* Not of the revision: a change of anything else moves no node. */
uint64_t schedule_seed(const struct schedule *s)
{
	return (uint64_t)s->tag << 16;
}

static const char *name_of(const struct schedules *ss, const struct sonde_id *id)
{
	const struct node *n = nodes_by_id(&ss->c->nodes, id);
	return n && n->facts.name ? n->facts.name : "a removed node";
}

unsigned schedule_present(const struct schedules *ss, const struct schedule *s, struct node **out,
                          unsigned max)
{
	unsigned n = 0;

	for (const struct member *m = s->members; m && n < max; m = m->next) {
		struct node *node = m->role == MEMBER_LEFT ? NULL :
				    nodes_by_id(&ss->c->nodes, &m->plan->node);
		if (node)
			out[n++] = node;
	}
	return n;
}

struct node_reach schedule_reach(const struct schedules *ss, const struct schedule *s)
{
	const struct user *owner = users_by_id(&ss->c->accounts.users, s->owner);
	bool all = owner ? role_of_index(owner->facts.role) == ROLE_ADMIN : !*s->owner;

	return accounts_reach(ss->c, owner, all, s->facts.secrets != NULL);
}

/* Those out of reach, and those that have a place; the caller's to free. */
static int left_out(const struct schedules *ss, const struct schedule *s, struct node *const *have,
                    unsigned count, struct node ***out, unsigned *total)
{
	struct node_reach reach = schedule_reach(ss, s);

	int rc = nodes_out_of_reach(&ss->c->nodes, &reach, out, total);
	if (rc != SONDE_OK || !count)
		return rc;
	struct node **all = realloc(*out, (*total + count) * sizeof(*all));
	if (!all) {
		free(*out);
		*out = NULL;
		return SONDE_ENOMEM;
	}
	memcpy(all + *total, have, count * sizeof(*all));
	*out = all;
	*total += count;
	return SONDE_OK;
}

struct search {
	struct measurement_request r;
	struct placement_answer a;
};

/* Choose `want` more by the schedule's own filter, or by one location of it when `only` is given. */
static int search(struct schedules *ss, struct schedule *s, const struct node *only, unsigned want,
                  bool anew, struct search *f)
{
	static struct node *have[PLACE_MAX];
	struct sonde_error e;
	json_t *body = schedule_measurement(ss->c, s->spec);
	unsigned count = schedule_present(ss, s, have, PLACE_MAX);
	char id[SONDE_ID_TEXT];

	sonde_id_format(&s->id, id);
	struct node **out = NULL;
	unsigned outs = 0;
	int rc = request_parse(ss->c, body, &f->r, &e);
	if (rc == SONDE_OK)
		rc = left_out(ss, s, have, anew ? 0 : count, &out, &outs);
	if (rc == SONDE_OK) {
		struct placement_request pr = {
			.type = f->r.type, .target = f->r.target, .policy = f->r.policy,
			.params = f->r.policy_params, .schedule = id, .current = have,
			.current_count = count, .seed = schedule_seed(s),
			.locations = f->r.locations, .location_count = f->r.location_count,
			.needs = &f->r.needs, .limit = want, .leave_out = out, .leave_out_count = outs,
		};
		for (unsigned i = 0; only && i < f->r.location_count; i++) {
			if (!location_matches(&ss->c->nodes, &f->r.locations[i], only))
				continue;
			pr.locations = &f->r.locations[i];
			pr.location_count = 1;
			break;
		}
		rc = placement_choose(&ss->c->placement, &pr, &f->a);
	}
	free(out);
	request_deinit(&f->r);
	json_decref(body);
	return rc;
}

static struct search *searching(void)
{
	static struct search f; /* large, and the loop has one thread */
	return &f;
}

/* ---- by location ---- */

static bool is_chosen(const struct sonde_id *id, const struct placement_answer *a)
{
	for (unsigned i = 0; i < a->count; i++)
		if (sonde_id_equal(id, &a->nodes[i]->id))
			return true;
	return false;
}

static void assign_placed(struct schedules *ss, struct schedule *s)
{
	struct search *f = searching();
	json_t *limit = json_object_get(s->spec, "limit");

	int rc = search(ss, s, NULL, limit ? s->facts.wanted : 0, true, f);
	if (rc == SONDE_ENOENT)
		f->a.count = 0;
	else if (rc != SONDE_OK)
		return; /* its type is not known now, say: what runs goes on */
	for (struct member *m = s->members; m; m = m->next)
		if (m->role != MEMBER_LEFT && !is_chosen(&m->plan->node, &f->a))
			schedules_leave(ss, m, "The schedule was changed and other nodes fit better.");
	for (unsigned i = 0; i < f->a.count; i++)
		schedules_join(ss, s, &f->a.nodes[i]->id, MEMBER_ASSIGNED, NULL, f->a.reason);
}

static void top_up(struct schedules *ss, struct schedule *s, int64_t now)
{
	struct search *f = searching();

	if (s->assigned >= s->facts.wanted || now - s->topped_ns < TOP_UP_S * SONDE_NS_PER_S)
		return;
	s->topped_ns = now;
	if (search(ss, s, NULL, s->facts.wanted - s->assigned, false, f) != SONDE_OK)
		return;
	for (unsigned i = 0; i < f->a.count; i++)
		schedules_join(ss, s, &f->a.nodes[i]->id, MEMBER_ASSIGNED, NULL, f->a.reason);
}

/* Whatever chose the node: what is not trusted gets no secret. */
bool schedule_may_have(const struct schedule *s, const struct node *node)
{
	return !s->facts.secrets || node->facts.trusted;
}

/* ---- explicit ---- */

static bool is_listed(const struct schedule_facts *f, const struct sonde_id *id)
{
	for (unsigned i = 0; i < f->node_count; i++)
		if (sonde_id_equal(&f->nodes[i], id))
			return true;
	return false;
}

static void assign_listed(struct schedules *ss, struct schedule *s)
{
	const struct schedule_facts *f = &s->facts;

	for (struct member *m = s->members; m; m = m->next)
		if (m->role != MEMBER_LEFT && !is_listed(f, &m->plan->node))
			schedules_leave(ss, m, "The schedule names other nodes now.");
	for (unsigned i = 0; i < f->node_count; i++) {
		struct member *m = schedules_member(ss, &s->id, &f->nodes[i]);
		const struct node *node = nodes_by_id(&ss->c->nodes, &f->nodes[i]);
		if (node && !schedule_may_have(s, node))
			continue;
		if (!m || m->role != MEMBER_ASSIGNED)
			schedules_join(ss, s, &f->nodes[i], MEMBER_ASSIGNED, NULL,
			               "The schedule names it.");
	}
}

/* ---- all ---- */

void schedule_assign(struct schedules *ss, struct schedule *s)
{
	if (s->removed) {
		for (struct member *m = s->members; m; m = m->next)
			if (m->role != MEMBER_LEFT)
				schedules_leave(ss, m, "The schedule was removed.");
	} else if (!s->usable) {
		return;
	} else if (s->facts.mesh) {
		schedule_assign_mesh(ss, s);
	} else if (s->facts.node_count) {
		assign_listed(ss, s);
	} else {
		assign_placed(ss, s);
	}
}

/* ---- losses and returns ---- */

static struct member *stand_in_of(const struct schedule *s, const struct member *m)
{
	for (struct member *i = s->members; i; i = i->next)
		if (i->role == MEMBER_STAND_IN && sonde_id_equal(&i->stands_for, &m->plan->node))
			return i;
	return NULL;
}

static void replace(struct schedules *ss, struct schedule *s, struct member *lost,
                    const struct node *node, int64_t now)
{
	struct search *f = searching();
	char reason[MEMBER_REASON];

	if (now - s->topped_ns < SONDE_NS_PER_S ||
	    search(ss, s, node, 1, false, f) != SONDE_OK)
		return;
	const char *who = name_of(ss, &lost->plan->node);
	snprintf(reason, sizeof(reason), "%.60s has been away for %lld s.", who,
	         (long long)((now - lost->lost_ns) / SONDE_NS_PER_S));
	if (!schedules_join(ss, s, &f->a.nodes[0]->id, MEMBER_STAND_IN, &lost->plan->node, reason))
		return;
	schedule_event(ss, "schedule.replaced", "warning", s, &lost->plan->node,
	               "%s: %s stands in for %s, which has been away for %lld s.", s->facts.name,
	               f->a.nodes[0]->facts.name, who,
	               (long long)((now - lost->lost_ns) / SONDE_NS_PER_S));
}

static void hand_back(struct schedules *ss, struct schedule *s, struct member *m,
                      struct member *stand_in)
{
	char reason[MEMBER_REASON];

	snprintf(reason, sizeof(reason), "%.60s is back.", name_of(ss, &m->plan->node));
	schedule_event(ss, "schedule.returned", "info", s, &m->plan->node,
	               "%s: %s is back, %s goes.", s->facts.name, name_of(ss, &m->plan->node),
	               name_of(ss, &stand_in->plan->node));
	schedules_leave(ss, stand_in, reason);
	m->lost_ns = m->back_ns = 0;
}

static bool has_stand_ins(const struct schedule *s)
{
	for (const struct member *m = s->members; m; m = m->next)
		if (m->role == MEMBER_STAND_IN)
			return true;
	return false;
}

static void look_at(struct schedules *ss, struct schedule *s, struct member *m, bool stand_ins,
                    int64_t now)
{
	const struct node *node = nodes_by_id(&ss->c->nodes, &m->plan->node);
	struct member *stand_in = stand_ins && m->role == MEMBER_ASSIGNED ? stand_in_of(s, m) : NULL;
	bool ready = node && node_is_ready(&ss->c->nodes, node);

	if (!node) {
		if (stand_in) {
			snprintf(stand_in->reason, sizeof(stand_in->reason),
			         "It stood in for a node that was removed.");
			stand_in->role = MEMBER_ASSIGNED;
			s->assigned++;
			member_store(ss, stand_in);
		}
		schedules_leave(ss, m, "The node was removed.");
	} else if (!schedule_may_have(s, node)) {
		schedules_leave(ss, m, "It is not trusted any more, and the schedule holds secrets.");
	} else if (ready && !stand_in) {
		m->lost_ns = 0;
	} else if (ready) {
		m->back_ns = m->back_ns ? m->back_ns : now;
		if (now - m->back_ns >= s->facts.grace_ns)
			hand_back(ss, s, m, stand_in);
	} else {
		m->back_ns = 0;
		m->lost_ns = m->lost_ns ? m->lost_ns : now;
		if (now - m->lost_ns <= s->facts.grace_ns || s->facts.node_count || stand_in)
			return;
		if (m->role == MEMBER_STAND_IN)
			schedules_leave(ss, m, "It is lost itself.");
		else
			replace(ss, s, m, node, now);
	}
}

/* Nobody has to be told: the controller itself runs it. */
static void tell_booked(struct schedules *ss, struct schedule *s)
{
	for (struct member *m = s->members; m; m = m->next)
		if (m->role != MEMBER_LEFT && !m->told_ms)
			member_told(ss, m);
}

/* Its type may be known only when a node that has it is here. */
static void try_again(struct schedules *ss, struct schedule *s, int64_t now)
{
	if (now - s->topped_ns < TOP_UP_S * SONDE_NS_PER_S)
		return;
	s->topped_ns = now;
	schedules_set_spec(ss, s, json_incref(s->spec), json_incref(s->resolved));
	schedule_assign(ss, s);
	schedule_touch(ss, s);
}

void schedules_upkeep(struct schedules *ss, int64_t now)
{
	bool moved = ss->mesh_generation != ss->c->nodes.generation;
	struct schedule *s;
	size_t at = 0;

	ss->mesh_generation = ss->c->nodes.generation;
	while ((s = sonde_map_next(&ss->by_tag, &at))) {
		if (!s->removed && !s->usable)
			try_again(ss, s, now);
		if (s->removed || !s->usable)
			continue;
		if (s->facts.mesh) {
			if (moved)
				schedule_assign_mesh(ss, s);
			if (s->facts.booked)
				tell_booked(ss, s);
			continue;
		}
		bool stand_ins = has_stand_ins(s);
		for (struct member *m = s->members; m; m = m->next)
			if (m->role != MEMBER_LEFT)
				look_at(ss, s, m, stand_ins, now);
		if (!s->facts.node_count)
			top_up(ss, s, now);
		else if (s->facts.secrets)
			assign_listed(ss, s); /* one may be trusted again */
	}
}
