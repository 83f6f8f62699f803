/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of placement on C arrays: every lb.* helper and the decisions that never enter
 * Lua. Rows are 0-based. A function that chooses writes at most `want` rows (and at most set.n)
 * to out and returns how many; one that filters writes at most set.n. SONDE_ENOMEM when the
 * decision's scratch memory is spent. Nothing here reads a clock or other randomness than
 * `seed`: the same columns, set and seed give the same answer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "script/columns.h"
#include "script/scratch.h"

struct sonde_set {
	const unsigned *rows;
	unsigned n;
	bool sorted; /* ascending without duplicates, known for sure */
	uint64_t id; /* the caller's name for these very rows; 0 = none */
};

enum { SONDE_TURNS = 256 };

/* Positions of round robin, by the shape of a request. An unknown shape goes on where the last
 * decision of any shape ended, so that churn does not favour the first rows. */
struct sonde_turns {
	struct {
		uint64_t key;
		unsigned next; /* first row to serve */
		bool used;
	} slot[SONDE_TURNS];
	unsigned last;
};

struct sonde_choice {
	const struct sonde_columns *columns;
	struct sonde_scratch *scratch;
	struct sonde_turns *turns;
	uint64_t seed;
	uint64_t draws; /* helper calls of this decision that used randomness */
	uint64_t shape; /* hash of type and region */
	struct sonde_turns_tape *tape;         /* where round robin stood; NULL = not of interest */
	const struct sonde_turns_tape *replay; /* where it shall stand; NULL = where it does */
};

/* least: the smallest values first. sign -1 = the greatest first. NaN is last either way. Equal
 * ones by `ties` (smallest first, NULL = none), then by the seed. */
int sonde_choose_least(struct sonde_choice *, struct sonde_set, const double *column, int sign,
                       const double *ties, unsigned want, unsigned *out);
int sonde_choose_sample(struct sonde_choice *, struct sonde_set, unsigned want, unsigned *out);
/* Of two at random the one with the smaller value, `want` times. */
int sonde_choose_two(struct sonde_choice *, struct sonde_set, const double *column, unsigned want,
                     unsigned *out);
/* Rendezvous hashing over node names: the same key, the same nodes. */
int sonde_choose_hash(struct sonde_choice *, struct sonde_set, const char *key, size_t len,
                      unsigned want, unsigned *out);
int sonde_choose_round_robin(struct sonde_choice *, struct sonde_set, unsigned want, unsigned *out);
/* Chance in proportion to the column; rows of weight <= 0 or NaN never. */
int sonde_choose_weighted(struct sonde_choice *, struct sonde_set, const double *column,
                          unsigned want, unsigned *out);
/* A mesh: the node at place i of `ring` (set.n rows) probes `degree` others, out[i * degree] and on:
 * the next of the ring, and others at random without repeats. degree < set.n. */
int sonde_choose_mesh(struct sonde_choice *, struct sonde_set, unsigned degree, unsigned *ring,
                      unsigned *out);

/* Nodes that belong together have the same id, below `count`; indexed by row. */
struct sonde_groups {
	const uint32_t *id;
	uint32_t count;
	bool texts; /* ids are those of the columns' texts */
};
/* Groups of equal numbers, for the rows of the set. NaN is one group. */
int sonde_groups_of_numbers(struct sonde_choice *, struct sonde_set, const double *column,
                            struct sonde_groups *);
/* As many different groups as possible, evenly. */
int sonde_choose_spread(struct sonde_choice *, struct sonde_set, struct sonde_groups,
                        unsigned want, unsigned *out);
/* Of each group the node with the least value (NULL = the first), in the order of the set. */
int sonde_filter_unique(struct sonde_choice *, struct sonde_set, struct sonde_groups,
                        const double *column, unsigned *out);
struct sonde_share {
	const double *column;
	double weight;
};
/* Least weighted sum of columns, each scaled to 0..1 over the set; NaN counts as 1 (as 0 where the
 * weight is negative). */
int sonde_choose_mix(struct sonde_choice *, struct sonde_set, const struct sonde_share *,
                     unsigned shares, unsigned want, unsigned *out);
/* Nearest to a place; nodes without one are last. */
int sonde_choose_nearest(struct sonde_choice *, struct sonde_set, double lat, double lon,
                         unsigned want, unsigned *out);

unsigned sonde_filter_below(struct sonde_set, const double *column, double limit, unsigned *out);
unsigned sonde_filter_above(struct sonde_set, const double *column, double limit, unsigned *out);
unsigned sonde_filter_equal(struct sonde_set, const uint32_t *texts, uint32_t id, unsigned *out);
unsigned sonde_filter_has(struct sonde_set, const struct sonde_id_list *, uint32_t id,
                          unsigned *out);
unsigned sonde_filter_within(const struct sonde_columns *, struct sonde_set, double lat, double lon,
                             double km, unsigned *out);

/* The set in groups of equal priority, highest first, as far as needed for `want` rows: group i is
 * [ends[i-1], ends[i]) of *rows. Returns the number of groups. `ends` has SONDE_PRIORITIES. */
int sonde_split_priority(struct sonde_choice *, struct sonde_set, unsigned want,
                         const unsigned **rows, unsigned *ends);

/* A whole policy without Lua. */
typedef int sonde_rule_fn(struct sonde_choice *, struct sonde_set, const char *target,
                          unsigned want, unsigned *out);
struct sonde_rule {
	const char *name;
	sonde_rule_fn *choose; /* among nodes of one priority */
};
extern const struct sonde_rule sonde_rules[]; /* ends with a NULL name */
/* The rule, in groups of priority unless ignore_priority. */
int sonde_rule_apply(const struct sonde_rule *, struct sonde_choice *, struct sonde_set,
                     const char *target, unsigned want, bool ignore_priority, unsigned *out);
/* Highest priority first, then least load, then by seed. */
extern const struct sonde_rule sonde_rule_builtin;

/* Great-circle distance in km. */
double sonde_distance(double lat1, double lon1, double lat2, double lon2);
/* Uniform in 0..n-1 from the decision's seed; n > 0. */
uint64_t sonde_draw(struct sonde_choice *, uint64_t n);
