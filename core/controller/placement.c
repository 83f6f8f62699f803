/* SPDX-License-Identifier: Apache-2.0 */
/* The share of each location, the regions that stand in for one, and the questions to the policy:
 * pick or assign, admit, retry, peers. No node is chosen twice for one request, whatever the policy
 * answers. Owns the marks of who is taken and the room to make a set in. */
#include "controller/placement_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"
#include "controller/magic.h"

enum { REGIONS_MAX = 16 };

void placement_init(struct placement *p, struct nodes *nodes, struct sonde_policies *policies)
{
	*p = (struct placement){ .nodes = nodes, .policies = policies };
	candidates_init(&p->lists, nodes);
}

void placement_deinit(struct placement *p)
{
	candidates_deinit(&p->lists);
	free(p->taken);
	free(p->scratch);
}

/* ---- choosing ---- */

static bool is_taken(const struct placement *p, unsigned row)
{
	return p->taken[row / 64] >> (row % 64) & 1;
}

static int make_room(struct placement *p)
{
	unsigned words = p->nodes->len / 64 + 1;

	if (words > p->taken_words) {
		uint64_t *taken = calloc(words, sizeof(*taken));
		if (!taken)
			return SONDE_ENOMEM;
		free(p->taken);
		p->taken = taken;
		p->taken_words = words;
	}
	if (p->nodes->len > p->scratch_cap) {
		void *scratch = realloc(p->scratch, p->nodes->cap * sizeof(*p->scratch));
		if (!scratch)
			return SONDE_ENOMEM;
		p->scratch = scratch;
		p->scratch_cap = p->nodes->cap;
	}
	return SONDE_OK;
}

static bool is_in(const char *region, char (*regions)[SONDE_REGION_TEXT], unsigned n)
{
	for (unsigned i = 0; region && i < n; i++)
		if (!strcasecmp(region, regions[i]))
			return true;
	return false;
}

/* A region with too few nodes is widened by the regions that the policy lets stand in for it. */
static void widen(struct placement *p, const struct placement_request *r, const struct location *l,
                  const struct sonde_request *req, struct candidate_set *set)
{
	char regions[REGIONS_MAX][SONDE_REGION_TEXT];
	struct location anywhere = *l;
	unsigned n = 0;

	unsigned more = sonde_policy_route(p->policies, r->policy, req, regions, REGIONS_MAX);
	if (!more)
		return;
	anywhere.region = NULL;
	const struct candidates *all = candidates_of(&p->lists, r->type, &anywhere, r->needs);
	for (unsigned i = 0; all && i < all->count; i++) {
		const char *region = p->nodes->all[all->rows[i]]->facts.region;
		if (node_in_region(p->nodes->all[all->rows[i]], l->region) ||
		    is_in(region, regions, more))
			p->scratch[n++] = all->rows[i];
	}
	*set = (struct candidate_set){ p->scratch, n, 0 };
}

static void leave_out_taken(struct placement *p, struct candidate_set *set)
{
	unsigned left = 0;

	for (unsigned i = 0; i < set->count; i++)
		if (!is_taken(p, set->rows[i]))
			p->scratch[left++] = set->rows[i];
	*set = (struct candidate_set){ p->scratch, left, 0 };
}

/* ---- asking the policy ---- */

static struct sonde_request question(struct placement *p, const struct placement_request *r,
                                     const struct location *l, unsigned want, unsigned chosen)
{
	unsigned near = p->regions && l->region ? regions_near(p->regions, l->region, p->near) : 0;

	return (struct sonde_request){ .near = p->near, .near_n = near, .type = r->type->name,
		                       .target = r->target,
		                       .region = l->region, .want = want,
		                       .seed = r->seed + chosen, .params_json = r->params };
}

static void note(struct placement *p, const struct sonde_decision *d, struct placement_answer *a)
{
	p->decisions++;
	p->fallbacks += d->fallback;
	a->fallback |= d->fallback;
	a->version = d->version;
	a->took_us += d->took_us;
	if (d->reason[0])
		memcpy(a->reason, d->reason, sizeof(a->reason));
}

