/* SPDX-License-Identifier: Apache-2.0 */
/* The store: LMDB files and one writer thread with group commit. The only room that knows LMDB.
 *
 * state.mdb holds typed tables of small records. Results go into segments (one file for a day of
 * ingest), append-ordered by the store's own ingest sequence, with an index by task and the
 * high-water mark of each node, all in one transaction, so that retention is an unlink.
 *
 * Writing: the loop thread hands *jobs* to the writer; the writer applies all that wait in one
 * transaction per file, syncs, then reports. A job's `apply` runs on the writer thread and may
 * refuse (status < 0, other than SONDE_EIO/ENOMEM/EFULL) having written nothing: the others go on.
 * With one of those three, or when the files cannot take it, the whole group has written nothing
 * and each of its jobs is done with that status. apply may run again before done (the group is
 * repeated after a full map was grown): it changes nothing but the store and its own job.
 * `done` runs on the loop thread, in order of submission, only after the commit, from
 * sonde_store_reap(). An fsync error is fatal: `fatal` is called on the writer thread, what waits
 * is done with SONDE_EIO, and submit refuses from then on.
 *
 * A group that wrote results and state commits the segment first, then state.mdb; one that wrote
 * only to one file pays for that one. Power may fail between the two, so results are the log:
 * whatever in state.mdb follows from results must be derivable from them again (and a node that
 * sends them again is told SONDE_INGEST_DUPLICATE). The other order could show state whose results
 * were never stored. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/spans.h"

struct sonde_store;
struct sonde_write; /* the writer's transaction, valid inside apply */
struct sonde_read;  /* a snapshot on the loop thread */

enum sonde_table {
	SONDE_TABLE_META,         /* text key */
	SONDE_TABLE_NODES,        /* node id */
	SONDE_TABLE_TOKENS,       /* hash of the secret: registration and admin tokens, node keys */
	SONDE_TABLE_MEASUREMENTS, /* measurement id */
	SONDE_TABLE_OPEN,         /* measurement id: not finished yet */
	SONDE_TABLE_QUARANTINE,   /* node id, epoch, seq (big-endian): a result that contradicts */
	SONDE_TABLE_DECISIONS,    /* measurement id: why its nodes, JSON */
	SONDE_TABLE_POLICIES,     /* name, NUL, version as 4 bytes big-endian: source, JSON */
	SONDE_TABLE_SCHEDULES,    /* schedule id; and id + revision (4 bytes, big-endian): as it was */
	SONDE_TABLE_MEMBERS,      /* schedule id + node id; and that + 'r': what was received */
	SONDE_TABLE_EVENTS,       /* event id */
	SONDE_TABLE_ROLLUPS,      /* step, time, series: see controller/rollup.c */
	SONDE_TABLE_USERS,        /* user name */
	SONDE_TABLE_SESSIONS,     /* id of the family */
	SONDE_TABLE_TIERS,        /* name */
	SONDE_TABLE_LEDGER,       /* id: credits earned, spent, granted; insert only */
	SONDE_TABLE_AUDIT,        /* id: an administrative act; insert only */
	SONDE_TABLE_COUNT
};

struct sonde_slice {
	const void *data;
	size_t len;
};

struct sonde_store_options {
	const char *dir;      /* made with 0700 when missing; files 0600 */
	size_t map_bytes;     /* sparse; 0 = 64 GiB */
	unsigned queue_max;   /* jobs that may wait; over it submit gives SONDE_EFULL */
	bool no_writer;       /* read only: a second process looks at a live store, at the segments
	                         that are there when it opens */
	void (*wake)(void *); /* writer thread: something can be reaped; e.g. uv_async_send */
	void (*fatal)(void *, const char *why);
	void *arg;
	int64_t (*wall_ms)(void); /* days of ingest; NULL = sonde_wall_ms */
};

/* One writer a directory: SONDE_ECONFLICT when another process is it. */
int sonde_store_open(const struct sonde_store_options *, struct sonde_store **out,
                     struct sonde_error *);
/* Commits what waits, joins the writer, runs the remaining done callbacks, closes. */
void sonde_store_close(struct sonde_store *);

struct sonde_job {
	int (*apply)(struct sonde_write *, struct sonde_job *); /* writer thread */
	void (*done)(struct sonde_job *, int status);           /* loop thread; it is yours again */
	struct sonde_job *next;                                 /* the store's */
	int status;                                             /* the store's */
	bool bulk; /* refused with SONDE_EFULL while the store is nearly full: over 85 % of
	              map_bytes used, or under 64 MiB free on disk. Not for deletes and
	              administration, which are the way out */
};

/* Takes the job until done. Not taken: SONDE_EFULL (queue, or see bulk), SONDE_EIO (after fatal),
 * SONDE_EDENIED (no_writer). */
