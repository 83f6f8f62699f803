/* SPDX-License-Identifier: Apache-2.0 */
/* Who probes whom in a mesh. The schedule's policy is asked first (peers), when one is named; without
 * one, or when it fails, all probe all others while they are few, else each probes a few others
 * chosen by rendezvous hashing: a node that comes or goes changes only the pairs it is in.
 *
 * Owns the work in progress: a mesh of thousands is made in slices of a few milliseconds, so that
 * the loop goes on meanwhile. It works on ids, because nodes come and go between slices; a mesh that
 * changes again is begun anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "controller/api/request.h"
#include "controller/controller.h"

enum { FULL_MESH = 16, MESH_PEERS = 8, MESH_NODES = 2000, MESH_PAIRS = 1 << 18, CLOCK_EVERY = 8 };

struct mesh_build {
	struct mesh_build *next;
	struct schedule *schedule;
	struct sonde_id *ids;    /* n nodes that take part */
	uint64_t *hashes;        /* of the ids */
	unsigned *sorted;        /* indices by id, to look up members */
	unsigned n, k, at;       /* at: the next to get its peers */
	struct member *leaver;   /* the next to be looked at, while leaving */
	bool leaving;
	unsigned *from, *to;     /* by a policy: to[from[i]..from[i + 1]) are peers of i; or NULL */
	char reason[MEMBER_REASON];
};

struct ranked {
	uint32_t rank;
	unsigned at;
};

/* ---- who takes part ---- */

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
	const struct node_reach reach = schedule_reach(ss, s);
	const struct nodes *all = &ss->c->nodes;
	struct sonde_error e;
	unsigned n = 0;

	for (unsigned i = 0; i < all->len && n < MESH_NODES; i++) {
		struct node *node = all->all[i];
		if (node && node_in_reach(node, &reach) && fits_mesh(&s->facts, node) &&
		    request_check_host(ss->c, node->facts.address, &e) == SONDE_OK)
			out[n++] = node;
	}
	return n;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t hash_id(const struct schedule *s, const struct sonde_id *id)
{
	uint64_t half[2];

	memcpy(half, id->b, sizeof(half));
	return mix(half[0] ^ mix(half[1] + s->tag));
}

static uint64_t hash_nodes(const struct schedule *s, struct node *const *nodes, unsigned n)
{
	uint64_t h = n;

	for (unsigned i = 0; i < n; i++) {
		h = mix(h ^ hash_id(s, &nodes[i]->id));
		for (const char *p = nodes[i]->facts.address; *p; p++)
			h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	}
	return h ? h : 1;
}

unsigned schedule_mesh_peers(const struct schedule_facts *f, unsigned nodes)
{
	return f->peers ? f->peers : nodes <= FULL_MESH ? nodes : MESH_PEERS;
}

/* ---- work in progress ---- */

static void build_free(struct mesh_build *b)
{
	free(b->ids);
	free(b->hashes);
	free(b->sorted);
	free(b->from);
	free(b->to);
	free(b);
}

void schedule_mesh_drop(struct schedules *ss, const struct schedule *s)
{
	for (struct mesh_build **at = &ss->builds; *at;) {
		struct mesh_build *b = *at;
		if (s && b->schedule != s) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		build_free(b);
	}
}

static int by_id(const void *a, const void *b, void *ids)
{
	const struct sonde_id *all = ids;
	return memcmp(&all[*(const unsigned *)a], &all[*(const unsigned *)b], sizeof(*all));
}

static struct mesh_build *build_new(struct schedule *s, struct node *const *nodes, unsigned n)
{
	struct mesh_build *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->ids = malloc((n + 1) * sizeof(*b->ids));
	b->hashes = malloc((n + 1) * sizeof(*b->hashes));
	b->sorted = malloc((n + 1) * sizeof(*b->sorted));
	if (!b->ids || !b->hashes || !b->sorted) {
		build_free(b);
		return NULL;
	}
	b->schedule = s;
	b->n = n;
	b->leaver = s->members;
	b->leaving = true;
	for (unsigned i = 0; i < n; i++) {
		b->ids[i] = nodes[i]->id;
		b->hashes[i] = hash_id(s, &nodes[i]->id);
		b->sorted[i] = i;
	}
	qsort_r(b->sorted, n, sizeof(*b->sorted), by_id, b->ids);
	return b;
}

