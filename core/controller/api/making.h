/* SPDX-License-Identifier: Apache-2.0 */
/* From a good request to a measurement, in two steps; the quota is asked before and between. */
#pragma once
#include "controller/api/quota.h"
#include "controller/api/request.h"

/* The nodes of an earlier measurement, or those that the policy chose. SONDE_ENOENT when there is none,
 * SONDE_EDENIED with the sentence of the policy. trace: NULL, or reset and filled with why these. */
int request_place(struct controller *, struct measurement_request *, const struct quota *, uint64_t seed,
                  struct placement_answer *, struct sonde_buf *trace, struct sonde_error *);
/* In memory only, with its record as it will be stored; NULL when out of memory. */
struct measurement *request_record(struct controller *, const struct measurement_request *,
                                   const struct placement_answer *, uint64_t seed,
                                   const struct quota *);
