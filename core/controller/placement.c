/* SPDX-License-Identifier: Apache-2.0 */
/* Filters, the candidate cache and the share of each location. */
#include "controller/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/status.h"
#include "controller/magic.h"
#include "controller/places.h"
#include "script/replay.h"

enum { CACHE_MAX = 1024, SIGNATURE_MAX = 4096, REGIONS_MAX = 16 };

enum { DROPPED_MAX = 64 };

/* Why a node is not among the candidates. */
enum drop { DROP_STATUS, DROP_TYPE, DROP_LOCATION, DROP_FAMILY, DROP_NEED, DROP_UPLINK, DROP_STORAGE,
	    DROP_TAKEN, DROP_COUNT };
static const char *const drop_names[] = { "status", "type", "location", "ipVersion",
                                          "requirement", "uplink", "storage",
                                          "taken" };

struct candidates {
	uint64_t generation, id; /* id: for policies, another for each content */
	unsigned count, cap;
	unsigned *rows;
	unsigned dropped[DROP_COUNT], unmet[NEEDS_MAX]; /* unmet: of DROP_NEED, by requirement */
	unsigned named; /* of the first dropped ones */
	struct {
		unsigned row;
		enum drop why;
		unsigned need; /* DROP_NEED: which of the request's */
	} drop[DROPPED_MAX];
};

void placement_init(struct placement *p, struct nodes *nodes, struct sonde_policies *policies)
{
	*p = (struct placement){ .nodes = nodes, .policies = policies };
	sonde_map_init(&p->cache);
}

static void cache_clear(struct placement *p)
{
	struct candidates *c;
	size_t at = 0;

	while ((c = sonde_map_next(&p->cache, &at))) {
		free(c->rows);
		free(c);
	}
	sonde_map_deinit(&p->cache);
	sonde_map_init(&p->cache);
}

void placement_deinit(struct placement *p)
{
	cache_clear(p);
	sonde_map_deinit(&p->cache);
	if (p->uncached)
		free(p->uncached->rows);
	free(p->uncached);
	free(p->taken);
	free(p->scratch);
}

/* ---- filters ---- */

static bool same(const char *want, const char *have)
{
	return !want || (have && !strcasecmp(want, have));
}

static bool contains(const char *hay, const char *needle)
{
	return hay && *needle && strcasestr(hay, needle);
}

static bool is_node(const char *want, const struct node *n)
{
	char id[SONDE_ID_TEXT];

	sonde_id_format(&n->id, id);
	return !strcasecmp(want, id) || (n->facts.name && !strcmp(want, n->facts.name));
}

static bool is_near(const struct location *l, const struct node_facts *f)
{
	return (f->latitude != 0 || f->longitude != 0) &&
	       place_distance(l->latitude, l->longitude, f->latitude, f->longitude) <= l->radius_km;
}

/* All but the free text. */
static bool filter_matches(const struct location *l, const struct node *n)
{
	const struct node_facts *f = &n->facts;

	if (!same(l->continent, node_continent(n)) || !same(l->country, f->country) ||
	    !same(l->state, f->state) || (l->region && !node_in_region(n, l->region)) ||
	    !same(l->city, f->city) || (l->radius_km > 0 && !is_near(l, f)) ||
	    (l->asn && l->asn != f->asn) || (l->network && !contains(f->network, l->network)) ||
	    (l->node && !is_node(l->node, n)))
		return false;
	for (unsigned i = 0; i < l->tag_count; i++)
		if (!node_has_tag(n, l->tags[i], strlen(l->tags[i])))
			return false;
	return true;
}

bool location_matches(const struct nodes *nodes, const struct location *l, const struct node *n)
{
	struct magic magic;

	if (!filter_matches(l, n))
		return false;
	magic_read(&magic, l->magic, nodes);
	return magic_matches(&magic, n);
}

/* ---- candidates ---- */

static size_t add_text(char *out, size_t n, const char *text)
{
	size_t len = strlen(text) + 1; /* with its NUL, which no text holds */

	if (len > SIGNATURE_MAX - n)
		return SIGNATURE_MAX;
	memcpy(out + n, text, len);
	return n + len;
}

/* What makes two filters the same; SIGNATURE_MAX when it does not fit. */
static size_t signature(const struct type *type, const struct location *l,
                        const struct needs *needs, char *out)
{
	const char *const texts[] = { type->name, l->continent, l->region, l->country, l->state,
		                      l->city, l->network, l->magic, l->node,
		                      needs ? needs->text : NULL };
	const double numbers[] = { (double)l->asn, l->latitude, l->longitude, l->radius_km,
		                   needs ? needs->family : 0 };
	size_t n = sizeof(numbers);

	memcpy(out, numbers, n);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		n = add_text(out, n, texts[i] ? texts[i] : "");
	for (unsigned i = 0; i < l->tag_count; i++)
		n = add_text(out, n, l->tags[i]);
	return n;
}