int sonde_store_submit(struct sonde_store *, struct sonde_job *);
/* Runs the done callbacks of committed jobs; returns how many. */
unsigned sonde_store_reap(struct sonde_store *);
/* Slots for readers of state.mdb: that were ever used since it was opened first, and that there are. */
void sonde_store_readers(const struct sonde_store *, unsigned *used, unsigned *slots);
/* Jobs submitted and not yet done. */
unsigned sonde_store_waiting(const struct sonde_store *);
/* Ask the writer to delete the segments of days that are over for more than `days` (> 0) days; the
 * newest always stays, and so do the marks of all nodes. Nothing else deletes results. */
void sonde_store_retain(struct sonde_store *, unsigned days);

/* ---- inside apply ---- */
int sonde_write_get(struct sonde_write *, enum sonde_table, struct sonde_slice key,
                    struct sonde_slice *value); /* borrowed until the next put */
int sonde_write_put(struct sonde_write *, enum sonde_table, struct sonde_slice key,
                    struct sonde_slice value);
/* SONDE_EEXIST when there. */
int sonde_write_insert(struct sonde_write *, enum sonde_table, struct sonde_slice key,
                       struct sonde_slice value);
int sonde_write_delete(struct sonde_write *, enum sonde_table, struct sonde_slice key);

/* One result as it enters. body is its JSON, kept byte for byte. */
struct sonde_result {
	struct sonde_id node;
	uint64_t epoch, seq;           /* identity, with node */
	struct sonde_id measurement;   /* zero when it belongs to none */
	uint32_t task;                 /* index in the measurement */
	uint32_t attempt;
	uint8_t failure;               /* enum sonde_failure */
	uint8_t late;                  /* stored, not counted */
	uint64_t lost;                 /* not 0: it stands for the results seq .. seq + lost - 1,
	                                  which the node can never send; body says why */
	int64_t received_ms;           /* wall */
	struct sonde_slice body;
};

/* What happened to it. */
enum sonde_ingest {
	SONDE_INGEST_STORED = 1,
	SONDE_INGEST_DUPLICATE, /* the mark has it: counted, nothing written, ack it */
	SONDE_INGEST_GAP,       /* one stretch too many: refused, the node resends in order */
};

/* Append, index and add to the node's mark, the set of seqs that are stored: those up to `cum`, and
 * SONDE_SPANS stretches above it (a node sends new results beside old ones). A higher epoch starts
 * with nothing, a lower one is refused as a duplicate. The first result of a (measurement, task) that is not late is the one that the index finds. SONDE_EINVAL: epoch or
 * seq is 0. */
int sonde_write_result(struct sonde_write *, const struct sonde_result *, enum sonde_ingest *);
/* The node's mark with what this transaction added; epoch 0 when it never sent. */
int sonde_write_mark(struct sonde_write *, const struct sonde_id *node, uint64_t *epoch,
                     struct sonde_spans *have);

/* ---- reading, on the loop thread; each read is one snapshot and must be short: the writer waits
 * for its end when it starts a segment or grows a map. A read inside a read sees the same. */
int sonde_read_begin(struct sonde_store *, struct sonde_read **);
void sonde_read_end(struct sonde_read *);
int sonde_read_get(struct sonde_read *, enum sonde_table, struct sonde_slice key,
                   struct sonde_slice *value); /* borrowed until end */
/* Walk a table in key order from `from` (empty = the start) until fn returns non-zero, which is
 * returned; 0 at the end. */
int sonde_read_each(struct sonde_read *, enum sonde_table, struct sonde_slice from,
                    int (*fn)(void *arg, struct sonde_slice key, struct sonde_slice value),
                    void *arg);
/* The same from the last key before `from` (empty = the end) towards the start. */
int sonde_read_each_back(struct sonde_read *, enum sonde_table, struct sonde_slice from,
                         int (*fn)(void *arg, struct sonde_slice key, struct sonde_slice value),
                         void *arg);
/* The counted result of a task; body borrowed until end. SONDE_ENOENT when none. */
int sonde_read_result(struct sonde_read *, const struct sonde_id *measurement, uint32_t task,
                      struct sonde_result *);
int sonde_read_mark(struct sonde_read *, const struct sonde_id *node, uint64_t *epoch,
                    struct sonde_spans *have);
/* Results in ingest order from `from` (1-based) until fn returns non-zero (not taken: it comes
 * again), which is returned; 0 at the end. *next is where to go on. */
int sonde_read_results(struct sonde_read *, uint64_t from,
                       int (*fn)(void *arg, uint64_t ingest, const struct sonde_result *),
                       void *arg, uint64_t *next);

/* The ingest number that the next result will have. */
int sonde_read_next(struct sonde_read *, uint64_t *next);

struct sonde_store_stats {
	uint64_t commits, jobs, results, duplicates, gaps, syncs;
	uint64_t bytes_used, bytes_map; /* of all files; map is address space, not disk */
	unsigned waiting, segments;
};
void sonde_store_stats(const struct sonde_store *, struct sonde_store_stats *);
/* Disk or map nearly full: bulk jobs are refused until there is room again. */
bool sonde_store_full(const struct sonde_store *);
