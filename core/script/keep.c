/* SPDX-License-Identifier: Apache-2.0 */
/* Pools by set and column. Owns nothing; the memory is the columns'. Refuses sets without a name, small
 * ones, and columns where too many rows are equally good: those are looked at as ever. */
#include "script/keep.h"

#include <math.h>
#include <string.h>

#include "script/choose.h"

enum { WAIT = 64 };

static double key_of(int sign, double v)
{
	v *= sign;
	return v == v ? v : INFINITY;
}

/* SONDE_NUMBERS when it is none that is kept right. */
static unsigned slot_of(const struct sonde_columns *c, const double *column)
{
	unsigned slot = 0;

	while (slot < SONDE_NUMBERS && c->number[slot] != column)
		slot++;
	for (unsigned k = SONDE_COL_PAST_OK; k <= SONDE_COL_PAST_SEEN; k++)
		if (slot == sonde_column_infos[k].slot)
			return SONDE_NUMBERS;
	return slot;
}

static struct sonde_keep *find(const struct sonde_columns *c, const struct sonde_set *set,
                               const double *column, int sign)
{
	unsigned slot = set->id && set->sorted && set->n >= SONDE_KEEP_LEAST ? slot_of(c, column)
										: SONDE_NUMBERS;

	if (slot == SONDE_NUMBERS || !c->keeps)
		return NULL;
	struct sonde_keep *oldest = &c->keeps->keep[0];
	for (unsigned i = 0; i < SONDE_KEEPS; i++) {
		struct sonde_keep *k = &c->keeps->keep[i];
		if (k->set_id == set->id && k->set_n == set->n && k->slot == slot && k->sign == sign) {
			k->used = ++c->keeps->clock;
			return k;
		}
		if (k->used < oldest->used)
			oldest = k;
	}
	*oldest = (struct sonde_keep){ .set_id = set->id, .set_n = set->n, .slot = slot, .sign = sign,
		                       .used = ++c->keeps->clock };
	return oldest;
}

static bool is_member(const struct sonde_set *set, unsigned row)
{
	unsigned low = 0, high = set->n;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (set->rows[mid] < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set->n && set->rows[low] == row;
}

static void drop(struct sonde_keep *k, unsigned i)
{
	k->row[i] = k->row[--k->count];
	k->unsure[i] = k->unsure[k->count];
}

bool sonde_keep_pool(const struct sonde_columns *c, const struct sonde_set *set, const double *column,
                     int sign, unsigned want, struct sonde_set *pool)
{
	struct sonde_keep *k = find(c, set, column, sign);

	if (!k || !k->count)
		return false;
	for (unsigned i = k->count; i-- > 0;) {
		if (k->unsure[i] && !is_member(set, k->row[i]))
			drop(k, i);
		else
			k->unsure[i] = false;
	}
	if (k->count < want) {
		k->count = 0;
		return false;
	}
	*pool = (struct sonde_set){ .rows = k->row, .n = k->count };
	return true;
}

bool sonde_keep_wanted(const struct sonde_columns *c, const struct sonde_set *set,
                       const double *column, int sign)
{
	struct sonde_keep *k = find(c, set, column, sign);

	return k && ++k->asked > 1 && k->asked > k->wait;
}

void sonde_keep_fill(const struct sonde_columns *c, const struct sonde_set *set, const double *column,
                     int sign, const unsigned *best, unsigned n)
{
	struct sonde_keep *k = find(c, set, column, sign);

	if (!k || !n)
		return;
	k->bound = key_of(sign, column[best[n - 1]]);
	k->count = 0;
	for (unsigned i = 0; i < set->n; i++) {
		if (key_of(sign, column[set->rows[i]]) > k->bound)
			continue;
		if (k->count == SONDE_KEEP_POOL || isinf(k->bound)) {
			k->count = 0;
			k->wait = k->asked + WAIT;
			return;
		}
		k->unsure[k->count] = false;
		k->row[k->count++] = set->rows[i];
	}
}

static void change(struct sonde_keep *k, unsigned row, double before, double now)
{
	unsigned i = 0;

	if (key_of(k->sign, before) <= k->bound) {
		while (i < k->count && k->row[i] != row)
			i++;
		if (i < k->count)
			drop(k, i);
	}
	if (key_of(k->sign, now) > k->bound)
		return;
	if (k->count == SONDE_KEEP_POOL) {
		k->count = 0;
		return;
	}
	k->unsure[k->count] = true;
	k->row[k->count++] = row;
}

void sonde_keep_changed(struct sonde_keeps *keeps, unsigned slot, unsigned row, double before, double now)
{
	if (!keeps)
		return;
	for (unsigned i = 0; i < SONDE_KEEPS; i++)
		if (keeps->keep[i].count && keeps->keep[i].slot == slot)
			change(&keeps->keep[i], row, before, now);
}

void sonde_keep_clear(struct sonde_keeps *keeps)
{
	if (keeps)
		memset(keeps, 0, sizeof(*keeps));
}
