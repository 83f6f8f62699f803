/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing of a store, and the loop thread's side of the queues. Owns the directory
 * lock: a second writer is refused, because marks and ingest numbers live in the first one's
 * memory. Jobs belong to the caller; the store only links them. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define MAP_DEFAULT ((size_t)64 << 30)
enum { QUEUE_DEFAULT = 65536 };

static const char *const table_names[TABLE_COUNT] = {
	[SONDE_TABLE_META] = "meta",
	[SONDE_TABLE_NODES] = "nodes",
	[SONDE_TABLE_TOKENS] = "tokens",
	[SONDE_TABLE_MEASUREMENTS] = "measurements",
	[SONDE_TABLE_OPEN] = "open",
	[SONDE_TABLE_QUARANTINE] = "quarantine",
	[SONDE_TABLE_DECISIONS] = "decisions",
	[SONDE_TABLE_POLICIES] = "policies",
	[SONDE_TABLE_SCHEDULES] = "schedules",
	[SONDE_TABLE_MEMBERS] = "members",
	[SONDE_TABLE_EVENTS] = "events",
	[SONDE_TABLE_ROLLUPS] = "rollups",
	[SONDE_TABLE_USERS] = "users",
	[SONDE_TABLE_SESSIONS] = "sessions",
	[SONDE_TABLE_TIERS] = "tiers",
	[SONDE_TABLE_LEDGER] = "ledger",
	[SONDE_TABLE_AUDIT] = "audit",
	[TABLE_STORE] = "store",
	[TABLE_MARKS] = "marks",
};

const char *sonde_table_name(unsigned table)
{
	return table_names[table];
}