static bool takes_part(const struct mesh_build *b, const struct sonde_id *id)
{
	unsigned low = 0, high = b->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;
		int order = memcmp(&b->ids[b->sorted[mid]], id, sizeof(*id));
		if (!order)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* ---- by a policy ---- */

/* From pairs of rows to lists by node. */
static bool group(struct schedules *ss, struct mesh_build *b, struct node *const *nodes,
                  const struct sonde_peering *pairs, unsigned count)
{
	unsigned rows = ss->c->nodes.len, *index = calloc(rows + 1, sizeof(*index));

	b->from = calloc(b->n + 2, sizeof(*b->from));
	b->to = malloc((count + 1) * sizeof(*b->to));
	if (!index || !b->from || !b->to) {
		free(index);
		return false;
	}
	for (unsigned i = 0; i < b->n; i++)
		index[nodes[i]->row] = i;
	for (unsigned i = 0; i < count; i++)
		b->from[index[pairs[i].from] + 2]++;
	for (unsigned i = 2; i < b->n + 2; i++)
		b->from[i] += b->from[i - 1];
	for (unsigned i = 0; i < count; i++)
		b->to[b->from[index[pairs[i].from] + 1]++] = index[pairs[i].to];
	free(index);
	return true;
}

static bool by_policy(struct schedules *ss, struct mesh_build *b, struct node *const *nodes)
{
	static struct node *current[MESH_NODES];
	static struct sonde_peering pairs[MESH_PAIRS];
	const struct schedule *s = b->schedule;
	const struct schedule_facts *f = &s->facts;
	const struct type *type = types_find(&ss->c->types, f->type, strlen(f->type));
	struct sonde_decision d = { 0 };
	char id[SONDE_ID_TEXT];

	if (!json_object_get(s->spec, "policy") || !type || b->n < 2)
		return false;
	sonde_id_format(&s->id, id);
	struct placement_request pr = {
		.type = type, .policy = f->policy, .params = f->policy_params, .schedule = id,
		.seed = schedule_seed(s), .current = current,
		.current_count = schedule_present(ss, s, current, MESH_NODES),
	};
	unsigned count = placement_peers(&ss->c->placement, &pr, nodes, b->n, pairs, MESH_PAIRS, &d);
	bool good = !d.fallback && group(ss, b, nodes, pairs, count);
	if (good)
		snprintf(b->reason, sizeof(b->reason), "%.40s: %u pairs of %u nodes%s%.60s", f->policy,
		         count, b->n, d.reason[0] ? "; " : "", d.reason);
	else
		snprintf(b->reason, sizeof(b->reason), "built-in mesh of %u nodes, %u peers each: %.70s",
		         b->n, b->k < b->n ? b->k : b->n - 1,
		         d.reason[0] ? d.reason : "the policy has no peers().");
	return good;
}

/* ---- by hashing ---- */

/* The k of the others with the lowest rank; all when k is not less than there are. */
static unsigned rendezvous(const struct mesh_build *b, unsigned from, struct ranked *best)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (i == from)
			continue;
		uint32_t rank = (uint32_t)mix(b->hashes[from] * 3 + b->hashes[i]);
		unsigned at = n;
		if (b->k + 1 >= b->n) {
			best[n++].at = i;
			continue;
		}
		if (n == b->k && rank >= best[n - 1].rank)
			continue;
		at = n < b->k ? n++ : n - 1;
		for (; at && best[at - 1].rank > rank; at--)
			best[at] = best[at - 1];
		best[at] = (struct ranked){ rank, i };
	}
	return n;
}

