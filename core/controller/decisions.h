/* SPDX-License-Identifier: Apache-2.0 */
/* Why each measurement got its nodes. Kept in memory for moments and stored in the background, so
 * that no measurement waits for its explanation: a crash may lose those of the last second. */
#pragma once
#include <stdbool.h>

#include "base/map.h"
#include "store/store.h"

struct decisions {
	struct sonde_store *store;
	struct sonde_map pending; /* by measurement id */
	struct flush *flying;     /* handed to the writer, not committed yet */
	size_t bytes;
	uint64_t stored, lost, skipped;
};

void decisions_init(struct decisions *);
void decisions_deinit(struct decisions *);
/* Whether there is room for one more before the next flush. Under a flood of measurements only the
 * first ones of each moment are explained in full: writing all would cost as much as placing them. */
bool decisions_wanted(struct decisions *);
/* JSON of one placement, copied. */
void decisions_put(struct decisions *, const struct sonde_id *, const char *json, size_t len);
/* Store what is pending; about once a second. */
void decisions_flush(struct decisions *);
/* The JSON, borrowed until the read ends or decisions_flush; SONDE_ENOENT. */
int decisions_get(const struct decisions *, struct sonde_read *, const struct sonde_id *,
                  struct sonde_slice *);
/* The newest `max` decisions that are not older than since_ms, newest last. fn's slice is borrowed;
 * it returns non-zero to stop. */
int decisions_each(const struct decisions *, struct sonde_read *, int64_t since_ms,
                   int (*fn)(void *, const struct sonde_id *, struct sonde_slice), void *arg);
/* Ask the writer to delete some of those older than `before_ms`; call again later for more. */
void decisions_retain(struct decisions *, int64_t before_ms);
