/* SPDX-License-Identifier: Apache-2.0 */
/* Rollups: for each series (node, type, target, schedule) and each minute, hour and day how many results there
 * were, how many failed, loss, and a histogram of the time they stand for.
 *
 * They follow the stored results by their ingest number: results are read some at a time, folded in
 * memory, and written to state.mdb together with the number up to which they are folded, in one
 * transaction. So a crash neither loses nor doubles a result, and taking a result in costs nothing
 * more. Late results and those of no measurement are left out; the time is the one the node said it
 * began, unless that is in the future or over a month old. */
#pragma once
#include <uv.h>

#include "base/map.h"
#include "controller/histogram.h"
#include "store/store.h"

struct controller;

enum rollup_step { ROLLUP_MINUTE, ROLLUP_HOUR, ROLLUP_DAY, ROLLUP_STEPS };

extern const int64_t rollup_step_ms[ROLLUP_STEPS];

/* As stored and in memory, before the texts and bars. */
struct __attribute__((packed)) rollup_sums {
	uint64_t count, failed, unmeasured; /* all; the target failed; could not be measured */
	uint64_t timed, lossy;              /* that had a time; a figure of loss */
	double sum, min, max;               /* ms, of the timed */
	double loss;                        /* sum of percentages */
	double duration;                    /* sum of ms a result took */
};

/* One rollup as a query sees it; texts and bars are borrowed. */
struct rollup_view {
	struct sonde_id node;
	const char *type, *target;
	size_t type_len, target_len;
	struct sonde_id schedule; /* zero: none, or it was written before schedules were told apart */
	int64_t at_ms;            /* start of its step */
	struct rollup_sums sums;
	const struct histogram_bar *bars;
	size_t bar_count;
};

struct rollups {
	struct controller *c;
	struct sonde_map fresh;     /* of minutes, folded and not given to the store */
	struct rollup_job *flushing;
	uint64_t next;              /* ingest number to fold */
	int64_t flushed_ns, pruned_ns;
	uv_timer_t timer;
	uint64_t folded, given, written; /* results, since the start */
	struct rollup_sums day;     /* see rollups_day */
	int64_t day_ns;
	bool closed, pruning;
};

int rollups_init(struct rollups *, struct controller *);
void rollups_stop(struct rollups *);
void rollups_deinit(struct rollups *);
/* Rollups of one step, in order of time for what is stored, then what is not written yet (whose
 * series and time may come again); fn's non-zero ends the walk and is returned. */
int rollups_each(struct rollups *, enum rollup_step, int64_t since_ms, int64_t until_ms,
                 int (*fn)(void *arg, const struct rollup_view *), void *arg);
/* All results of the last 24 hours (to the hour); made anew after a minute. */
const struct rollup_sums *rollups_day(struct rollups *);
void rollup_sums_add(struct rollup_sums *, const struct rollup_sums *);