static int dir_take(struct sonde_store *s, struct sonde_error *e)
{
	char *path;

	if (s->no_writer)
		return SONDE_OK;
	if (mkdir(s->dir, 0700) && errno != EEXIST)
		return sonde_fail(e, SONDE_EIO, "", "%s: cannot be made: %s", s->dir,
		                  strerror(errno));
	if (asprintf(&path, "%s/writer.lock", s->dir) < 0)
		return sonde_fail(e, SONDE_ENOMEM, "", "out of memory");
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (s->lock_fd < 0)
		return sonde_fail(e, SONDE_EIO, "", "%s: cannot be written: %s", s->dir,
		                  strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return sonde_fail(e, SONDE_ECONFLICT, "", "%s: in use by another process", s->dir);
	if (asprintf(&path, "%s/" SONDE_RESTORING, s->dir) < 0)
		return sonde_fail(e, SONDE_ENOMEM, "", "out of memory");
	bool cut = !access(path, F_OK);
	free(path);
	if (cut)
		return sonde_fail(e, SONDE_ECONFLICT, "", "%s: a restore was cut short; restore it again",
		                  s->dir);
	return SONDE_OK;
}

static int format_check(struct sonde_store *s, MDB_txn *txn)
{
	MDB_val key = { strlen("format"), "format" }, value;
	uint64_t format = SONDE_STORE_FORMAT;
	int rc = mdb_get(txn, s->tables[TABLE_STORE], &key, &value);

	if (rc == MDB_NOTFOUND && !s->no_writer) {
		value = (MDB_val){ sizeof(format), &format };
		return mdb_put(txn, s->tables[TABLE_STORE], &key, &value, 0);
	}
	if (rc)
		return rc;
	if (value.mv_size == sizeof(format))
		memcpy(&format, value.mv_data, sizeof(format));
	return value.mv_size == sizeof(format) && format == SONDE_STORE_FORMAT
	               ? 0
	               : MDB_VERSION_MISMATCH;
}

static int next_load(struct sonde_store *s, MDB_txn *txn)
{
	MDB_val key = { strlen("next"), "next" }, value;
	int rc = mdb_get(txn, s->tables[TABLE_STORE], &key, &value);

	s->next = 1;
	if (!rc && value.mv_size == sizeof(s->next))
		memcpy(&s->next, value.mv_data, sizeof(s->next));
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Every table is opened here, in one committed transaction: a handle opened in a read that ends
 * would be invalid after it. */
static int state_open(struct sonde_store *s)
{
	MDB_txn *txn;
	char *path;

	if (asprintf(&path, "%s/state.mdb", s->dir) < 0)
		return ENOMEM;
	int rc = sonde_env_open(&s->state, path, s->map_bytes, s->no_writer);
	free(path);
	if (!rc && !s->no_writer)
		rc = sonde_redo_open(s);
	if (!rc)
		rc = mdb_txn_begin(s->state.env, NULL, s->no_writer ? MDB_RDONLY : 0, &txn);
	if (rc)
		return rc;
	for (int i = 0; i < TABLE_COUNT && !rc; i++)
		rc = mdb_dbi_open(txn, table_names[i], s->no_writer ? 0 : MDB_CREATE,
		                  &s->tables[i]);
	if (!rc)
		rc = format_check(s, txn);
	if (!rc)
		rc = next_load(s, txn);
	if (!rc && !s->no_writer && sonde_marks_load(s, txn, s->tables[TABLE_MARKS]) != SONDE_OK)
		rc = ENOMEM;
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	return rc || s->no_writer ? rc : sonde_dir_sync(s);
}

static int files_open(struct sonde_store *s, struct sonde_error *e)
{
	int rc = state_open(s);

	if (rc)
		return sonde_fail(e, sonde_mdb_status(rc), "", "%s/state.mdb: %s", s->dir,
		                  mdb_strerror(rc));
	rc = sonde_segments_scan(s);
	if (rc)
		return sonde_fail(e, sonde_mdb_status(rc), "", "%s: a segment of results: %s",
		                  s->dir, mdb_strerror(rc));
	return SONDE_OK;
}

static void store_free(struct sonde_store *s)
{
	for (size_t i = 0; i < s->segment_count; i++)
		sonde_segment_free(s->segments[i]);
	free(s->segments);
	if (s->started)
		mdb_env_sync(s->state.env, 1); /* the last meta page: a clean file */
	sonde_env_close(&s->state);
	sonde_marks_deinit(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_cond_destroy(&s->some);
	pthread_mutex_destroy(&s->lock);
	pthread_rwlock_destroy(&s->layout);
	free(s->dir);
	free(s);
}

static struct sonde_store *store_new(const struct sonde_store_options *o)
{
	struct sonde_store *s = calloc(1, sizeof(*s));

	if (!s || !(s->dir = strdup(o->dir))) {
		free(s);
		return NULL;
	}
	s->lock_fd = -1;
	s->map_bytes = o->map_bytes ? o->map_bytes : MAP_DEFAULT;
	s->queue_max = o->queue_max ? o->queue_max : QUEUE_DEFAULT;
	s->no_writer = o->no_writer;
	s->wake = o->wake;
	s->fatal = o->fatal;
	s->arg = o->arg;
	s->wall_ms = o->wall_ms ? o->wall_ms : sonde_wall_ms;
	s->read.store = s;
	sonde_map_init(&s->marks);
	sonde_queue_init(&s->todo);
	sonde_queue_init(&s->finished);
	pthread_rwlock_init(&s->layout, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->some, NULL);
	return s;
}

int sonde_store_open(const struct sonde_store_options *o, struct sonde_store **out,
                     struct sonde_error *e)
{
	struct sonde_store *s = store_new(o);

	if (!s)
		return sonde_fail(e, SONDE_ENOMEM, "", "out of memory");
	int status = dir_take(s, e);
	if (status == SONDE_OK)
		status = files_open(s, e);
	if (status == SONDE_OK && !s->no_writer) {
		sonde_store_count(s);
		s->stats = s->tally;
		s->floor = s->next;
		s->started = pthread_create(&s->thread, NULL, sonde_writer_main, s) == 0;
		if (!s->started)
			status = sonde_fail(e, SONDE_ENOMEM, "", "the writer thread did not start");
	}
	if (status != SONDE_OK) {
		store_free(s);
		return status;
	}
	*out = s;
	return SONDE_OK;
}

void sonde_store_close(struct sonde_store *s)
{
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->some);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	sonde_store_reap(s);
	store_free(s);
}

int sonde_store_submit(struct sonde_store *s, struct sonde_job *j)
{
	int status = SONDE_OK;
	bool sleeps = false;

	if (s->no_writer)
		return SONDE_EDENIED;
	if (j->bulk && atomic_load_explicit(&s->full, memory_order_relaxed))
		return SONDE_EFULL;
	pthread_mutex_lock(&s->lock);
	if (s->dead)
		status = SONDE_EIO;
	else if (s->inflight >= s->queue_max)
		status = SONDE_EFULL;
	if (status == SONDE_OK) {
		s->inflight++;
		sonde_queue_add(&s->todo, j);
		sleeps = s->idle;
	}
	pthread_mutex_unlock(&s->lock);
	if (sleeps) /* outside the lock, so that the writer does not wake into it */
		pthread_cond_signal(&s->some);
	return status;
}

bool sonde_store_full(const struct sonde_store *s)
{
	return atomic_load_explicit(&s->full, memory_order_relaxed);
}

unsigned sonde_store_reap(struct sonde_store *s)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	struct sonde_job *j = sonde_queue_take(&s->finished);
	pthread_mutex_unlock(&s->lock);
	while (j) {
		struct sonde_job *next = j->next;
		int status = j->status;
		pthread_mutex_lock(&s->lock);
		s->inflight--;
		pthread_mutex_unlock(&s->lock);
		if (j->done)
			j->done(j, status);
		j = next;
		n++;
	}
	return n;
}

void sonde_store_readers(const struct sonde_store *s, unsigned *used, unsigned *slots)
{
	MDB_envinfo info = { .me_numreaders = 0 };

	mdb_env_info(s->state.env, &info);
	*used = info.me_numreaders;
	*slots = info.me_maxreaders;
}

unsigned sonde_store_waiting(const struct sonde_store *s)
{
	struct sonde_store *m = (struct sonde_store *)s;

	pthread_mutex_lock(&m->lock);
	unsigned n = s->inflight;
	pthread_mutex_unlock(&m->lock);
	return n;
}

void sonde_store_retain(struct sonde_store *s, unsigned days)
{
	if (!days || s->no_writer)
		return;
	pthread_mutex_lock(&s->lock);
	s->retain_days = days;
	if (s->idle)
		pthread_cond_signal(&s->some);
	pthread_mutex_unlock(&s->lock);
}

void sonde_store_stats(const struct sonde_store *s, struct sonde_store_stats *out)
{
	struct sonde_store *m = (struct sonde_store *)s;

	pthread_mutex_lock(&m->lock);
	*out = s->stats;
	out->waiting = s->inflight;
	pthread_mutex_unlock(&m->lock);
}