static int add_row(struct candidates *c, unsigned row)
{
	if (c->count == c->cap) {
		unsigned cap = c->cap ? c->cap * 2 : 16;
		void *rows = realloc(c->rows, cap * sizeof(*c->rows));
		if (!rows)
			return SONDE_ENOMEM;
		c->rows = rows;
		c->cap = cap;
	}
	c->rows[c->count++] = row;
	return SONDE_OK;
}

static void drop(struct candidates *c, unsigned row, enum drop why, unsigned need)
{
	c->dropped[why]++;
	if (c->named == DROPPED_MAX)
		return;
	c->drop[c->named].row = row;
	c->drop[c->named].need = need;
	c->drop[c->named++].why = why;
}

static bool lacks(struct candidates *c, const struct node *n, unsigned row, const struct needs *needs)
{
	int unmet = needs ? needs_unmet(needs, n) : 0;

	if (!needs || unmet == (int)needs->count)
		return false;
	if (unmet != NEED_FAMILY)
		c->unmet[unmet]++;
	drop(c, row, unmet == NEED_FAMILY ? DROP_FAMILY : DROP_NEED, unmet > 0 ? (unsigned)unmet : 0);
	return true;
}

static void collect(struct placement *p, const struct type *type, const struct location *l,
                    const struct needs *needs, struct candidates *c)
{
	size_t len = strlen(type->name);
	struct magic magic;

	magic_read(&magic, l->magic, p->nodes);
	c->count = c->named = 0;
	memset(c->dropped, 0, sizeof(c->dropped));
	memset(c->unmet, 0, sizeof(c->unmet));
	for (unsigned i = 0; i < p->nodes->len; i++) {
		struct node *n = p->nodes->all[i];
		if (!n)
			continue;
		if (!node_is_ready(p->nodes, n) || node_status(p->nodes, n) != NODE_ONLINE)
			drop(c, i, DROP_STATUS, 0);
		else if (!node_has_type(n, type->name, len))
			drop(c, i, DROP_TYPE, 0);
		else if (!filter_matches(l, n) || !magic_matches(&magic, n))
			drop(c, i, DROP_LOCATION, 0);
		else if (lacks(c, n, i, needs))
			continue;
		/* Who names the node itself wants to see just that. */
		else if (n->uplink == SONDE_UPLINK_DOWN && !l->node)
			drop(c, i, DROP_UPLINK, 0);
		else if (n->storage != SONDE_STORAGE_OK)
			drop(c, i, DROP_STORAGE, 0);
		else if (add_row(c, i) != SONDE_OK)
			return;
	}
	c->generation = p->nodes->generation;
	c->id = ++p->last_set;
}

