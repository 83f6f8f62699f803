/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one decision: bump allocation, never zeroed, given back at once by reset. Bounded, and
 * kept between decisions, so that a decision usually allocates nothing. */
#pragma once
#include <stddef.h>

struct sonde_scratch {
	struct sonde_scratch_block *block; /* newest first */
	size_t total, max;
};

void sonde_scratch_init(struct sonde_scratch *, size_t max);
void sonde_scratch_deinit(struct sonde_scratch *);
/* Aligned for any type; NULL when over the maximum. */
void *sonde_scratch_take(struct sonde_scratch *, size_t);
/* Everything taken is invalid; one block as large as all of them is kept. */
void sonde_scratch_reset(struct sonde_scratch *);
