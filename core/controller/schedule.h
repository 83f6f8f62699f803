/* SPDX-License-Identifier: Apache-2.0 */
/* What a schedule says, checked: read from the JSON that the API takes, stores and shows. */
#pragma once
#include <jansson.h>

#include "base/plan.h"
#include "controller/placement.h"
#include "controller/types.h"
#include "wire/wire.h"

struct controller;

enum { SCHEDULE_NODES = 500, SCHEDULE_FILTERS = 32 };
/* Member of a spec: its secret options, encrypted. Not of users, and shown to nobody. */
#define SCHEDULE_SEALED "sealed"

struct schedule_facts {
	struct sonde_pool pool; /* owns all texts */
	const char *name, *description, *cron, *zone, *start, *until;
	int64_t interval_ns, spread_ns, grace_ns;
	int64_t retries, priority;
	uint8_t paused, exclusive;

	/* of the measurement */
	const char *type;   /* by name: types come and go */
	const char *target; /* NULL: a mesh */
	const char *policy;
	const char *policy_params; /* JSON, NULL = none */
	struct sonde_text options;
	char *secrets; /* options with their secrets, for trusted nodes, NUL-terminated; NULL = none */
	uint32_t timeout_ms;
	uint8_t ip_version;

	/* where */
	bool mesh;
	uint8_t target_kind; /* enum type_target */
	bool booked; /* its runs take two nodes: the controller starts them */
	const struct sonde_id *nodes; /* explicit */
	unsigned node_count;
	unsigned wanted;              /* nodes by location; 0 for explicit ones and a mesh */
	const char *regions[SCHEDULE_FILTERS], *tags[SCHEDULE_FILTERS]; /* of a mesh */
	unsigned region_count, tag_count, peers;

	/* when */
	struct sonde_plan plan; /* phase 0 */
	struct sonde_plan_window windows[SONDE_PLAN_WINDOWS];
	struct sonde_text windows_text;
};

/* Read and check. Call schedule_facts_deinit in any case. `strict`: explicit nodes must exist.
 * `resolved`, or NULL: what schedule_resolved gave for this very spec; it stands in for a type that
 * is not known now. */
int schedule_facts_init(struct schedule_facts *, struct controller *, const json_t *spec,
                        bool strict, const json_t *resolved, struct sonde_error *);
/* What the type made of the spec: a node may be the only one that knows the type, and after a
 * start of the controller its schedules go on before it is there. A new one. */
json_t *schedule_resolved(const struct schedule_facts *);
void schedule_facts_deinit(struct schedule_facts *);
/* The members of spec that a measurement has too: type, target, options with their secrets, locations
 * ... A new one. */
json_t *schedule_measurement(const struct controller *, const json_t *spec);

/* schedule_secrets.c: moves the secret options of a spec that a user gave into SCHEDULE_SEALED. before:
 * the spec that it changes, of which it is a copy, or NULL; its secrets stay when none are given. SONDE_OK;
 * SONDE_EINVAL when they would stay for something else than they were given for; SONDE_ENOMEM. */
int schedule_seal(struct controller *, json_t *spec, const json_t *before, struct sonde_error *);
/* The secret options alone, nested as in measurementOptions, a new one; NULL: none, or another key. */
json_t *schedule_secrets(const struct controller *, const json_t *spec);
/* "secrets": ["request.password", ...], when there are some. */
void schedule_secret_names(const struct controller *, const json_t *spec, struct sonde_json *);
/* Due times on one node. Windows are borrowed from the facts. */
struct sonde_plan schedule_plan_on(const struct schedule_facts *, const struct sonde_id *schedule,
                                   const struct sonde_id *node);
/* How long after a due time its result may come before it counts as missed. */
int64_t schedule_patience_ms(const struct schedule_facts *);
