/* SPDX-License-Identifier: Apache-2.0 */
/* In-process publish and subscribe: what one component of the controller tells the others. Calls
 * are synchronous, on the loop's thread; a subscriber must not publish the same topic. This is the
 * seam where controllers would meet over a network later. */
#pragma once
#include <stdint.h>

#include "base/id.h"

enum topic {
	TOPIC_NODE,     /* a node changed: struct node * */
	TOPIC_FINISHED, /* a measurement is over: struct measurement * */
	TOPIC_RESULT,   /* a result was stored: struct stored_result * */
	TOPIC_POLICY,   /* a policy was quarantined: struct policy_event * */
	TOPIC_EVENT,    /* something to be told: struct event * (events.h) */
	TOPIC_COUNT
};

struct stored_result {
	struct sonde_id node, measurement;
	uint32_t task;
	uint8_t failure;
	int late;
	struct sonde_id schedule; /* zero when it is of none */
	int64_t due_ms;
};

struct policy_event {
	const char *name, *why;
};

typedef void bus_fn(void *arg, enum topic, const void *what);

enum { BUS_SUBSCRIBERS = 8 };

struct bus {
	struct {
		bus_fn *fn;
		void *arg;
	} subscribers[TOPIC_COUNT][BUS_SUBSCRIBERS];
};

int bus_subscribe(struct bus *, enum topic, bus_fn *, void *arg);
void bus_publish(struct bus *, enum topic, const void *what);
