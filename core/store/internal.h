/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share.
 *
 * Who touches what: `layout` (a read-write lock) is held for reading by the loop thread during a
 * read, and for writing by the writer thread while it remaps a file or changes the list of
 * segments. Marks, the next ingest number and the environments' write side belong to the writer
 * (before its start: to open). `lock` guards the two queues, the counters and the flags. */
#pragma once
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "store/store.h"

#define SONDE_STORE_FORMAT 1u
/* A folder in the store's directory: a restore is under way, or was cut short. */
#define SONDE_RESTORING "restoring"

/* Tables of state.mdb that are the store's own, after those of enum sonde_table. */
enum {
	TABLE_STORE = SONDE_TABLE_COUNT, /* text key: "format", "next" */
	TABLE_MARKS,                     /* node id: marks out of segments that were deleted */
	TABLE_COUNT
};

enum { GROUP_JOBS = 4096, GROUP_BYTES = 8 << 20 };

struct sonde_env {
	MDB_env *env;
	MDB_txn *read; /* of the loop thread; reset between reads, NULL until first used */
	size_t map, page; /* bytes */
	bool reading; /* `read` is live: part of the snapshot that is open now */
};

enum { SEG_RESULTS, SEG_TASKS, SEG_MARKS, SEG_META, SEG_COUNT };

struct sonde_segment {
	struct sonde_env env;
	MDB_dbi dbi[SEG_COUNT];
	int32_t day;    /* of ingest, days since 1970 */
	uint64_t first; /* lowest ingest number it may hold */
};

struct sonde_mark {
	struct sonde_id node;
	uint64_t epoch, was_epoch;
	struct sonde_spans have, was; /* with what the open transaction added; as committed, valid
	                                 while touched */
	bool touched;
};

/* On disk, in the byte order of the machine, as everything in LMDB. */
struct __attribute__((packed)) mark_value {
	uint64_t epoch, seq;
	struct sonde_span spans[SONDE_SPANS]; /* as many as there are */
};

enum { MARK_HEAD = 2 * sizeof(uint64_t) };

struct __attribute__((packed)) result_head {
	uint8_t node[16], measurement[16];
	uint64_t epoch, seq;
	int64_t received_ms;
	uint32_t task, attempt;
	uint8_t failure, late;
};

struct task_key {
	uint8_t b[20]; /* measurement, task big-endian */
};

struct sonde_write {
	struct sonde_store *store;
	MDB_txn *txn; /* state; NULL until used */
	MDB_cursor *cursors[SONDE_TABLE_COUNT];
	bool dirty; /* state */
	struct sonde_segment *seg;
	MDB_txn *seg_txn; /* NULL until used */
	MDB_cursor *results, *tasks;
	uint64_t next;         /* ingest */
	struct task_key last;  /* highest in seg's index, when has_last */
	bool has_last;
	size_t bytes, seg_bytes;
	int failed;            /* first LMDB failure: the transaction is lost */
	struct sonde_env *full; /* whose map was too small */
	uint64_t results_n, duplicates, gaps;
};

/* The operations of the open group; see redo.c. With its place in a meta page of 4 KiB it ends at
 * the page's end. */
enum { SONDE_REDO_HEAD = 28, SONDE_REDO_MAX = 4096 - 512 };

struct sonde_redo {
	size_t len;
	bool over; /* does not fit */
	uint8_t slot[SONDE_REDO_MAX];
};

struct sonde_read {
	struct sonde_store *store;
	unsigned depth;
};

struct sonde_queue {
	struct sonde_job *first, **tail;
};

struct sonde_store {
	char *dir;
	int lock_fd; /* exclusive: one writer a directory */
	size_t map_bytes;
	unsigned queue_max;
	bool no_writer;
	void (*wake)(void *);
	void (*fatal)(void *, const char *);
	void *arg;
	int64_t (*wall_ms)(void);

	pthread_rwlock_t layout;
	struct sonde_env state;
	MDB_dbi tables[TABLE_COUNT];
	struct sonde_segment **segments; /* by day */
	size_t segment_count, segment_cap;
	struct sonde_read read;

