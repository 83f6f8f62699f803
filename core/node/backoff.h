/* SPDX-License-Identifier: Apache-2.0 */
/* Full-jitter exponential delays: each one uniform in 0..ceiling, the ceiling doubling from min to
 * max. */
#pragma once
#include <stdint.h>

#include "base/rng.h"

struct sonde_backoff {
	int64_t min_ms, max_ms, ceiling_ms;
	struct sonde_rng rng;
};

/* 0 < min_ms <= max_ms. */
void sonde_backoff_init(struct sonde_backoff *, int64_t min_ms, int64_t max_ms);
int64_t sonde_backoff_next(struct sonde_backoff *); /* milliseconds, at least 1 */
void sonde_backoff_reset(struct sonde_backoff *);   /* it worked: begin with min again */
