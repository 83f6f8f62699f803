/* SPDX-License-Identifier: Apache-2.0 */
/* Whole decisions in C: groups of priority, the rules a policy may name instead of a function, and
 * the built-in that decides when a policy cannot. Owns nothing. */
#include "script/choose.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

static unsigned group_of(const double *priority, unsigned row)
{
	return SONDE_PRIORITIES - 1 - (unsigned)priority[row];
}

/* Counting sort of the groups that are needed. */
static int split(struct sonde_choice *ch, struct sonde_set set, unsigned want,
                 const unsigned **rows, unsigned *ends)
{
	const double *priority = sonde_columns_numbers(ch->columns, SONDE_COL_PRIORITY);
	unsigned count[SONDE_PRIORITIES] = { 0 }, at[SONDE_PRIORITIES] = { 0 };
	unsigned total = 0, needed = 0;
	int groups = 0;

	for (unsigned i = 0; i < set.n; i++)
		count[group_of(priority, set.rows[i])]++;
	for (; needed < SONDE_PRIORITIES && total < want; needed++) {
		at[needed] = total;
		total += count[needed];
		if (count[needed])
			ends[groups++] = total;
	}
	unsigned *sorted = sonde_scratch_take(ch->scratch, ((size_t)total + 1) * sizeof(*sorted));
	if (!sorted)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < set.n; i++) {
		unsigned g = group_of(priority, set.rows[i]);
		if (g < needed)
			sorted[at[g]++] = set.rows[i];
	}
	*rows = sorted;
	return groups;
}

int sonde_split_priority(struct sonde_choice *ch, struct sonde_set set, unsigned want,
                         const unsigned **rows, unsigned *ends)
{
	if (!set.n || !want)
		return 0;
	if (want > set.n)
		want = set.n;
	if (sonde_columns_one_priority(ch->columns)) {
		*rows = set.rows;
		ends[0] = set.n;
		return 1;
	}
	return split(ch, set, want, rows, ends);
}

static int rule_round_robin(struct sonde_choice *ch, struct sonde_set set, const char *target,
                            unsigned want, unsigned *out)
{
	return sonde_choose_round_robin(ch, set, want, out);
}

static int rule_least_load(struct sonde_choice *ch, struct sonde_set set, const char *target,
                           unsigned want, unsigned *out)
{
	const double *pressure = sonde_columns_numbers(ch->columns, SONDE_COL_PRESSURE);

	return sonde_choose_least(ch, set, pressure, 1, NULL, want, out);
}

static int rule_builtin(struct sonde_choice *ch, struct sonde_set set, const char *target,
                        unsigned want, unsigned *out)
{
	const double *load = sonde_columns_numbers(ch->columns, SONDE_COL_LOAD);

	return sonde_choose_least(ch, set, load, 1, NULL, want, out);
}

static int rule_two_choices(struct sonde_choice *ch, struct sonde_set set, const char *target,
                            unsigned want, unsigned *out)
{
	const double *pressure = sonde_columns_numbers(ch->columns, SONDE_COL_PRESSURE);

	return sonde_choose_two(ch, set, pressure, want, out);
}

static int rule_sample(struct sonde_choice *ch, struct sonde_set set, const char *target,
                       unsigned want, unsigned *out)
{
	return sonde_choose_sample(ch, set, want, out);
}

static int rule_hash(struct sonde_choice *ch, struct sonde_set set, const char *target,
                     unsigned want, unsigned *out)
{
	return sonde_choose_hash(ch, set, target ? target : "", target ? strlen(target) : 0, want,
	                         out);
}

const struct sonde_rule sonde_rules[] = {
	{ "round_robin", rule_round_robin },
	{ "least_load", rule_least_load },
	{ "two_choices", rule_two_choices },
	{ "sample", rule_sample },
	{ "hash", rule_hash },
	{ NULL, NULL },
};

const struct sonde_rule sonde_rule_builtin = { "built-in", rule_builtin };

int sonde_rule_apply(const struct sonde_rule *r, struct sonde_choice *ch, struct sonde_set set,
                     const char *target, unsigned want, bool ignore_priority, unsigned *out)
{
	unsigned ends[SONDE_PRIORITIES], start = 0, got = 0;
	const unsigned *rows = NULL;

	if (ignore_priority)
		return r->choose(ch, set, target, want, out);
	int groups = sonde_split_priority(ch, set, want, &rows, ends);
	for (int g = 0; g < groups && got < want; start = ends[g++]) {
		/* All of them are the set itself. */
		uint64_t id = ends[g] - start == set.n ? set.id : 0;
		struct sonde_set group = { rows + start, ends[g] - start, set.sorted, id };
		int rc = r->choose(ch, group, target, want - got, out + got);
		if (rc < 0)
			return rc;
		got += (unsigned)rc;
	}
	return groups < 0 ? groups : (int)got;
}