	struct sonde_map marks; /* node id -> struct sonde_mark */
	struct sonde_mark **touched;
	size_t touched_count, touched_cap;
	struct sonde_mark *last_mark;
	uint64_t next; /* ingest number of the next result */
	uint64_t floor; /* what it was when the store was opened */
	struct sonde_redo redo;
	int64_t next_tick_ns;          /* monotonic */
	bool over;                     /* a file's last page is beyond FULL_PERCENT */
	struct sonde_store_stats tally; /* what stats is copied from, a group at a time */

	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct sonde_queue todo, finished;
	bool idle, stop, dead;
	unsigned inflight;
	unsigned retain_days; /* 0 = nothing asked */
	struct sonde_store_stats stats;
	atomic_bool full;
};

/* ---- env.c ---- */
int sonde_mdb_status(int rc);
/* Logs what failed; returns the status. */
int sonde_mdb_fail(int rc, const char *what);
int sonde_env_open(struct sonde_env *, const char *path, size_t map, bool readonly);
void sonde_env_close(struct sonde_env *);
/* The loop thread's transaction of the open snapshot; renewed when this read first needs it. */
int sonde_env_read(struct sonde_env *, MDB_txn **);
void sonde_env_read_end(struct sonde_env *);
size_t sonde_env_used(const struct sonde_env *); /* bytes up to the last page */
size_t sonde_env_free(const struct sonde_env *); /* bytes of free pages among them */
int sonde_env_grow(struct sonde_env *);          /* no transaction may be open */

/* ---- segment.c ---- */
int sonde_segments_scan(struct sonde_store *);
/* The segment of today, made when missing. */
int sonde_segment_current(struct sonde_store *, struct sonde_segment **);
/* Forget and unlink segments older than `days`. Writer thread, no transaction open. */
int sonde_segments_retain(struct sonde_store *, unsigned days);
void sonde_segment_free(struct sonde_segment *);
int32_t sonde_day_of(int64_t wall_ms); /* days since 1970 */
/* The file name of a day, and whether a name is one. */
void sonde_segment_file(int32_t day, char *out, size_t room);
bool sonde_segment_is_name(const char *);
/* Name and LMDB flags of a table of segments. */
const char *sonde_segment_table(unsigned table, unsigned *flags);
/* Segments that are in the directory now; 0 or errno. */
int sonde_segments_count(const struct sonde_store *, size_t *count);
int sonde_dir_sync(const struct sonde_store *);

/* ---- marks.c ---- */
/* Merge every record of a marks table: the higher epoch, then seq, stays. */
int sonde_marks_load(struct sonde_store *, MDB_txn *, MDB_dbi);
/* A stored mark; false when it is not one. */
bool sonde_mark_read(const MDB_val *, uint64_t *epoch, struct sonde_spans *);
/* The first is the later of two marks of a node. */
bool sonde_mark_above(uint64_t epoch, const struct sonde_spans *, uint64_t other_epoch,
                      const struct sonde_spans *other);
void sonde_marks_deinit(struct sonde_store *);
/* The node's mark, made when missing; NULL = no memory. */
struct sonde_mark *sonde_mark_take(struct sonde_store *, const struct sonde_id *);
/* Remember the committed value before the first move in a transaction. */
int sonde_mark_touch(struct sonde_store *, struct sonde_mark *);
int sonde_marks_write(struct sonde_store *, MDB_txn *, MDB_dbi); /* the touched ones */
void sonde_marks_settle(struct sonde_store *, bool committed);

/* ---- write.c ---- */
void sonde_write_begin(struct sonde_write *, struct sonde_store *);
int sonde_write_commit(struct sonde_write *);
void sonde_write_abort(struct sonde_write *);
void sonde_task_key(struct task_key *, const struct sonde_id *measurement, uint32_t task);

/* ---- store.c ---- */
const char *sonde_table_name(unsigned table);

/* ---- redo.c ---- */
void sonde_redo_reset(struct sonde_redo *);
void sonde_redo_put(struct sonde_redo *, enum sonde_table, struct sonde_slice key,
                    struct sonde_slice value);
void sonde_redo_delete(struct sonde_redo *, enum sonde_table, struct sonde_slice key);
/* Commits state.mdb, durably, with one flush when the group is small. */
int sonde_redo_commit(struct sonde_store *, MDB_txn *);
/* Brings state.mdb up to the last commit; before anything else writes to it. */
int sonde_redo_open(struct sonde_store *);

/* ---- writer.c ---- */
void *sonde_writer_main(void *store);
void sonde_store_count(struct sonde_store *); /* sizes of the files into tally */
void sonde_queue_init(struct sonde_queue *);
void sonde_queue_add(struct sonde_queue *, struct sonde_job *);
struct sonde_job *sonde_queue_take(struct sonde_queue *); /* all, as a list */
