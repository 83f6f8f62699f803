/* SPDX-License-Identifier: Apache-2.0 */
/* May what is old be deleted? What is old follows from the wall clock, and one that is wrong by years
 * would cost all that is stored. So nothing is deleted for a day after the clock was set forward by
 * an hour or more, and for a day after a start at which three days or more seem to have passed since
 * the last time that something could be deleted. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct ageing {
	struct sonde_job job; /* notes the time in the store */
	int64_t noted_ms;     /* what is being noted */
	bool noting;
	int64_t offset_ms;    /* wall clock less boottime */
	int64_t hold_ns;      /* boottime until when nothing is deleted */
};

void ageing_start(struct ageing *, struct sonde_store *);
/* To be asked now and then, so that a step of the clock is seen. */
bool ageing_allowed(struct ageing *);
/* Something was deleted by age, or would have been: the clock was right now. */
void ageing_note(struct ageing *, struct sonde_store *);
