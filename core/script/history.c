/* SPDX-License-Identifier: Apache-2.0 */
/* Series in a map and a list by use, each a small table of cells by row. Owns all of them. Drops the
 * oldest series, never the one in hand; cuts keys that are too long. */
#include "script/history.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { TYPE_MAX = 64, TARGET_MAX = 256, KEY_MAX = 1 + TYPE_MAX + 1 + TARGET_MAX, CELLS_MIN = 8 };

/* A result weighs 1/n until there are that many, then this. */
static const float weight = 0.1F;

/* ---- series ---- */

void sonde_history_init(struct sonde_history *h)
{
	*h = (struct sonde_history){ .bytes = 0 };
	sonde_map_init(&h->map);
}

static void unlink_one(struct sonde_history *h, struct sonde_history_series *s)
{
	*(s->newer ? &s->newer->older : &h->newest) = s->older;
	*(s->older ? &s->older->newer : &h->oldest) = s->newer;
}

static void put_first(struct sonde_history *h, struct sonde_history_series *s)
{
	s->older = h->newest;
	s->newer = NULL;
	*(h->newest ? &h->newest->newer : &h->oldest) = s;
	h->newest = s;
}

static size_t size_of(const struct sonde_history_series *s)
{
	return sizeof(*s) + s->key_len + s->cap * sizeof(*s->cells);
}

static void series_free(struct sonde_history *h, struct sonde_history_series *s)
{
	unlink_one(h, s);
	sonde_map_take(&h->map, s->key, s->key_len);
	h->bytes -= size_of(s);
	free(s->cells);
	free(s);
}

void sonde_history_deinit(struct sonde_history *h)
{
	while (h->newest)
		series_free(h, h->newest);
	sonde_map_deinit(&h->map);
}

static void make_room(struct sonde_history *h)
{
	while ((h->map.len > SONDE_HISTORY_SERIES || h->bytes > SONDE_HISTORY_BYTES) &&
	       h->oldest != h->newest) {
		series_free(h, h->oldest);
		h->evicted++;
	}
}

/* kind: 'a' all targets, 'n' a network, 't' a target. */
static size_t make_key(char key[KEY_MAX], char kind, const char *type, const void *what, size_t len)
{
	size_t n = strnlen(type, TYPE_MAX);

	key[0] = kind;
	memcpy(key + 1, type, n);
	key[n + 1] = '\0';
	len = len < TARGET_MAX ? len : TARGET_MAX;
	if (len)
		memcpy(key + n + 2, what, len);
	return n + 2 + len;
}

/* NULL when it is not there. It counts as used. */
static struct sonde_history_series *find(struct sonde_history *h, char kind, const char *type,
                                         const void *what, size_t len)
{
	char key[KEY_MAX];
	struct sonde_history_series *s = sonde_map_get(&h->map, key,
	                                               make_key(key, kind, type, what, len));

	if (s) {
		unlink_one(h, s);
		put_first(h, s);
	}
	return s;
}

static struct sonde_history_series *take(struct sonde_history *h, char kind, const char *type,
                                         const void *what, size_t len)
{
	struct sonde_history_series *s = find(h, kind, type, what, len);
	char key[KEY_MAX];

	if (s)
		return s;
	size_t n = make_key(key, kind, type, what, len);
	s = calloc(1, sizeof(*s) + n);
	if (!s)
		return NULL;
	memcpy(s->key, key, n);
	s->key_len = n;
	if (sonde_map_put(&h->map, s->key, n, s) != SONDE_OK) {
		free(s);
		return NULL;
	}
	put_first(h, s);
	h->bytes += size_of(s);
	make_room(h);
	return s;
}

/* ---- cells ---- */

static unsigned place_of(const struct sonde_history_series *s, uint32_t row)
{
	unsigned at = (unsigned)(sonde_hash_mix(row) & (s->cap - 1));

	while (s->cells[at].row && s->cells[at].row != row)
		at = (at + 1) & (s->cap - 1);
	return at;
}

static bool resize(struct sonde_history *h, struct sonde_history_series *s, unsigned cap)
{
	struct sonde_history_cell *old = s->cells, *cells = calloc(cap, sizeof(*cells));
	unsigned before = s->cap;

	if (!cells)
		return false;
	h->bytes -= size_of(s);
	s->cells = cells;
	s->cap = cap;
	h->bytes += size_of(s);
	for (unsigned i = 0; i < before; i++)
		if (old[i].row)
			s->cells[place_of(s, old[i].row)] = old[i];
	free(old);
	make_room(h);
	return true;
}

/* The weight that `more` results have beside those before; counts them. */
static float share_of(uint32_t *count, uint32_t more)
{
	*count = more < UINT32_MAX - *count ? *count + more : UINT32_MAX;
	return fmaxf(1 - powf(1 - weight, (float)more), (float)more / (float)*count);
}

static void mix(struct sonde_history_cell *c, const struct sonde_outcome *o)
{
	uint32_t more = o->count ? o->count : 1;
	float share = share_of(&c->seen, more);

	c->ok += share * ((float)o->ok - c->ok);
	if (isnan(o->ms))
		return;
	share = share_of(&c->timed, more);
	float d = (float)o->ms - c->ms;
	c->ms += share * d;
	c->variance = (1 - share) * (c->variance + share * d * d) + share * (float)o->variance;
}

