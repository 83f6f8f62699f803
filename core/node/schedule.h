/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of this node: the agenda with its timer, its file <state>/schedules, and the runs it
 * hands to the supervisor. What the controller sends is told to it as kept only when it is on disk;
 * with or without the controller it is run from there. */
#pragma once
#include "node/agenda.h"

struct sonde_node;
struct sonde_schedule;

/* Reads what was kept; a damaged file is as none. */
int sonde_schedule_new(struct sonde_node *, const struct sonde_id *node, struct sonde_schedule **);
/* Begin to run. */
void sonde_schedule_start(struct sonde_schedule *);
/* A message of kind schedules. */
void sonde_schedule_take(struct sonde_schedule *, const struct sonde_msg *);
/* A task of any origin ended: true when it was a run that is tried again, so that this outcome is
 * none. */
bool sonde_schedule_outcome(struct sonde_schedule *, const struct sonde_msg_result *);
/* There may be room for a run that waits. */
void sonde_schedule_poke(struct sonde_schedule *);
uint64_t sonde_schedule_version(const struct sonde_schedule *);
/* Nothing is run any more; freed when the loop has run. */
void sonde_schedule_close(struct sonde_schedule *);