static unsigned current_rows(const struct placement_request *r, unsigned rows[CURRENT_MAX])
{
	unsigned n = 0;

	for (; n < r->current_count && n < CURRENT_MAX; n++)
		rows[n] = r->current[n]->row;
	return n;
}

static void ask(struct placement *p, const struct placement_request *r, struct sonde_request *req,
                const struct candidate_set *set, struct sonde_decision *d)
{
	unsigned current[CURRENT_MAX];

	if (!r->schedule) {
		sonde_policy_pick(p->policies, r->policy, req, set->rows, set->count, d);
		return;
	}
	req->schedule = r->schedule;
	req->current = current;
	req->current_n = current_rows(r, current);
	sonde_policy_assign(p->policies, r->policy, req, set->rows, set->count, d);
	req->current = NULL;
	req->current_n = 0;
}

static unsigned choose_from(struct placement *p, const struct placement_request *r,
                            const struct location *l, unsigned want, struct placement_answer *a)
{
	const struct candidates *c = candidates_of(&p->lists, r->type, l, r->needs);
	struct candidate_set set = { c ? c->rows : NULL, c ? c->count : 0, c ? c->id : 0 };
	struct sonde_request req = question(p, r, l, want, a->count);
	unsigned rows[PLACE_MAX];
	struct sonde_decision d = { .rows = rows };

	if (l->region && set.count < want) {
		widen(p, r, l, &req, &set);
		/* Looking for the stand-ins may have cleared the cache. */
		if (set.rows == p->scratch)
			c = candidates_of(&p->lists, r->type, l, r->needs);
	}
	unsigned before = set.count;
	/* By an earlier location, or before, or never to be chosen. */
	if (a->count || r->leave_out_count || r->except || r->exclude_count)
		leave_out_taken(p, &set);
	if (!want || !c)
		return 0;
	req.set_id = set.id;
	if (set.count) {
		ask(p, r, &req, &set, &d);
		note(p, &d, a);
	}
	if (r->trace)
		placement_put_step(p, r, l, c, &set, before - set.count, &req, &d);
	for (unsigned i = 0; i < d.count; i++) {
		p->taken[rows[i] / 64] |= UINT64_C(1) << (rows[i] % 64);
		a->nodes[a->count++] = p->nodes->all[rows[i]];
	}
	return d.count;
}

static void take(struct placement *p, const struct node *n)
{
	p->taken[n->row / 64] |= UINT64_C(1) << (n->row % 64);
}

/* What must never be chosen counts as taken from the start. */
static void take_out(struct placement *p, const struct placement_request *r)
{
	struct magic magic;

	for (unsigned i = 0; i < r->leave_out_count; i++)
		take(p, r->leave_out[i]);
	if (r->except)
		take(p, r->except);
	for (unsigned i = 0; i < r->exclude_count; i++) {
		magic_read(&magic, r->exclude[i].magic, p->nodes);
		for (unsigned row = 0; row < p->nodes->len; row++)
			if (p->nodes->all[row] &&
			    location_fits(&r->exclude[i], &magic, p->nodes->all[row]))
				take(p, p->nodes->all[row]);
	}
}

static void give_back(struct placement *p, const struct placement_request *r)
{
	for (unsigned i = 0; i < r->leave_out_count; i++)
		p->taken[r->leave_out[i]->row / 64] = 0;
	if (r->except)
		p->taken[r->except->row / 64] = 0;
	if (r->exclude_count)
		memset(p->taken, 0, p->taken_words * sizeof(*p->taken));
}

static unsigned at_most(unsigned n, unsigned limit)
{
	return n < limit ? n : limit;
}

/* Equal shares of the limit; what one location cannot fill goes to the others. */
static void choose_shared(struct placement *p, const struct placement_request *r, unsigned limit,
                          struct placement_answer *a)
{
	bool dry[LOCATIONS_MAX] = { false };
	unsigned open = r->location_count;