static int add(struct sonde_history *h, struct sonde_history_series *s,
               const struct sonde_outcome *o)
{
	if (!s || (2 * (s->n + 1) > s->cap && !resize(h, s, s->cap ? 2 * s->cap : CELLS_MIN)))
		return SONDE_ENOMEM;
	struct sonde_history_cell *c = &s->cells[place_of(s, o->row + 1)];
	s->n += !c->row;
	c->row = o->row + 1;
	mix(c, o);
	return SONDE_OK;
}

/* ---- networks ---- */

/* Bytes of the network, net[0] of them: 3 or 6; false when the text is no address. */
static bool network_of(const char *address, uint8_t net[7])
{
	unsigned char raw[16];

	memset(net, 0, 7);
	if (address && inet_pton(AF_INET, address, raw) == 1)
		net[0] = 3;
	else if (address && inet_pton(AF_INET6, address, raw) == 1)
		net[0] = 6;
	memcpy(net + 1, raw, net[0]);
	return net[0];
}

int sonde_history_note(struct sonde_history *h, const struct sonde_outcome *o)
{
	struct sonde_history_series *target = NULL;
	uint8_t net[7];

	if (!(o->ok >= 0 && o->ok <= 1))
		return SONDE_EINVAL;
	h->version++;
	int rc = add(h, take(h, 'a', o->type, NULL, 0), o);
	if (rc == SONDE_OK && network_of(o->address ? o->address : o->target, net))
		rc = add(h, take(h, 'n', o->type, net, sizeof(net)), o);
	if (rc == SONDE_OK && o->target) {
		target = take(h, 't', o->type, o->target, strlen(o->target));
		rc = add(h, target, o);
	}
	if (target && net[0])
		memcpy(target->net, net, sizeof(net));
	h->noted += rc == SONDE_OK;
	return rc;
}

static void forget_in(struct sonde_history_series *s, uint32_t row)
{
	unsigned at = s->cap ? place_of(s, row) : 0;

	if (!s->cap || !s->cells[at].row)
		return;
	s->cells[at] = (struct sonde_history_cell){ 0 };
	s->n--;
	/* Those behind it that were pushed on by it move up. */
	for (unsigned i = (at + 1) & (s->cap - 1); s->cells[i].row; i = (i + 1) & (s->cap - 1)) {
		struct sonde_history_cell c = s->cells[i];
		s->cells[i] = (struct sonde_history_cell){ 0 };
		s->cells[place_of(s, c.row)] = c;
	}
}

void sonde_history_forget(struct sonde_history *h, unsigned row)
{
	h->version++;
	for (struct sonde_history_series *s = h->newest; s; s = s->older)
		forget_in(s, row + 1);
}

/* ---- reading ---- */

static void put(struct sonde_columns *c, unsigned row, const struct sonde_history_cell *cell)
{
	bool timed = cell->timed > 0;

	sonde_columns_past(c, row, SONDE_COL_PAST_SEEN, cell->seen);
	sonde_columns_past(c, row, SONDE_COL_PAST_OK, (double)cell->ok);
	sonde_columns_past(c, row, SONDE_COL_PAST_RTT, timed ? (double)cell->ms : NAN);
	sonde_columns_past(c, row, SONDE_COL_PAST_SPREAD, timed ? sqrt((double)cell->variance) : NAN);
}

/* Rows of which nothing is known yet. */
static void lay_under(struct sonde_columns *c, const struct sonde_history_series *s)
{
	const double *seen = sonde_columns_numbers(c, SONDE_COL_PAST_SEEN);

	for (unsigned i = 0; s && i < s->cap; i++) {
		uint32_t row = s->cells[i].row;
		if (row && row <= c->rows && c->used[row - 1] && !(seen[row - 1] > 0))
			put(c, row - 1, &s->cells[i]);
	}
}

/* The columns show this very question already. */
static bool is_filled(struct sonde_history *h, const char *type, const char *target,
                      const struct sonde_columns *c)
{
	char key[KEY_MAX];
	size_t n = make_key(key, target ? 't' : 'a', type, target, target ? strlen(target) : 0);

	if (h->filled == h->version && h->filled_rows == c->rows && h->filled_len == n &&
	    !memcmp(h->filled_for, key, n))
		return true;
	h->filled = h->version;
	h->filled_rows = c->rows;
	h->filled_len = n;
	memcpy(h->filled_for, key, n);
	return false;
}

void sonde_history_fill(struct sonde_history *h, const char *type, const char *target,
                        struct sonde_columns *c)
{
	struct sonde_history_series *of_target = NULL;
	uint8_t net[7] = { 0 };

	_Static_assert(sizeof(h->filled_for) >= KEY_MAX, "a key fits");

	if (!h->newest || is_filled(h, type ? type : "", target, c))
		return;
	sonde_columns_blank_past(c);
	if (!type)
		return;
	if (target)
		of_target = find(h, 't', type, target, strlen(target));
	if (!network_of(target, net) && of_target)
		memcpy(net, of_target->net, sizeof(net));
	lay_under(c, of_target);
	if (net[0])
		lay_under(c, find(h, 'n', type, net, sizeof(net)));
	lay_under(c, find(h, 'a', type, NULL, 0));
}
