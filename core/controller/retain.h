/* SPDX-License-Identifier: Apache-2.0 */
/* Old measurements, of requests and of runs, go when their results are gone. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

struct controller;
struct record;

/* What the tier of its owner keeps no longer is not shown, whether it is deleted already or not: results
 * lie in files of a day with those of others, and go later. */
struct retention {
	const struct controller *c;
	int64_t now_ms, before_ms; /* before: younger ones are kept by every tier */
};
/* Good for one reading. */
void retention_init(struct retention *, const struct controller *);
/* record NULL: it is not stored. What is older than the shortest tier counts as deleted then. */
bool retention_keeps(const struct retention *, const struct sonde_id *measurement,
                     const struct record *);

/* Delete the measurements whose ids are older, and those that the tier of their owner keeps for fewer
 * days, in batches one after the other, each a job of the writer. Asked again while it goes on:
 * nothing. */
void measurements_forget(struct controller *, int64_t before_ms, int64_t now_ms);
