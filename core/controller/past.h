/* SPDX-License-Identifier: Apache-2.0 */
/* Results as they come, told to the policies (sonde_policy_note): what each node has seen of each target
 * lives in memory beside the node columns, so that a decision never waits for the store. */
#pragma once
#include "store/store.h"

struct controller;

struct past {
	int64_t second_ns; /* when the running second began */
	unsigned in_second;
	uint64_t noted, skipped; /* skipped: over PAST_A_SECOND */
};

enum { PAST_A_SECOND = 5000, PAST_ROLLUPS = 200000, PAST_HOURS = 24 };

/* At the start: the last day's rollups, as far as they fit into PAST_ROLLUPS. Networks of names are not
 * known from them. */
void past_load(struct controller *);
/* A result that counts was stored; its measurement, when it is no run of a schedule, is still open.
 * What could not be measured says nothing. Under a flood only the first ones of each second are looked
 * at: they are means in any case. schedule: zero when it is of none. */
void past_note(struct controller *, const struct sonde_result *, const struct sonde_id *schedule);
