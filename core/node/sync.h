/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit of spool and journal: what was appended within one turn of the loop (or while the
 * last group was being written) is synced together by a worker, at most one group every 5 ms unless
 * 256 records wait. */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "node/journal.h"
#include "node/spool.h"

struct sonde_sync;

struct sonde_sync_events {
	/* Everything appended before sonde_sync_request returned `ticket` (or less) is durable. */
	void (*synced)(void *arg, uint64_t ticket);
	/* A sync failed: what is on disk is unknown. Nothing more is written. */
	void (*fatal)(void *arg);
};

int sonde_sync_new(uv_loop_t *, struct sonde_spool *, struct sonde_journal *,
                   const struct sonde_sync_events *, void *arg, struct sonde_sync **);
/* Ask that what was appended be made durable soon; its ticket. */
uint64_t sonde_sync_request(struct sonde_sync *);
/* Nothing waits to be synced. */
bool sonde_sync_idle(const struct sonde_sync *);
/* No callback comes after this; memory is freed when the worker is back and the loop has run. */
void sonde_sync_close(struct sonde_sync *);
