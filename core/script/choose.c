/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing by keys: each helper fills one double a candidate, smaller is better, and one selection
 * keeps the best. That is two passes over contiguous memory instead of a call a candidate.
 * Owns nothing; scratch memory goes with the decision. */
#include "script/choose.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

enum { POOL_LEAST = 32 };

struct contest {
	const unsigned *rows;
	const double *key;
	const double *ties; /* by row, or NULL */
	uint64_t seed;
};

static double worst_if_nan(double v)
{
	return v == v ? v : INFINITY;
}

static bool wins_tie(const struct contest *c, unsigned i, unsigned j)
{
	unsigned a = c->rows[i], b = c->rows[j];

	if (c->ties) {
		double x = worst_if_nan(c->ties[a]), y = worst_if_nan(c->ties[b]);
		if (x != y)
			return x < y;
	}
	return sonde_hash_mix(c->seed ^ a) < sonde_hash_mix(c->seed ^ b);
}

static bool before(const struct contest *c, unsigned i, unsigned j)
{
	return c->key[i] < c->key[j] || (c->key[i] == c->key[j] && wins_tie(c, i, j));
}

/* heap[0] is the worst of those kept. */
static void sink(const struct contest *c, unsigned *heap, unsigned n, unsigned at)
{
	unsigned moving = heap[at];

	for (;;) {
		unsigned child = 2 * at + 1;
		if (child >= n)
			break;
		if (child + 1 < n && before(c, heap[child], heap[child + 1]))
			child++;
		if (!before(c, moving, heap[child]))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moving;
}

static unsigned best_one(const struct contest *c, unsigned n)
{
	unsigned best = 0;

	for (unsigned i = 1; i < n; i++)
		if (c->key[i] <= c->key[best] && before(c, i, best))
			best = i;
	return best;
}

static void select_best(const struct contest *c, unsigned n, unsigned want, unsigned *out)
{
	if (want == 1) {
		out[0] = c->rows[best_one(c, n)];
		return;
	}
	for (unsigned i = 0; i < want; i++)
		out[i] = i;
	for (unsigned i = want / 2; i-- > 0;)
		sink(c, out, want, i);
	for (unsigned i = want; i < n; i++) {
		if (c->key[i] > c->key[out[0]] || !before(c, i, out[0]))
			continue;
		out[0] = i;
		sink(c, out, want, 0);
	}
	for (unsigned left = want; left > 1; left--) {
		unsigned worst = out[0];
		out[0] = out[left - 1];
		sink(c, out, left - 1, 0);
		out[left - 1] = worst;
	}
	for (unsigned i = 0; i < want; i++)
		out[i] = c->rows[out[i]];
}

static unsigned least_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static double *keys_for(struct sonde_choice *ch, struct sonde_set set)
{
	return sonde_scratch_take(ch->scratch, (size_t)set.n * sizeof(double));
}

static uint64_t next_seed(struct sonde_choice *ch)
{
	return sonde_hash_mix(ch->seed + ++ch->draws * UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t sonde_draw(struct sonde_choice *ch, uint64_t n)
{
	return ((unsigned __int128)next_seed(ch) * n) >> 64;
}

/* Keys are filled; ties by column, then seed. */
static int by_keys(struct sonde_choice *ch, struct sonde_set set, const double *key,
                   const double *ties, unsigned want, unsigned *out)
{
	want = least_of(want, set.n);
	if (want) {
		struct contest c = { set.rows, key, ties, next_seed(ch) };
		select_best(&c, set.n, want, out);
	}
	return (int)want;
}

int sonde_choose_least(struct sonde_choice *ch, struct sonde_set set, const double *column, int sign,
                       const double *ties, unsigned want, unsigned *out)
{
	const struct sonde_columns *c = ch->columns;
	struct sonde_set pool;

	want = least_of(want, set.n);
	bool kept = want && want <= SONDE_KEEP_POOL / 4 &&
		    sonde_keep_pool(c, &set, column, sign, want, &pool);
	bool fill = want && want <= SONDE_KEEP_POOL / 4 && !kept &&
		    sonde_keep_wanted(c, &set, column, sign);
	unsigned best[SONDE_KEEP_POOL / 2], n = want < POOL_LEAST / 2 ? POOL_LEAST : 2 * want;
	struct sonde_set from = kept ? pool : set;
	double *key = keys_for(ch, from);

	if (!key)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < from.n; i++)
		key[i] = worst_if_nan(sign * column[from.rows[i]]);
	if (fill) {
		struct contest any = { .rows = from.rows, .key = key };
		select_best(&any, from.n, n, best);
		sonde_keep_fill(c, &set, column, sign, best, n);
	}
	return by_keys(ch, from, key, ties, want, out);
}

int sonde_choose_hash(struct sonde_choice *ch, struct sonde_set set, const char *text, size_t len,
                      unsigned want, unsigned *out)
{
	uint64_t salt = sonde_hash_text(text, len);
	const uint64_t *identity = ch->columns->identity;
	double *key = keys_for(ch, set);

	if (!key)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < set.n; i++)
		key[i] = (double)(sonde_hash_mix(salt ^ identity[set.rows[i]]) >> 11);
	return by_keys(ch, set, key, NULL, want, out);
}

/* Efraimidis and Spirakis: the least of -ln(u)/w are a weighted sample without replacement. */
int sonde_choose_weighted(struct sonde_choice *ch, struct sonde_set set, const double *column,
                          unsigned want, unsigned *out)
{
	uint64_t seed = next_seed(ch);
	double *key = keys_for(ch, set);
	unsigned *rows = sonde_scratch_take(ch->scratch, (size_t)set.n * sizeof(*rows));
	unsigned n = 0;

	if (!key || !rows)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < set.n; i++) {
		double w = column[set.rows[i]];
		if (!(w > 0))
			continue;
		double u = ((double)(sonde_hash_mix(seed ^ set.rows[i]) >> 11) + 0.5) * 0x1p-53;
		rows[n] = set.rows[i];
		key[n++] = -log(u) / w;
	}
	return by_keys(ch, (struct sonde_set){ .rows = rows, .n = n }, key, NULL, want, out);
}

