/* SPDX-License-Identifier: Apache-2.0 */
/* Old measurements, of requests and of runs, go when their results are gone. */
#pragma once
#include <stdint.h>

struct controller;

/* Delete the measurements whose ids are older, and those that the tier of their owner keeps for fewer
 * days, in batches one after the other, each a job of the writer. Asked again while it goes on:
 * nothing. */
void measurements_forget(struct controller *, int64_t before_ms, int64_t now_ms);
