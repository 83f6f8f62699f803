/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the rollups share: the stored form of one, the deltas in memory, and the number up
 * to which the store has them. */
#pragma once
#include "base/buf.h"
#include "controller/rollup.h"

/* 29 bytes; ordered by step, time, node, series. */
struct __attribute__((packed)) rollup_key {
	uint8_t step;
	uint8_t at[4];    /* big-endian, in steps since 1970 */
	uint8_t node[16];
	uint8_t series[8]; /* hash of type, target and schedule; the next number where two collide */
};

enum { ROLLUP_PREFIX = 5 }; /* bytes of step and time */

/* A minute of a series. */
struct rollup_delta {
	struct sonde_id node;
	struct sonde_id schedule; /* zero = none */
	uint32_t minute;
	struct rollup_sums sums;
	struct histogram histogram;
	uint8_t type_len, target_len;
	char texts[]; /* type, target */
};

struct rollup_job {
	struct sonde_job job;
	struct rollups *r;
	struct sonde_map deltas;
	uint64_t next, results;
	struct sonde_buf value; /* scratch of the writer */
};

/* ---- rollup_row.c ---- */

/* The series' number to begin with; a collision takes the next. */
uint64_t rollup_series(const struct rollup_delta *);
void rollup_key_make(struct rollup_key *, enum rollup_step, uint32_t at, const struct sonde_id *node,
                     uint64_t series);
/* The first bytes of every key from this time on. */
void rollup_prefix(uint8_t out[ROLLUP_PREFIX], enum rollup_step, uint32_t at);
uint32_t rollup_key_at(const struct rollup_key *);
/* All of out but node and at_ms, which are the key's; false when the value is not one. */
bool rollup_row_read(struct sonde_slice value, struct rollup_view *out);
bool rollup_row_is(const struct rollup_view *, const struct rollup_delta *);
/* b is reset first; what failed shows in b->failed. */
void rollup_row_write(struct sonde_buf *b, const struct rollup_delta *, const struct rollup_sums *,
                      const struct histogram *);

/* ---- rollup.c, rollup_prune.c ---- */

/* The ingest number the store has folded up to; 1 when there is none. */
int rollups_stored_next(struct rollups *, uint64_t *next);
/* Delete some of what is older than the options keep. */
void rollups_prune(struct rollups *, int64_t now_ms);
