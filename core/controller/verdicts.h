/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that look at what comes back: each one named by the option `verdicts` is asked on_result
 * for every counted result of a schedule and on_node for every change of a node. Asked from a queue,
 * never from the ingest itself: the bus callback notes ids, the result is read again from the store.
 * A full queue drops what is new, and counts it. */
#pragma once
#include <uv.h>

#include "controller/bus.h"
#include "script/policy.h"

struct controller;
struct sonde_error;
struct json_t;

enum { VERDICTS_MAX = 8, VERDICT_QUEUE = 16384, VERDICT_NAME = 64,
       VERDICT_BODY_MAX = 256 << 10 /* bytes of a result; longer ones no verdict sees */ };

struct sighting {
	struct sonde_id measurement, node, schedule;
	int64_t at_ms;
	uint32_t task;
	uint8_t failure, status; /* a node's status where the measurement is zero */
	bool uplink_down;        /* of a node's change */
};

struct verdicts {
	struct controller *c;
	struct {
		char name[VERDICT_NAME];
		char *params; /* JSON, NULL = none */
	} policy[VERDICTS_MAX];
	unsigned count;
	struct sighting *queue; /* a ring of VERDICT_QUEUE */
	unsigned first, waiting;
	uv_timer_t timer;
	uint64_t calls, faults, dropped, stale, deepened, not_deepened;
	int64_t minute_ns; /* deepened in this one: */
	unsigned in_minute;
};

/* names by commas, params a JSON object by name or NULL. */
int verdicts_start(struct verdicts *, struct controller *, const char *names, const char *params,
                   struct sonde_error *);
/* Before the loop ends: the timer. */
void verdicts_stop(struct verdicts *);
void verdicts_deinit(struct verdicts *);
