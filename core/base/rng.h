/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: a seeded generator for decisions that must replay, the kernel for secrets. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct sonde_rng {
	uint64_t s[2];
};

void sonde_rng_seed(struct sonde_rng *, uint64_t seed); /* splitmix64 -> xoroshiro128+ */
uint64_t sonde_rng_next(struct sonde_rng *);
/* Uniform in 0..n-1, n > 0, without modulo bias (Lemire). */
uint64_t sonde_rng_below(struct sonde_rng *, uint64_t n);
/* Kernel randomness; aborts when the kernel has none. */
void sonde_random_bytes(void *, size_t);
