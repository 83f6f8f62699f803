/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for the end of a measurement (?wait=10s). Each is answered once: when the
 * measurement is over, when its time is, or when the controller stops. */
#pragma once
#include <uv.h>

#include "base/heap.h"
#include "base/id.h"
#include "base/map.h"
#include "net/net.h"

struct controller;
struct measurement;

enum { WAIT_MAX_MS = 300000, WAITERS_MAX = 10000, WAIT_HEADERS = 12 };

struct waits {
	struct controller *c;
	struct sonde_map by_measurement; /* id -> first waiter */
	struct sonde_heap due;
	uv_timer_t timer;
	unsigned count;
};

int waits_init(struct waits *, struct controller *);
/* Answers all that wait; the timer closes. */
void waits_stop(struct waits *);
void waits_deinit(struct waits *);
/* False when too many wait or there is no memory: the caller answers now. status: of the answer
 * when the time is over before the measurement. also: headers of the answer besides its own, at most
 * WAIT_HEADERS, or NULL; their names must last, their values are copied. */
bool waits_add(struct waits *, struct sonde_req *, const struct sonde_id *measurement, int64_t ms,
               unsigned status, const struct sonde_header *also);
