/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing without looking at every candidate: samples, two choices, turns; and spreading, which
 * starts from a shuffle. Owns nothing; the positions of round robin belong to the policy. */
#include "script/choose.h"

#include <string.h>

#include "base/rng.h"
#include "base/status.h"

/* A shuffle that has only the cells it touched: an open hash from place to the item that was
 * swapped there. */
struct sparse {
	unsigned *place, *item; /* place + 1, 0 = free */
	unsigned mask;
};

static bool sparse_init(struct sparse *s, struct sonde_scratch *scratch, unsigned touched)
{
	unsigned cap = 16;

	while (cap < touched * 4)
		cap *= 2;
	s->mask = cap - 1;
	s->place = sonde_scratch_take(scratch, (size_t)cap * sizeof(*s->place));
	s->item = sonde_scratch_take(scratch, (size_t)cap * sizeof(*s->item));
	if (!s->place || !s->item)
		return false;
	memset(s->place, 0, (size_t)cap * sizeof(*s->place));
	return true;
}

static unsigned *sparse_cell(struct sparse *s, unsigned place)
{
	unsigned at = (place * UINT32_C(2654435769)) & s->mask;

	while (s->place[at] && s->place[at] != place + 1)
		at = (at + 1) & s->mask;
	if (!s->place[at]) {
		s->place[at] = place + 1;
		s->item[at] = place;
	}
	return &s->item[at];
}

static void seeded(struct sonde_choice *ch, struct sonde_rng *rng)
{
	sonde_rng_seed(rng, ch->seed ^ sonde_hash_mix(++ch->draws));
}

static int sample_few(struct sonde_choice *ch, struct sonde_set set, unsigned want, unsigned *out)
{
	struct sparse s;
	struct sonde_rng rng;

	if (!sparse_init(&s, ch->scratch, want * 2))
		return SONDE_ENOMEM;
	seeded(ch, &rng);
	for (unsigned i = 0; i < want; i++) {
		unsigned j = i + (unsigned)sonde_rng_below(&rng, set.n - i);
		unsigned *a = sparse_cell(&s, i), *b = sparse_cell(&s, j);
		unsigned drawn = *b;
		*b = *a;
		*a = drawn;
		out[i] = set.rows[drawn];
	}
	return (int)want;
}

static int sample_many(struct sonde_choice *ch, struct sonde_set set, unsigned want, unsigned *out)
{
	unsigned *all = sonde_scratch_take(ch->scratch, (size_t)set.n * sizeof(*all));
	struct sonde_rng rng;

	if (!all)
		return SONDE_ENOMEM;
	memcpy(all, set.rows, (size_t)set.n * sizeof(*all));
	seeded(ch, &rng);
	for (unsigned i = 0; i < want; i++) {
		unsigned j = i + (unsigned)sonde_rng_below(&rng, set.n - i);
		out[i] = all[j];
		all[j] = all[i];
	}
	return (int)want;
}

int sonde_choose_sample(struct sonde_choice *ch, struct sonde_set set, unsigned want, unsigned *out)
{
	if (want > set.n)
		want = set.n;
	if (!want)
		return 0;
	return want > set.n / 16 ? sample_many(ch, set, want, out) : sample_few(ch, set, want, out);
}

int sonde_choose_two(struct sonde_choice *ch, struct sonde_set set, const double *column,
                     unsigned want, unsigned *out)
{
	if (want > set.n)
		want = set.n;
	unsigned contests = want < set.n - want ? want : set.n - want;
	unsigned *drawn = sonde_scratch_take(ch->scratch, (size_t)(want + contests) * sizeof(*drawn));
	if (!drawn)
		return SONDE_ENOMEM;
	int rc = sonde_choose_sample(ch, set, want + contests, drawn);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < contests; i++) {
		unsigned a = drawn[2 * i], b = drawn[2 * i + 1];
		bool second = column[b] < column[a] || (column[a] != column[a]);
		out[i] = second ? b : a;
	}
	for (unsigned i = contests; i < want; i++)
		out[i] = drawn[contests + i];
	return (int)want;
}

static bool ascending(struct sonde_set set)
{
	unsigned bad = 0;

	for (unsigned i = 1; i < set.n; i++)
		bad |= set.rows[i - 1] >= set.rows[i];
	return !bad;
}

/* Index of the first row >= `row`; set.n when there is none. */
static unsigned first_from(struct sonde_set set, unsigned row)
{
	unsigned low = 0, high = set.n;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (set.rows[mid] < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Sets of different nodes must not share a position: one of them would always start at the same
 * node. Size and ends tell them apart well enough, and cost nothing. */
static uint64_t turn_key(const struct sonde_choice *ch, struct sonde_set set)
{
	uint64_t h = ch->shape ^ sonde_hash_mix(((uint64_t)set.rows[0] << 32) | set.rows[set.n - 1]);

	return sonde_hash_mix(h + set.n);
}

/* Noted, or taken from a recording. */
static unsigned turn_of(struct sonde_choice *ch, unsigned turn)
{
	if (!ch->tape)
		return turn;
	unsigned k = ch->tape->n++;
	if (ch->replay && k < ch->replay->n && k < SONDE_TAPE)
		turn = ch->replay->at[k];
	if (k < SONDE_TAPE)
		ch->tape->at[k] = turn;
	return turn;
}

int sonde_choose_round_robin(struct sonde_choice *ch, struct sonde_set set, unsigned want,
                             unsigned *out)
{
	if (want > set.n)
		want = set.n;
	if (!want)
		return 0;
	uint64_t key = turn_key(ch, set);
	unsigned at = key % SONDE_TURNS;
	struct sonde_turns *t = ch->turns;
	if (!t->slot[at].used || t->slot[at].key != key) {
		t->slot[at].key = key;
		t->slot[at].next = t->last;
		t->slot[at].used = true;
	}
	unsigned turn = turn_of(ch, t->slot[at].next);
	unsigned i = set.sorted || ascending(set) ? first_from(set, turn)
						  : turn % set.n;
	for (unsigned k = 0; k < want; k++, i++)
		out[k] = set.rows[i >= set.n ? i -= set.n : i];
	t->slot[at].next = t->last = out[want - 1] + 1;
	return (int)want;
}

