/* SPDX-License-Identifier: Apache-2.0 */
/* The best rows of a named set by one column, kept from decision to decision: a choice among ten thousand
 * then looks at some dozens. A pool holds every row of the set whose key is at most its bound, so that
 * what is best of the pool is best of the set, ties included. Changes of a column keep its pools right. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sonde_columns;
struct sonde_set;

enum { SONDE_KEEPS = 8, SONDE_KEEP_POOL = 256, SONDE_KEEP_LEAST = 1024 /* rows of a set worth it */ };

struct sonde_keep {
	uint64_t set_id;
	unsigned set_n, slot; /* slot: of the column among the numbers */
	int sign;
	unsigned asked, wait; /* asked so often; not tried again before `wait` more */
	uint64_t used;        /* for the one not used for longest */
	double bound;
	unsigned count;       /* 0 = no pool */
	unsigned row[SONDE_KEEP_POOL];
	bool unsure[SONDE_KEEP_POOL]; /* came by a change: may be of no member of the set */
};

struct sonde_keeps {
	struct sonde_keep keep[SONDE_KEEPS];
	uint64_t clock;
};

/* The pool that stands for the set when `want` rows with the least sign * column are looked for; false:
 * look at the set itself. Borrowed until a column changes. */
bool sonde_keep_pool(const struct sonde_columns *, const struct sonde_set *set, const double *column,
                     int sign, unsigned want, struct sonde_set *pool);
/* Make the pool for the next time, from the best rows of this time (best first). */
void sonde_keep_fill(const struct sonde_columns *, const struct sonde_set *set, const double *column,
                     int sign, const unsigned *best, unsigned n);
/* Whether that is worth doing now; counts the questions. */
bool sonde_keep_wanted(const struct sonde_columns *, const struct sonde_set *set, const double *column,
                       int sign);
/* A number is about to become `now`. */
void sonde_keep_changed(struct sonde_keeps *, unsigned slot, unsigned row, double before, double now);
/* Nothing that was kept is right any more. */
void sonde_keep_clear(struct sonde_keeps *);
