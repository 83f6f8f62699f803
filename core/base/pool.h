/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: memory of one request or probe, freed at once. */
#pragma once
#include <stddef.h>

struct sonde_pool {
	struct sonde_pool_block *blocks;
	size_t used, max; /* bytes asked for, and how many may be */
};

void sonde_pool_init(struct sonde_pool *, size_t max);
void sonde_pool_deinit(struct sonde_pool *);
/* Zeroed, aligned for any type; NULL when over the maximum. */
void *sonde_pool_alloc(struct sonde_pool *, size_t);
char *sonde_pool_strndup(struct sonde_pool *, const char *, size_t);
