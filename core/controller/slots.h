/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements between two nodes (record.pairs). Task i measures, task i + count/2 answers. Each
 * node has one slot: a pair starts when the slots of both its nodes are free, in the order of
 * asking, and holds both until its tasks are over, so that two such tests never meet at a node. A
 * pair is never moved to other nodes. */
#pragma once
#include "controller/tasks.h"

/* Wait for both slots; i < count / 2. */
void slots_add(struct tasks *, struct measurement *, uint32_t i);
/* The task ends or is taken back: it waits no longer, its node's slot is free. */
void slots_leave(struct tasks *, struct task *);
/* Start the pairs whose slots are free. */
void slots_flush(struct tasks *);
/* About once a second: a half whose other half ended is told to end too. */
void slots_tick(struct tasks *);
