/* SPDX-License-Identifier: Apache-2.0 */
/* A measurement request: JSON into a checked struct. Pure but for looking at what types and nodes
 * exist; the fuzz target of measurement JSON drives it. */
#pragma once
#include <jansson.h>

#include "controller/controller.h"

enum { EXCLUDE_MAX = 32, PRIORITY_DEFAULT = 50 };

struct measurement_request {
	const struct type *type;
	const char *target;  /* normalised */
	const char *policy;  /* a chain: "regional,least_load" */
	const char *policy_params; /* JSON, NULL = none */
	struct node *peer;   /* the target, where a type's target is a node */
	unsigned location_count;
	json_t *locations_json; /* as they will be shown; owned, NULL when none */
	const json_t *exclude_json; /* as given, of the body; NULL when none */
	unsigned exclude_count, reuse_count;
	unsigned priority;   /* 1 to 100 */
	unsigned limit;      /* nodes in all, 0 = by location */
	uint32_t timeout_ms;
	bool limit_given, timeout_given, progress;
	uint8_t ip_version;
	struct sonde_buf options; /* normalised JSON object */
	struct sonde_buf secrets; /* the same with its secrets; empty when it has none */
	json_t *wrong; /* with SONDE_EINVAL: path -> sentence of all that is wrong; owned */
	struct sonde_pool pool;
	struct needs needs;
	/* Last: only what is read is cleared. */
	struct location locations[LOCATIONS_MAX];
	struct location exclude[EXCLUDE_MAX];
	struct sonde_id reuse[PLACE_MAX]; /* the nodes of an earlier measurement, in its order */
};

/* Fill *r; call request_deinit in any case. SONDE_EINVAL with the path of the field;
 * SONDE_ENOENT when an earlier measurement named in locations is not known. */
int request_parse(struct controller *, const json_t *body, struct measurement_request *r,
                  struct sonde_error *);
/* The same for what has no target of its own yet: `target` must not be there. */
int request_parse_untargeted(struct controller *, const json_t *body, struct measurement_request *,
                             struct sonde_error *);
/* Whether a host may be measured, as for a request; one sentence when not. */
int request_check_host(struct controller *, const char *target, struct sonde_error *);
void request_deinit(struct measurement_request *);
/* The nodes of an earlier measurement instead of locations; SONDE_ENOENT when it is not known. */
int request_reuse(struct controller *, struct measurement_request *, const char *id);
