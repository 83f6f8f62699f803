/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong now, as verdicts say: one problem a key, from the event that raised it to the one that
 * clears it. Raised again while it is open it is only counted. A silence keeps notifiers quiet about
 * the problems whose key, schedule or node it matches; an acknowledged problem stays open.
 * All of it is stored as one record about a second after it changed. */
#pragma once
#include "base/map.h"
#include "controller/events.h"
#include "script/policy.h"

enum { PROBLEMS_MAX = 1000, SILENCES_MAX = 100, PROBLEM_KEY = 200, PROBLEM_COMMENT = 160,
       PROBLEM_MEASUREMENTS = 4 };

struct problem {
	char key[PROBLEM_KEY]; /* "<policy>: <its key>" */
	struct sonde_id event; /* that raised it */
	char was[12];          /* severity before it was cleared */
	char severity[12], text[EVENT_TEXT], cause[96];
	struct sonde_id schedule, node; /* zero = about none */
	int64_t since_ms, last_ms, count;
	int64_t acked_ms; /* 0 = not */
	char comment[PROBLEM_COMMENT];
	struct sonde_id measurements[PROBLEM_MEASUREMENTS]; /* that look deeper */
	unsigned measurement_count;
	bool told; /* its event was not silenced: neither will be the one that clears it */
};

struct silence {
	struct sonde_id id;
	char match[128]; /* with * and ? */
	char comment[PROBLEM_COMMENT];
	int64_t from_ms, until_ms;
};

struct problems {
	struct controller *c;
	struct sonde_map open; /* by key */
	struct silence silences[SILENCES_MAX];
	unsigned silence_count;
	uint64_t raised, repeated, cleared, overflown;
	bool dirty, storing;
};

int problems_load(struct problems *, struct controller *, struct sonde_error *);
void problems_deinit(struct problems *);
/* Store what changed; about once a second. */
void problems_tick(struct problems *);

/* The open problem of a policy's key, or NULL. */
struct problem *problems_find(const struct problems *, const char *policy, const char *key);
/* A new problem: its event is raised. `p` is copied; key, since and event are set here. */
void problem_raise(struct problems *, const char *policy, const struct sonde_action *,
                   struct problem *p);
/* Another text or severity, and the count. */
void problem_repeat(struct problems *, struct problem *, const struct sonde_action *);
/* Ends it with an event. */
void problem_clear(struct problems *, struct problem *, const struct sonde_action *);
/* By the id of the event that raised it, or NULL. */
struct problem *problems_by_event(const struct problems *, const char *id);
void problem_ack(struct problems *, struct problem *, const char *comment);
/* SONDE_EFULL. */
int silence_add(struct problems *, struct silence *);
bool silence_remove(struct problems *, const char *id);
void problems_describe(const struct problems *, struct sonde_json *);
void silences_describe(const struct problems *, struct sonde_json *);
