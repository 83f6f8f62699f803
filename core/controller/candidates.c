/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a node, and the lists of the nodes of which it does. A list is kept by the text
 * of its filter and made anew after any node changed. Owns the lists; asks no policy. */
#include "controller/candidates.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"
#include "controller/magic.h"
#include "controller/places.h"
#include "controller/placement.h"

enum { CACHE_MAX = 1024, SIGNATURE_MAX = 4096 };

/* ---- what must hold ---- */

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

bool location_fits(const struct location *l, const struct magic *magic, const struct node *n)
{
	return filter_matches(l, n) && magic_matches(magic, n);
}

bool location_matches(const struct nodes *nodes, const struct location *l, const struct node *n)
{
	struct magic magic;

	if (!filter_matches(l, n))
		return false;
	magic_read(&magic, l->magic, nodes);
	return magic_matches(&magic, n);
}

/* ---- the lists ---- */

void candidates_init(struct candidate_lists *lists, const struct nodes *nodes)
{
	*lists = (struct candidate_lists){ .nodes = nodes };
	sonde_map_init(&lists->cache);
}

static void list_free(struct candidates *c)
{
	if (c)
		free(c->rows);
	free(c);
}

static void cache_clear(struct candidate_lists *lists)
{
	struct candidates *c;
	size_t at = 0;

	while ((c = sonde_map_next(&lists->cache, &at)))
		list_free(c);
	sonde_map_deinit(&lists->cache);
	sonde_map_init(&lists->cache);
}

void candidates_deinit(struct candidate_lists *lists)
{
	cache_clear(lists);
	sonde_map_deinit(&lists->cache);
	list_free(lists->uncached);
}

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

static void collect(struct candidate_lists *lists, const struct type *type,
                    const struct location *l, const struct needs *needs,
                    struct candidates *c)
{
	size_t len = strlen(type->name);
	struct magic magic;

	magic_read(&magic, l->magic, lists->nodes);
	c->count = c->named = 0;
	memset(c->dropped, 0, sizeof(c->dropped));
	memset(c->unmet, 0, sizeof(c->unmet));
	for (unsigned i = 0; i < lists->nodes->len; i++) {
		struct node *n = lists->nodes->all[i];
		if (!n)
			continue;
		if (!node_is_ready(lists->nodes, n) || node_status(lists->nodes, n) != NODE_ONLINE)
			drop(c, i, DROP_STATUS, 0);
		else if (!node_has_type(n, type->name, len))
			drop(c, i, DROP_TYPE, 0);
		else if (!location_fits(l, &magic, n))
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
	c->generation = lists->nodes->generation;
	c->id = ++lists->last_id;
}

const struct candidates *candidates_of(struct candidate_lists *lists, const struct type *type,
                                       const struct location *l, const struct needs *needs)
{
	char key[SIGNATURE_MAX];
	size_t len = signature(type, l, needs, key);
	/* A cut signature would mix up two filters; such a request is simply not cached. Nor is one
	 * whose answer changes while the nodes stay as they are. */
	bool cached = len < sizeof(key) && !(needs && needs->moves);
	struct candidates *c = cached ? sonde_map_get(&lists->cache, key, len) : lists->uncached;

	if (c && cached && c->generation == lists->nodes->generation)
		return c;
	if (!c) {
		if (lists->cache.len >= CACHE_MAX)
			cache_clear(lists);
		c = calloc(1, sizeof(*c));
		if (!c || (cached && sonde_map_put(&lists->cache, key, len, c) != SONDE_OK)) {
			free(c);
			return NULL;
		}
		if (!cached)
			lists->uncached = c;
	}
	collect(lists, type, l, needs, c);
	return c;
}

