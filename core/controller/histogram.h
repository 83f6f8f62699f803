/* SPDX-License-Identifier: Apache-2.0 */
/* A log-linear histogram of durations: sixteen steps an octave from 1 us to 19 h, so that a percentile
 * is right within 3 %. Kept sparse, sorted by step: a series of one minute has few. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_STEPS = 528 };

struct __attribute__((packed)) histogram_bar {
	uint16_t step;
	uint32_t count;
};

struct histogram {
	struct histogram_bar *bars;
	uint16_t len, cap;
};

uint16_t histogram_step(double ms);
/* The middle of a step, ms. */
double histogram_value(uint16_t step);
/* SONDE_OK or SONDE_ENOMEM; counts stop at their largest. */
int histogram_add(struct histogram *, uint16_t step, uint32_t count);
int histogram_merge(struct histogram *, const struct histogram_bar *, size_t count);
/* share: 0 to 1. NAN when it is empty. */
double histogram_quantile(const struct histogram *, double share);
void histogram_deinit(struct histogram *);
