/* SPDX-License-Identifier: Apache-2.0 */
/* What this node measures by itself, and when: entries in a heap by their next due time, runs that
 * are due in a heap by priority, runs that are out. No I/O and no clock of its own: time is given.
 *
 * Due times are labels of the wall clock. When wall and boottime move apart by more than
 * SONDE_AGENDA_STEP_MS the wall clock was set: every entry is seated anew after the new time, and
 * nothing is run for times that never passed. When both moved on (suspend, a stopped process),
 * an entry runs at most once, for the latest time that it missed. */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "wire/wire.h"

enum { SONDE_AGENDA_STEP_MS = 1000, SONDE_AGENDA_WAIT_MS = 60000 };

struct sonde_agenda;

struct sonde_agenda_now {
	int64_t wall_ms, boot_ms;
};

struct sonde_agenda_run {
	struct sonde_id id; /* of the run, as a measurement */
	int64_t due_ms;
	const struct sonde_msg_schedule *what; /* until the next call of a function here */
	const char *skipped; /* NULL = run it; else why it was not run: an overload */
};

struct sonde_agenda_stats {
	unsigned entries, ready, out;
	uint64_t runs, skipped, passed; /* passed: due times over while nothing could look */
	uint64_t steps;                 /* of the wall clock */
};

int sonde_agenda_new(const struct sonde_id *node, struct sonde_agenda **);
void sonde_agenda_free(struct sonde_agenda *);

/* One message of kind schedules. 1: that was the last part, the set is complete; 0: more is to
 * come; SONDE_EINVAL: out of order or an entry that cannot be, with the sentence. What is gathered
 * is thrown away by an error or by a part 0. */
int sonde_agenda_part(struct sonde_agenda *, const struct sonde_msg *, struct sonde_error *);
/* The complete set takes the place of the one before. Runs that are out go on. */
void sonde_agenda_swap(struct sonde_agenda *, struct sonde_agenda_now);
uint64_t sonde_agenda_version(const struct sonde_agenda *); /* 0 = nothing yet */

/* What came due becomes ready. */
void sonde_agenda_advance(struct sonde_agenda *, struct sonde_agenda_now);
/* The next run, the most important first; false when there is none. It is out until finished; a
 * skipped one is not out. */
bool sonde_agenda_take(struct sonde_agenda *, struct sonde_agenda_now, struct sonde_agenda_run *);
/* A run ended. True when it must be tried again (attempt + 1): it stays out, and *what is filled.
 * could_not: the failure was ours. Unknown ids are none of ours: false. */
bool sonde_agenda_finish(struct sonde_agenda *, const struct sonde_id *run, uint32_t attempt,
                         bool could_not, struct sonde_agenda_run *);
/* Milliseconds until advance has something to do, at most 1000 (to notice a set clock). */
int64_t sonde_agenda_wait(const struct sonde_agenda *, struct sonde_agenda_now);
void sonde_agenda_stats(const struct sonde_agenda *, struct sonde_agenda_stats *);