	while (a->count < limit && open) {
		unsigned left = limit - a->count, share = left / open, extra = left % open;
		for (unsigned i = 0; i < r->location_count && a->count < limit; i++) {
			if (dry[i])
				continue;
			unsigned want = share + (extra > 0);
			extra -= extra > 0;
			if (want && choose_from(p, r, &r->locations[i], want, a) < want) {
				dry[i] = true;
				open--;
			}
		}
	}
}

static const struct location anywhere;

static void clear(struct placement_answer *a)
{
	a->count = 0;
	a->took_us = a->version = 0;
	a->reason[0] = '\0';
	a->fallback = false;
}

int placement_choose(struct placement *p, const struct placement_request *r,
                     struct placement_answer *a)
{
	unsigned most = r->admitted ? r->admitted : PLACE_MAX;

	clear(a);
	if (make_room(p) != SONDE_OK)
		return SONDE_ENOMEM;
	take_out(p, r);
	if (!r->location_count)
		choose_from(p, r, &anywhere, at_most(r->limit ? r->limit : 1, most), a);
	else if (r->limit)
		choose_shared(p, r, at_most(r->limit, most), a);
	else
		for (unsigned i = 0; i < r->location_count; i++)
			choose_from(p, r, &r->locations[i],
			            at_most(r->locations[i].limit ? r->locations[i].limit : 1,
			                    most - a->count), a);
	for (unsigned i = 0; i < a->count; i++)
		p->taken[a->nodes[i]->row / 64] = 0;
	give_back(p, r);
	return a->count ? SONDE_OK : SONDE_ENOENT;
}

static unsigned wanted(const struct placement_request *r)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < r->location_count; i++)
		sum += r->locations[i].limit ? r->locations[i].limit : 1;
	return r->limit ? r->limit : sum ? sum : 1;
}

void placement_admit(struct placement *p, const struct placement_request *r,
                     struct sonde_admission *out)
{
	const struct location *l = r->location_count == 1 ? &r->locations[0] : &anywhere;
	struct sonde_request req = question(p, r, l, wanted(r), 0);

	sonde_policy_admit(p->policies, r->policy, &req, out);
}

int placement_retry(struct placement *p, const struct placement_request *r,
                    const struct placement_failure *f, struct placement_answer *a)
{
	const struct candidates *c = candidates_of(&p->lists, r->type, &anywhere, r->needs);
	struct sonde_request req = question(p, r, &anywhere, 1, 0);
	unsigned row, left = 0;
	struct sonde_decision d = { .rows = &row };

	clear(a);
	if (!c || make_room(p) != SONDE_OK)
		return SONDE_ENOMEM;
	take_out(p, r);
	for (unsigned i = 0; i < c->count; i++)
		if ((!f->node || c->rows[i] != f->node->row) &&
		    !(p->taken[c->rows[i] / 64] >> (c->rows[i] % 64) & 1))
			p->scratch[left++] = c->rows[i];
	give_back(p, r);
	if (!left)
		return SONDE_ENOENT;
	req.attempt = f->attempt;
	req.failure = f->failure;
	req.failed = f->node ? f->node->row + 1 : 0;
	sonde_policy_retry(p->policies, r->policy, &req, p->scratch, left, &d);
	note(p, &d, a);
	if (!d.count)
		return SONDE_EDENIED;
	a->nodes[a->count++] = p->nodes->all[row];
	return SONDE_OK;
}

unsigned placement_peers(struct placement *p, const struct placement_request *r,
                         struct node *const *nodes, unsigned n, struct sonde_peering *out, unsigned max,
                         struct sonde_decision *d)
{
	struct sonde_request req = question(p, r, &anywhere, n, 0);
	unsigned current[CURRENT_MAX];

	if (make_room(p) != SONDE_OK || n > p->scratch_cap) {
		*d = (struct sonde_decision){ .fallback = true, .reason = "out of memory" };
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		p->scratch[i] = nodes[i]->row;
	req.schedule = r->schedule;
	req.current = current;
	req.current_n = current_rows(r, current);
	return sonde_policy_peers(p->policies, r->policy, &req, p->scratch, n, out, max, d);
}