/* ---- the outcome ---- */

static bool same_peers(const struct member *m, const struct sonde_id *peers, unsigned n)
{
	return m->peers && m->peer_count == n && !memcmp(m->peers, peers, n * sizeof(*peers));
}

static void set_peers(struct schedules *ss, const struct mesh_build *b, unsigned at,
                      struct sonde_id *peers, unsigned n)
{
	struct schedule *s = b->schedule;
	struct member *m = schedules_member(ss, &s->id, &b->ids[at]);

	if (!m || m->role != MEMBER_ASSIGNED)
		m = schedules_join(ss, s, &b->ids[at], MEMBER_ASSIGNED, NULL, b->reason);
	if (!m) {
		free(peers);
		return;
	}
	m->plan->dirty = true; /* an address may be new */
	bool reason = strcmp(m->reason, b->reason);
	memcpy(m->reason, b->reason, sizeof(m->reason));
	if (same_peers(m, peers, n)) {
		free(peers);
	} else {
		/* After a start peers are made again: as many as before are taken for the same. */
		if (m->peers || m->weight != n)
			member_settle(m);
		free(m->peers);
		m->peers = peers;
		m->peer_count = n;
		reason = true;
	}
	if (reason)
		member_store(ss, m);
}

static void give_peers(struct schedules *ss, const struct mesh_build *b, unsigned at)
{
	static struct ranked best[MESH_NODES];
	unsigned n = b->to ? b->from[at + 1] - b->from[at] : rendezvous(b, at, best);
	struct sonde_id *peers = malloc((n + 1) * sizeof(*peers));

	for (unsigned i = 0; peers && i < n; i++)
		peers[i] = b->ids[b->to ? b->to[b->from[at] + i] : best[i].at];
	/* One that was removed meanwhile is no member any more. */
	if (peers && nodes_by_id(&ss->c->nodes, &b->ids[at]))
		set_peers(ss, b, at, peers, n);
	else
		free(peers);
}

/* False when there is more to do. */
static bool run_slice(struct schedules *ss, struct mesh_build *b, int64_t until_ns)
{
	for (unsigned i = 1; b->leaving || b->at < b->n; i++) {
		struct member *m = b->leaver;
		if (b->leaving && m) {
			b->leaver = m->next;
			if (m->role != MEMBER_LEFT && !takes_part(b, &m->plan->node))
				schedules_leave(ss, m, "It does not take part in the mesh any more.");
		} else if (b->leaving) {
			b->leaving = false;
		} else {
			give_peers(ss, b, b->at++);
		}
		if (i % CLOCK_EVERY == 0 && sonde_boottime_ns() >= until_ns)
			return !b->leaving && b->at == b->n;
	}
	return true;
}

bool schedules_mesh(struct schedules *ss, int64_t until_ns)
{
	while (ss->builds) {
		struct mesh_build *b = ss->builds;
		if (!run_slice(ss, b, until_ns))
			return false;
		ss->builds = b->next;
		build_free(b);
	}
	return true;
}

void schedule_assign_mesh(struct schedules *ss, struct schedule *s)
{
	static struct node *nodes[MESH_NODES];

	unsigned n = mesh_nodes(ss, s, nodes);
	uint64_t hash = hash_nodes(s, nodes, n);
	if (hash == s->mesh_hash)
		return;
	struct mesh_build *b = build_new(s, nodes, n);
	if (!b)
		return;
	s->mesh_hash = hash;
	schedule_mesh_drop(ss, s);
	b->k = schedule_mesh_peers(&s->facts, n);
	snprintf(b->reason, sizeof(b->reason), b->k + 1 < n ?
	         "One of %u nodes of the mesh, probing %u of them." :
	         "One of %u nodes of a full mesh.", n, b->k);
	if (!by_policy(ss, b, nodes)) {
		free(b->from);
		free(b->to);
		b->from = b->to = NULL;
	}
	b->next = ss->builds;
	ss->builds = b;
}
