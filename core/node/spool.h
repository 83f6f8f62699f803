/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue of results that the controller has not stored yet: append-only segment files
 * <dir>/<epoch>-<first seq>.seg (both 16 hex digits) and the file <dir>/epoch.
 *
 * A result is (epoch, seq); seq counts 1, 2, 3 ... within an epoch. Appending goes to memory; a
 * group is staged, written and synced by a worker, and committed:
 *
 *	append* -> stage -> [worker: write] -> commit
 *
 * Only committed records can be read. All functions but sonde_spool_write belong to one thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "node/record.h"

struct sonde_spool;

struct sonde_spool_options {
	const char *dir;        /* made (0700) when it is not there */
	uint64_t max_bytes;     /* of what is not acknowledged: from here on sonde_spool_full() is
	                           true, and what still comes pushes the oldest segments out */
	uint64_t keep_bytes;    /* acknowledged segments kept for a controller that is put back to an
	                           older state; for a day at most */
	uint32_t segment_bytes; /* a segment ends when it has grown past this; 0 = 4 MiB */
};

/* What was found wrong at open and since, for the log and the operator. */
struct sonde_spool_damage {
	uint64_t torn_bytes; /* cut from the end of the newest segment */
	uint64_t gaps;       /* holes in the sequence */
	uint64_t lost;       /* records in those holes: damaged, or pushed out of a full spool */
	uint64_t renewals;   /* epochs begun because the controller knew more than the spool */
};

struct sonde_spool_state {
	uint64_t epoch;
	uint64_t first, last; /* seqs held, also those not committed yet; first > last: empty */
	uint64_t synced;      /* the last committed seq */
	uint64_t bytes, count; /* not acknowledged */
	bool full;    /* max_bytes reached */
	bool failing; /* the last write failed: the disk is full, or worse */
	struct sonde_spool_damage damage;
};

typedef void sonde_spool_visit_fn(void *arg, const struct sonde_record *);

/* Open or create. visit (may be NULL) sees every record found, in order. The directory is locked
 * against a second process (SONDE_EEXIST). */
int sonde_spool_open(const struct sonde_spool_options *, sonde_spool_visit_fn *visit, void *arg,
                     struct sonde_spool **out, struct sonde_error *);
/* Frees memory and descriptors; what was not committed is not written. No group may be out. */
void sonde_spool_close(struct sonde_spool *);

/* Queue one record; its seq into *seq. SONDE_ENOMEM when memory or the limit of a group is used
 * up, SONDE_EINVAL when len is over SONDE_RECORD_MAX. A full spool still takes it. */
int sonde_spool_append(struct sonde_spool *, const void *payload, size_t len, uint64_t *seq);
/* True when the spool has reached max_bytes or cannot be written: take no new work. */
bool sonde_spool_full(const struct sonde_spool *);
struct sonde_spool_state sonde_spool_state(const struct sonde_spool *);
unsigned sonde_spool_pending(const struct sonde_spool *); /* records not staged yet */

struct sonde_spool_group;
/* What has been appended since, as a group to write; NULL when there is nothing or one is out.
 * A group whose write failed comes again, whole. */
struct sonde_spool_group *sonde_spool_stage(struct sonde_spool *);
/* Write and sync; touches nothing but the group: for a worker thread. */
void sonde_spool_write(struct sonde_spool_group *);
/* Take the group back. SONDE_OK: its records are durable. SONDE_EFULL: could not be written, stage
 * it again later. SONDE_EIO: a sync failed, what is on disk is unknown: the process must end. */
int sonde_spool_commit(struct sonde_spool *, struct sonde_spool_group *);

/* Two readers: new results are sent beside old ones. */
enum { SONDE_LANE_LIVE, SONDE_LANE_BACKLOG, SONDE_LANES };

/* The lane's next committed record, without passing it; SONDE_ENOENT when there is none. Where
 * records are gone, one record says so for all of them (`lost`, no payload). The payload is
 * borrowed until the next call of any function here. */
int sonde_spool_peek(struct sonde_spool *, unsigned lane, struct sonde_record *);
void sonde_spool_pass(struct sonde_spool *, unsigned lane); /* what was just peeked was sent */
/* Read on from the first record after `seq`. */
void sonde_spool_seek(struct sonde_spool *, unsigned lane, uint64_t seq);
/* The controller has stored everything up to and including seq of the current epoch: segments
 * wholly below go, when they were kept long enough. */
void sonde_spool_ack(struct sonde_spool *, uint64_t seq);
/* What the controller said at welcome (epoch 0: it has nothing of us): everything up to seq, and at
 * most up to `highest`. Where it holds more than this spool can have sent (a restored disk) the rest
 * is moved durably to a new epoch, from 1. Where it holds less than it once did, what is still here
 * counts as not acknowledged. The readers must be set anew. SONDE_EFULL: a group is out, call again
 * after its commit. SONDE_EIO. */
int sonde_spool_confirm(struct sonde_spool *, uint64_t epoch, uint64_t seq, uint64_t highest);
