/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of nodes that have something in common, and choosing across them. Owns nothing; ids live
 * in the decision's scratch memory. */
#include <string.h>

#include "base/status.h"
#include "script/choose.h"

int sonde_choose_mesh(struct sonde_choice *ch, struct sonde_set set, unsigned degree, unsigned *ring,
                      unsigned *out)
{
	int rc = sonde_choose_sample(ch, set, set.n, ring);

	for (unsigned i = 0; rc >= 0 && i < set.n; i++) {
		unsigned *mine = out + (size_t)i * degree;
		unsigned n = 0;
		mine[n++] = ring[(i + 1) % set.n];
		while (n < degree) {
			unsigned other = set.rows[sonde_draw(ch, set.n)], k = 0;
			while (k < n && mine[k] != other)
				k++;
			if (k == n && other != ring[i])
				mine[n++] = other;
		}
	}
	return rc;
}

/* An open hash from the bits of a number to its group. */
struct index {
	uint64_t *key;
	uint32_t *id; /* + 1, 0 = free */
	unsigned mask;
};

static bool index_init(struct index *x, struct sonde_scratch *scratch, unsigned n)
{
	unsigned cap = 16;

	while (cap < n * 2)
		cap *= 2;
	x->mask = cap - 1;
	x->key = sonde_scratch_take(scratch, (size_t)cap * sizeof(*x->key));
	x->id = sonde_scratch_take(scratch, (size_t)cap * sizeof(*x->id));
	if (x->key && x->id)
		memset(x->id, 0, (size_t)cap * sizeof(*x->id));
	return x->key && x->id;
}

static uint64_t bits_of(double v)
{
	uint64_t bits = UINT64_MAX;

	if (v == 0)
		v = 0; /* -0 is 0 */
	if (v == v)
		memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static uint32_t id_of(struct index *x, uint64_t key, uint32_t *count)
{
	unsigned at = (unsigned)sonde_hash_mix(key) & x->mask;

	while (x->id[at] && x->key[at] != key)
		at = (at + 1) & x->mask;
	if (!x->id[at]) {
		x->key[at] = key;
		x->id[at] = ++*count;
	}
	return x->id[at] - 1;
}

int sonde_groups_of_numbers(struct sonde_choice *ch, struct sonde_set set, const double *column,
                            struct sonde_groups *out)
{
	uint32_t *id = sonde_scratch_take(ch->scratch, (size_t)ch->columns->rows * sizeof(*id));
	struct index x;

	if (!id || !index_init(&x, ch->scratch, set.n))
		return SONDE_ENOMEM;
	*out = (struct sonde_groups){ .id = id };
	for (unsigned i = 0; i < set.n; i++)
		id[set.rows[i]] = id_of(&x, bits_of(column[set.rows[i]]), &out->count);
	return SONDE_OK;
}

/* Rank = how many of the same group stand before it in a shuffle; the least ranks are the widest
 * spread. Groups of one rank compete by a hash, so that a large group has no advantage. */
int sonde_choose_spread(struct sonde_choice *ch, struct sonde_set set, struct sonde_groups groups,
                        unsigned want, unsigned *out)
{
	double *rank = sonde_scratch_take(ch->scratch, (size_t)ch->columns->rows * sizeof(*rank));
	unsigned *mixed = sonde_scratch_take(ch->scratch, (size_t)set.n * sizeof(*mixed));
	uint32_t *seen = sonde_scratch_take(ch->scratch, (size_t)groups.count * sizeof(*seen));

	if (!rank || !mixed || !seen)
		return SONDE_ENOMEM;
	int rc = sonde_choose_sample(ch, set, set.n, mixed);
	if (rc < 0)
		return rc;
	memset(seen, 0, (size_t)groups.count * sizeof(*seen));
	for (unsigned i = 0; i < set.n; i++) {
		uint32_t id = groups.id[mixed[i]];
		uint64_t salt = groups.texts ? sonde_intern_hash(&ch->columns->intern, id) : id;
		double part = (double)(sonde_hash_mix(ch->seed ^ salt) >> 40) * 0x1p-24;
		rank[mixed[i]] = seen[id]++ + part;
	}
	return sonde_choose_least(ch, set, rank, 1, NULL, want, out);
}

/* NaN is worse than any number. */
static bool better(double a, double b)
{
	return a < b || (a == a && b != b);
}

int sonde_filter_unique(struct sonde_choice *ch, struct sonde_set set, struct sonde_groups groups,
                        const double *column, unsigned *out)
{
	/* Place in the set of the best so far, + 1. */
	unsigned *best = sonde_scratch_take(ch->scratch, ((size_t)groups.count + 1) * sizeof(*best));
	int n = 0;

	if (!best)
		return SONDE_ENOMEM;
	memset(best, 0, ((size_t)groups.count + 1) * sizeof(*best));
	for (unsigned i = 0; i < set.n; i++) {
		unsigned *b = &best[groups.id[set.rows[i]]];
		if (!*b || (column && better(column[set.rows[i]], column[set.rows[*b - 1]])))
			*b = i + 1;
	}
	for (unsigned i = 0; i < set.n; i++)
		if (best[groups.id[set.rows[i]]] == i + 1)
			out[n++] = set.rows[i];
	return n;
}
