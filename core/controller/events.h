/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator should know happened: stored, published on the bus (TOPIC_EVENT), logged. The
 * newest EVENTS_KEPT stay. */
#pragma once
#include <stdbool.h>

#include "base/id.h"
#include "base/json.h"

struct controller;
struct sonde_error;

enum { EVENTS_KEPT = 1000, EVENT_TEXT = 240 };

struct event {
	struct sonde_id id;          /* set by event_raise; tells when */
	const char *kind;            /* "schedule.missed" */
	const char *severity;        /* "info", "warning", "error" */
	const struct sonde_id *schedule, *node; /* NULL = about none */
	const char *key, *cause;     /* of a problem: see problems.h; NULL = none */
	const struct sonde_id *of;   /* the event that raised it */
	const struct sonde_id *measurements; /* that look deeper */
	unsigned measurement_count;
	const char *was;             /* severity of the problem that this clears; NULL = severity */
	bool silenced;               /* kept and shown, but notifiers say nothing */
	char text[EVENT_TEXT];       /* one sentence */
};

struct events {
	struct controller *c;
	struct kept_event *ring;     /* EVENTS_KEPT */
	unsigned first, count;
};

/* Those of the store, whose newest become the ring. SONDE_EIO with a sentence. */
int events_load(struct events *, struct controller *, struct sonde_error *);
void events_deinit(struct events *);
/* Its members, as all are told of it, into an open object. */
void event_put(const struct events *, const struct event *, struct sonde_json *);
/* The same as an object. */
void event_write(const struct events *, const struct event *, struct sonde_json *);
/* Gives it an id, logs it, and publishes it before this returns; it is stored later, and what the
 * store does not take is only logged. The event and its texts are the caller's and may be on the
 * stack. */
void event_raise(struct events *, struct event *);
/* The newest `limit`, newest first, into an open array. kind NULL = any. */
void events_describe(const struct events *, const char *kind, unsigned limit, struct sonde_json *);