static const struct candidates *candidates_of(struct placement *p, const struct placement_request *r,
                                              const struct location *l)
{
	char key[SIGNATURE_MAX];
	size_t len = signature(r->type, l, r->needs, key);
	/* A cut signature would mix up two filters; such a request is simply not cached. Nor is one
	 * whose answer changes while the nodes stay as they are. */
	bool cached = len < sizeof(key) && !(r->needs && r->needs->moves);
	struct candidates *c = cached ? sonde_map_get(&p->cache, key, len) : p->uncached;

	if (c && cached && c->generation == p->nodes->generation)
		return c;
	if (!c) {
		if (p->cache.len >= CACHE_MAX)
			cache_clear(p);
		c = calloc(1, sizeof(*c));
		if (!c || (cached && sonde_map_put(&p->cache, key, len, c) != SONDE_OK)) {
			free(c);
			return NULL;
		}
		if (!cached)
			p->uncached = c;
	}
	collect(p, r->type, l, r->needs, c);
	return c;
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

struct set {
	const unsigned *rows;
	unsigned count;
	uint64_t id; /* 0 = made for this request only */
};

static bool is_in(const char *region, char (*regions)[SONDE_REGION_TEXT], unsigned n)
{
	for (unsigned i = 0; region && i < n; i++)
		if (!strcasecmp(region, regions[i]))
			return true;
	return false;
}

/* A region with too few nodes is widened by the regions that the policy lets stand in for it. */
static void widen(struct placement *p, const struct placement_request *r, const struct location *l,
                  const struct sonde_request *req, struct set *set)
{
	char regions[REGIONS_MAX][SONDE_REGION_TEXT];
	struct location anywhere = *l;
	unsigned n = 0;

	unsigned more = sonde_policy_route(p->policies, r->policy, req, regions, REGIONS_MAX);
	if (!more)
		return;
	anywhere.region = NULL;
	const struct candidates *all = candidates_of(p, r, &anywhere);
	for (unsigned i = 0; all && i < all->count; i++) {
		const char *region = p->nodes->all[all->rows[i]]->facts.region;
		if (node_in_region(p->nodes->all[all->rows[i]], l->region) ||
		    is_in(region, regions, more))
			p->scratch[n++] = all->rows[i];
	}
	*set = (struct set){ p->scratch, n, 0 };
}

static void leave_out_taken(struct placement *p, struct set *set)
{
	unsigned left = 0;

	for (unsigned i = 0; i < set->count; i++)
		if (!is_taken(p, set->rows[i]))
			p->scratch[left++] = set->rows[i];
	*set = (struct set){ p->scratch, left, 0 };
}

/* ---- traces ---- */

static void put_id(struct sonde_json *j, const char *key, const struct node *n)
{
	char id[SONDE_ID_TEXT];

	sonde_id_format(&n->id, id);
	sonde_json_text(j, key, id, SONDE_ID_TEXT - 1);
}

static void put_dropped(const struct placement *p, struct sonde_json *j, const struct candidates *c,
                        const struct needs *needs, unsigned taken)
{
	unsigned count[DROP_COUNT];

	memcpy(count, c->dropped, sizeof(count));
	count[DROP_TAKEN] = taken;
	sonde_json_open(j, "dropped", '{');
	for (unsigned i = 0; i < DROP_COUNT; i++)
		if (count[i])
			sonde_json_int(j, drop_names[i], count[i]);
	sonde_json_close(j);
	if (count[DROP_NEED]) {
		sonde_json_open(j, "unmet", '{');
		for (unsigned i = 0; i < needs->count; i++)
			if (c->unmet[i])
				sonde_json_int(j, need_name(&needs->items[i]), c->unmet[i]);
		sonde_json_close(j);
	}
	sonde_json_open(j, "droppedNodes", '[');
	for (unsigned i = 0; i < c->named && i < p->trace_nodes; i++) {
		const struct node *n = p->nodes->all[c->drop[i].row];
		if (!n)
			continue;
		sonde_json_open(j, NULL, '{');
		put_id(j, "id", n);
		sonde_json_str(j, "name", n->facts.name);
		sonde_json_str(j, "by", drop_names[c->drop[i].why]);
		if (c->drop[i].why == DROP_NEED)
			sonde_json_str(j, "requirement", need_name(&needs->items[c->drop[i].need]));
		if (c->drop[i].why == DROP_STATUS)
			sonde_json_str(j, "status", node_status_name(node_status(p->nodes, n)));
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

/* One question to the policy: what it was, what was left out before, what it answered. */
static void put_step(const struct placement *p, const struct placement_request *r,
                     const struct location *l, const struct candidates *c, const struct set *set,
                     unsigned taken, const struct sonde_request *req,
                     const struct sonde_decision *d)
{
	struct sonde_json j;

	if (r->trace->len)
		sonde_buf_char(r->trace, ',');
	sonde_json_init(&j, r->trace);
	sonde_json_open(&j, NULL, '{');
	if (r->location_count)
		sonde_json_int(&j, "location", l - r->locations);
	sonde_json_int(&j, "candidates", set->count);
	put_dropped(p, &j, c, r->needs, taken);
	sonde_json_open(&j, "decision", '{');
	sonde_decision_record(p->policies, &j, r->policy, req, set->rows, set->count,
	                      p->trace_nodes, d);
	sonde_json_close(&j);
	sonde_json_open(&j, "chosen", '[');
	for (unsigned i = 0; i < d->count; i++)
		put_id(&j, NULL, p->nodes->all[d->rows[i]]);
	sonde_json_close(&j);
	sonde_json_close(&j);
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
                const struct set *set, struct sonde_decision *d)
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
	const struct candidates *c = candidates_of(p, r, l);
	struct set set = { c ? c->rows : NULL, c ? c->count : 0, c ? c->id : 0 };
	struct sonde_request req = question(p, r, l, want, a->count);
	unsigned rows[PLACE_MAX];
	struct sonde_decision d = { .rows = rows };

	if (l->region && set.count < want) {
		widen(p, r, l, &req, &set);
		/* Looking for the stand-ins may have cleared the cache. */
		if (set.rows == p->scratch)
			c = candidates_of(p, r, l);
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
		put_step(p, r, l, c, &set, before - set.count, &req, &d);
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
			if (p->nodes->all[row] && filter_matches(&r->exclude[i], p->nodes->all[row]) &&
			    magic_matches(&magic, p->nodes->all[row]))
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
	const struct candidates *c = candidates_of(p, r, &anywhere);
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