static void add_share(struct sonde_set set, const struct sonde_share *s, double *key)
{
	double low = INFINITY, high = -INFINITY;

	for (unsigned i = 0; i < set.n; i++) {
		double v = s->column[set.rows[i]];
		low = v < low ? v : low;
		high = v > high ? v : high;
	}
	double scale = high > low ? s->weight / (high - low) : 0;
	double unknown = s->weight > 0 ? s->weight : 0;
	for (unsigned i = 0; i < set.n; i++) {
		double v = s->column[set.rows[i]];
		key[i] += v == v ? (v - low) * scale : unknown;
	}
}

int sonde_choose_mix(struct sonde_choice *ch, struct sonde_set set, const struct sonde_share *share,
                     unsigned shares, unsigned want, unsigned *out)
{
	double *key = keys_for(ch, set);

	if (!key)
		return SONDE_ENOMEM;
	memset(key, 0, set.n * sizeof(*key));
	for (unsigned i = 0; i < shares; i++)
		add_share(set, &share[i], key);
	for (unsigned i = 0; i < set.n; i++)
		key[i] = worst_if_nan(key[i]);
	return by_keys(ch, set, key, NULL, want, out);
}

struct place {
	double x, y, z;
};

static struct place place_of(double lat, double lon)
{
	double a = lat * M_PI / 180, b = lon * M_PI / 180;

	return (struct place){ cos(a) * cos(b), cos(a) * sin(b), sin(a) };
}

/* The cosine of the angle between a node and a place orders as the distance does. */
static double closeness(const struct sonde_columns *c, unsigned row, struct place p)
{
	return c->place[0][row] * p.x + c->place[1][row] * p.y + c->place[2][row] * p.z;
}

int sonde_choose_nearest(struct sonde_choice *ch, struct sonde_set set, double lat, double lon,
                         unsigned want, unsigned *out)
{
	struct place p = place_of(lat, lon);
	double *key = keys_for(ch, set);

	if (!key)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < set.n; i++)
		key[i] = worst_if_nan(-closeness(ch->columns, set.rows[i], p));
	return by_keys(ch, set, key, NULL, want, out);
}

static const double earth_km = 6371.0088;

double sonde_distance(double lat1, double lon1, double lat2, double lon2)
{
	struct place a = place_of(lat1, lon1), b = place_of(lat2, lon2);
	double dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
	double half = sqrt(dx * dx + dy * dy + dz * dz) / 2;

	return 2 * earth_km * asin(half < 1 ? half : 1);
}

unsigned sonde_filter_within(const struct sonde_columns *c, struct sonde_set set, double lat,
                             double lon, double km, unsigned *out)
{
	struct place p = place_of(lat, lon);
	double angle = km / earth_km, limit = angle < M_PI ? cos(angle) : -2;
	unsigned n = 0;

	for (unsigned i = 0; i < set.n; i++) {
		out[n] = set.rows[i];
		n += km >= 0 && closeness(c, set.rows[i], p) >= limit - 1e-12;
	}
	return n;
}

unsigned sonde_filter_below(struct sonde_set set, const double *column, double limit, unsigned *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set.n; i++) {
		out[n] = set.rows[i];
		n += column[set.rows[i]] < limit;
	}
	return n;
}

unsigned sonde_filter_above(struct sonde_set set, const double *column, double limit, unsigned *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set.n; i++) {
		out[n] = set.rows[i];
		n += column[set.rows[i]] > limit;
	}
	return n;
}

unsigned sonde_filter_equal(struct sonde_set set, const uint32_t *texts, uint32_t id, unsigned *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set.n; i++) {
		out[n] = set.rows[i];
		n += texts[set.rows[i]] == id;
	}
	return n;
}

static bool list_has(const struct sonde_id_list *l, uint32_t id)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->ids[i] == id)
			return true;
	return false;
}

unsigned sonde_filter_has(struct sonde_set set, const struct sonde_id_list *lists, uint32_t id,
                          unsigned *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set.n; i++) {
		out[n] = set.rows[i];
		n += list_has(&lists[set.rows[i]], id);
	}
	return n;
}
