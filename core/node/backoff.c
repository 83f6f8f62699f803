/* SPDX-License-Identifier: Apache-2.0 */
/* Delays between tries. Holds no memory. */
#include "node/backoff.h"

void sonde_backoff_init(struct sonde_backoff *b, int64_t min_ms, int64_t max_ms)
{
	uint64_t seed;

	sonde_random_bytes(&seed, sizeof(seed));
	b->min_ms = min_ms;
	b->max_ms = max_ms;
	sonde_rng_seed(&b->rng, seed);
	sonde_backoff_reset(b);
}

void sonde_backoff_reset(struct sonde_backoff *b)
{
	b->ceiling_ms = b->min_ms;
}

int64_t sonde_backoff_next(struct sonde_backoff *b)
{
	int64_t ms = 1 + (int64_t)sonde_rng_below(&b->rng, b->ceiling_ms);

	b->ceiling_ms = b->ceiling_ms > b->max_ms / 2 ? b->max_ms : 2 * b->ceiling_ms;
	return ms;
}
