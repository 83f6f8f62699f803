/* SPDX-License-Identifier: Apache-2.0 */
/* How fast bytes come: shared by the plugins that move many. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { RATE_SAMPLES = 256 };

struct rate_sample {
	int64_t ns;
	uint64_t bytes;
};

/* Bytes over time. Keeps every `step`-th arrival, doubling the step when the table is full. */
struct rate_meter {
	int64_t first_ns, last_ns;
	uint64_t bytes, first_bytes;
	unsigned count, step, skipped;
	struct rate_sample samples[RATE_SAMPLES];
};

void rate_meter_add(struct rate_meter *, int64_t now_ns, size_t bytes);
/* Bits a second without the first third, in which slow start and the first burst of a rate limit
 * are; of everything when there are too few arrivals; 0 when nothing can be said. */
double rate_meter_steady(const struct rate_meter *);
double rate_meter_mean(const struct rate_meter *);
