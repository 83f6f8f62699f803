/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of a measurement request share; private to request.c, request_rules.c and
 * locations.c. */
#pragma once
#include "controller/api/request.h"

struct reading {
	struct controller *c;
	struct measurement_request *r;
	const json_t *options;
	bool policy_given;
	bool untargeted;
	const void *args; /* of the type, once they were checked */
	struct sonde_error *e;
	struct sonde_error first; /* of several errors, once there is one */
};

/* The error with SONDE_EINVAL, as the return value. */
int request_wrong(struct reading *, const char *path, const char *text);
/* A copy in the request's pool. */
const char *request_keep(struct reading *, const char *text);
/* A JSON integer, or text that is one (clients send both), from min to max. */
int request_int(struct reading *, const json_t *, const char *path, int64_t min, int64_t max,
                int64_t *out);
/* The member `locations`: an array of filters, or the id of an earlier measurement. */
int request_locations(struct reading *, const json_t *);
/* The members `nodes` and `exclude`. */
int request_nodes(struct reading *, const json_t *);
int request_exclude(struct reading *, const json_t *);
/* request_rules.c: looked at when all members were read. The options into rd->args and r->options. */
int request_check_options(struct reading *);
int request_check_target(struct reading *);
int request_check_limits(struct reading *);
/* The family of addresses that a node must have, into r->needs. */
int request_find_family(struct reading *);
/* How long a measurement of the request's type and options takes at most, as Globalping counts. */
uint32_t request_default_timeout_ms(const struct reading *);
