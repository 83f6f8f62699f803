/* SPDX-License-Identifier: Apache-2.0 */
/* Between placement.c, which chooses, and placement_trace.c, which writes down how. */
#pragma once
#include "controller/placement.h"
#include "script/policy.h"

/* What the policy is asked about: a candidate list, or what is left of one, or a wider one. */
struct candidate_set {
	const unsigned *rows;
	unsigned count;
	uint64_t id; /* 0 = made for this request only */
};

/* Append to r->trace (not NULL) one question to the policy: what it was, what was left out before,
 * what it answered. `c`: the list of the location itself; `taken`: how many of the set's nodes were
 * left out because another location has them. The location is one of r->locations, or any one when
 * the request has none. */
void placement_put_step(const struct placement *, const struct placement_request *r,
                        const struct location *, const struct candidates *c,
                        const struct candidate_set *, unsigned taken,
                        const struct sonde_request *, const struct sonde_decision *);
