/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes run a schedule. Assigned ones stay until an operator changes something: a lost node
 * keeps its place (it may be measuring, cut off), and after the grace another stands in for it, with
 * the reason. The stand-in leaves when the first has been back for as long as the grace, so that a
 * node that comes and goes moves nothing. Explicit nodes have no stand-ins: the operator meant them.
 *
 * In a mesh every node that fits takes part, and each probes all others while they are few, or a few
 * of them, chosen by rendezvous hashing: a node that comes or goes changes only the pairs it is in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "controller/api/request.h"
#include "controller/controller.h"

enum { TOP_UP_S = 5, FULL_MESH = 16, MESH_PEERS = 8, MESH_NODES = 2000 };

/* ---- choosing ---- */

static uint64_t seed_of(const struct schedule *s)
{
	return ((uint64_t)s->tag << 16) + s->revision;
}

static const char *name_of(const struct schedules *ss, const struct sonde_id *id)
{
	const struct node *n = nodes_by_id(&ss->c->nodes, id);
	return n && n->facts.name ? n->facts.name : "a removed node";
}

/* Nodes that have a place now. */
static unsigned present(const struct schedules *ss, const struct schedule *s, struct node **out)
{
	unsigned n = 0;

	for (const struct member *m = s->members; m && n < PLACE_MAX; m = m->next) {
		struct node *node = m->role == MEMBER_LEFT ? NULL :
				    nodes_by_id(&ss->c->nodes, &m->plan->node);
		if (node)
			out[n++] = node;
	}
	return n;
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
	json_t *body = schedule_measurement(s->spec);

	int rc = request_parse(ss->c, body, &f->r, &e);
	if (rc == SONDE_OK) {
		struct placement_request pr = {
			.type = f->r.type, .target = f->r.target, .policy = f->r.policy,
			.seed = seed_of(s), .locations = f->r.locations,
			.location_count = f->r.location_count, .limit = want, .leave_out = have,
			.leave_out_count = anew ? 0 : present(ss, s, have),
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

	if (search(ss, s, NULL, limit ? s->facts.wanted : 0, true, f) != SONDE_OK)
		f->a.count = 0;
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
		if (!m || m->role != MEMBER_ASSIGNED)
			schedules_join(ss, s, &f->nodes[i], MEMBER_ASSIGNED, NULL,
			               "The schedule names it.");
	}
}

/* ---- mesh ---- */

static bool in_list(const char *text, const char *const *list, unsigned n)
{
	for (unsigned i = 0; text && i < n; i++)
		if (!strcasecmp(text, list[i]))
			return true;
	return false;
}

static bool fits_mesh(const struct schedule_facts *f, const struct node *n)
{
	bool tag = !f->tag_count;

	if (!n->facts.approved || n->facts.disabled || !n->facts.address || !*n->facts.address)
		return false;
	for (unsigned i = 0; i < f->tag_count; i++)
		tag |= node_has_tag(n, f->tags[i], strlen(f->tags[i]));
	return tag && (!f->region_count || in_list(n->facts.region, f->regions, f->region_count)) &&
	       (!n->plugins || node_has_type(n, f->type, strlen(f->type)));
}

static unsigned mesh_nodes(const struct schedules *ss, const struct schedule *s, struct node **out)
{
	const struct nodes *all = &ss->c->nodes;
	struct sonde_error e;
	unsigned n = 0;

	for (unsigned i = 0; i < all->len && n < MESH_NODES; i++) {
		struct node *node = all->all[i];
		if (node && fits_mesh(&s->facts, node) &&
		    request_check_host(ss->c, node->facts.address, &e) == SONDE_OK)
			out[n++] = node;
	}
	return n;
}

struct ranked {
	uint32_t rank;
	unsigned at;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The peers of nodes[from], k of them; all when k is not less than there are. */
static unsigned rendezvous(const struct schedule *s, struct node *const *nodes, unsigned n,
                           unsigned from, unsigned k, struct ranked *ranks)
{
	unsigned others = 0;

	for (unsigned i = 0; i < n; i++)
		if (i != from)
			ranks[others++] = (struct ranked){
				sonde_run_pair(&s->id, &nodes[from]->id, &nodes[i]->id), i };
	if (k < others) {
		qsort(ranks, others, sizeof(*ranks), by_rank);
		others = k;
	}
	return others;
}

static bool same_peers(const struct member *m, const struct sonde_id *peers, unsigned n)
{
	return m->peer_count == n && (!n || !memcmp(m->peers, peers, n * sizeof(*peers)));
}

static void set_peers(struct schedules *ss, struct schedule *s, const struct sonde_id *node,
                      struct sonde_id *peers, unsigned n, const char *reason)
{
	struct member *m = schedules_member(ss, &s->id, node);

	if (!m || m->role != MEMBER_ASSIGNED)
		m = schedules_join(ss, s, node, MEMBER_ASSIGNED, NULL, reason);
	if (!m || same_peers(m, peers, n)) {
		free(peers);
		return;
	}
	member_fold(m, sonde_wall_ms());
	free(m->peers);
	m->peers = peers;
	m->peer_count = n;
	m->plan->dirty = true;
}

static uint64_t hash_nodes(struct node *const *nodes, unsigned n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < n; i++) {
		for (unsigned b = 0; b < sizeof(nodes[i]->id.b); b++)
			h = (h ^ nodes[i]->id.b[b]) * UINT64_C(0x100000001b3);
		for (const char *p = nodes[i]->facts.address; *p; p++)
			h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	}
	return h;
}

static void assign_mesh(struct schedules *ss, struct schedule *s)
{
	static struct node *nodes[MESH_NODES];
	static struct ranked ranks[MESH_NODES];
	char reason[MEMBER_REASON];

	unsigned n = mesh_nodes(ss, s, nodes);
	uint64_t hash = hash_nodes(nodes, n) + s->revision;
	if (hash == s->mesh_hash)
		return;
	s->mesh_hash = hash;
	schedule_touch(ss, s);
	unsigned k = s->facts.peers ? s->facts.peers : n <= FULL_MESH ? n : MESH_PEERS;
	for (struct member *m = s->members; m; m = m->next) {
		bool fits = false;
		for (unsigned i = 0; i < n && !fits; i++)
			fits = sonde_id_equal(&nodes[i]->id, &m->plan->node);
		if (m->role != MEMBER_LEFT && !fits)
			schedules_leave(ss, m, "It does not take part in the mesh any more.");
	}
	snprintf(reason, sizeof(reason), k + 1 < n ? "One of %u nodes of the mesh, probing %u of them." :
	         "One of %u nodes of a full mesh.", n, k);
	for (unsigned i = 0; i < n; i++) {
		unsigned count = rendezvous(s, nodes, n, i, k, ranks);
		struct sonde_id *peers = malloc((count ? count : 1) * sizeof(*peers));
		for (unsigned p = 0; peers && p < count; p++)
			peers[p] = nodes[ranks[p].at]->id;
		if (peers)
			set_peers(ss, s, &nodes[i]->id, peers, count, reason);
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
		assign_mesh(ss, s);
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
	schedules_set_spec(ss, s, json_incref(s->spec));
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
				assign_mesh(ss, s);
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
	}
}
