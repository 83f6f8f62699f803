/* SPDX-License-Identifier: Apache-2.0 */
/* When a schedule is due on one node: pure arithmetic over wall-clock milliseconds, the same at the
 * controller (what is expected) and at the node (what is run).
 *
 * Due times are start + k * every, or the firings of a cron expression, each later by the node's
 * phase. With an interval and no start, k counts from 1970: the times do not depend on when a
 * schedule was made. A due time that lies before start, at or after until, or in a maintenance
 * window, is none. */
#pragma once
#include "base/cron.h"
#include "base/id.h"

#define SONDE_PLAN_NEVER INT64_MAX
enum { SONDE_PLAN_WINDOWS = 8, SONDE_PLAN_WINDOW_TEXT = 2048 };

/* No measuring from start to until, or for duration from each firing of a cron expression. */
struct sonde_plan_window {
	int64_t start_ms, until_ms, duration_ms; /* duration 0: once */
	struct sonde_cron cron;
};

struct sonde_plan {
	int64_t every_ms;              /* 0: by cron */
	struct sonde_cron cron;
	int zone_minutes;              /* of cron and of windows, ahead of UTC */
	int64_t start_ms, until_ms;    /* 0 and SONDE_PLAN_NEVER: open */
	int64_t phase_ms;
	const struct sonde_plan_window *windows; /* borrowed */
	unsigned window_count;
};

/* The first due time strictly after after_ms, SONDE_PLAN_NEVER when there is none. */
int64_t sonde_plan_next(const struct sonde_plan *, int64_t after_ms);
/* Whether this very time is due. */
bool sonde_plan_is_due(const struct sonde_plan *, int64_t at_ms);
/* How many due times lie in (from_ms, to_ms]; at most `max` are counted. */
uint64_t sonde_plan_count(const struct sonde_plan *, int64_t from_ms, int64_t to_ms, uint64_t max);

/* 0 <= phase < spread_ms, the same for the same two ids; 0 for a spread of 0. */
int64_t sonde_plan_phase(const struct sonde_id *schedule, const struct sonde_id *node,
                         int64_t spread_ms);

/* Windows as one text: "START-UNTIL" in ms, or "DURATION@CRON", joined with ';'. At most
 * SONDE_PLAN_WINDOWS into out; *count. SONDE_EINVAL with one sentence. */
int sonde_plan_windows(const char *text, size_t len, struct sonde_plan_window *out,
                       unsigned *count, struct sonde_error *);

/* The id of a run says of itself whose it is: 48 bits of due time, 32 bits that name the schedule,
 * 16 of its revision, 32 that name node and peer. So a node needs nobody to make one, twice the
 * same run has the same id, and the controller knows a run that it never heard of. */
struct sonde_run {
	int64_t due_ms;
	uint32_t schedule, pair;
	uint16_t revision;
};

uint32_t sonde_run_tag(const struct sonde_id *schedule);
/* peer: the zero id when the target is no node. */
uint32_t sonde_run_pair(const struct sonde_id *schedule, const struct sonde_id *node,
                        const struct sonde_id *peer);
void sonde_run_format(const struct sonde_run *, struct sonde_id *out);
void sonde_run_parse(const struct sonde_id *, struct sonde_run *out);
