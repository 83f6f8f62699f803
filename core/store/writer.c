/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread. Takes all that waits, applies it as groups, one commit each, hands the jobs
 * back and wakes the loop once a group. It never waits for more work to come: while it syncs, the
 * next group gathers by itself.
 *
 * A group that meets a full map is aborted, the map grown and the group applied once more. A
 * group that cannot be stored fails as a whole. What LMDB or the disk cannot explain (an fsync
 * that failed, above all) is fatal: nothing is acknowledged any more. */
#include "store/internal.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	TICK_S = 10,     /* stale readers, free space */
	TICK_FULL_S = 1, /* is there space again? */
	FULL_PERCENT = 85,
	DISK_RESERVE = 64 << 20,
};

void sonde_queue_init(struct sonde_queue *q)
{
	q->first = NULL;
	q->tail = &q->first;
}

void sonde_queue_add(struct sonde_queue *q, struct sonde_job *j)
{
	j->next = NULL;
	*q->tail = j;
	q->tail = &j->next;
}

struct sonde_job *sonde_queue_take(struct sonde_queue *q)
{
	struct sonde_job *first = q->first;

	sonde_queue_init(q);
	return first;
}

static size_t limit(const struct sonde_store *s)
{
	return s->map_bytes / 100 * FULL_PERCENT;
}

static const struct sonde_env *newest(const struct sonde_store *s)
{
	return s->segment_count ? &s->segments[s->segment_count - 1]->env : &s->state;
}

static bool near_full(const struct sonde_store *s, const struct sonde_env *e)
{
	size_t used = sonde_env_used(e);

	return used > limit(s) && used - sonde_env_free(e) > limit(s);
}

static bool disk_full(const struct sonde_store *s)
{
	struct statvfs v;

	return statvfs(s->dir, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < DISK_RESERVE;
}

static void look_at_space(struct sonde_store *s)
{
	bool full = near_full(s, &s->state) || near_full(s, newest(s)) || disk_full(s);

	if (atomic_exchange(&s->full, full) != full)
		sonde_log(full ? SONDE_LOG_ERROR : SONDE_LOG_INFO, "store",
		          full ? "nearly full: taking deletions and administration only"
		               : "space again");
}

static void check_readers(struct sonde_store *s)
{
	int dead;

	mdb_reader_check(s->state.env, &dead);
	for (size_t i = 0; i < s->segment_count; i++)
		mdb_reader_check(s->segments[i]->env.env, &dead);
}

static int64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SONDE_NS_PER_S + t.tv_nsec;
}

/* After each group and when idle. A file that grows beyond the limit is looked at at once, then
 * every second, since only a walk through its free pages tells whether it is full. */
static void tick(struct sonde_store *s)
{
	int64_t now = monotonic_ns();
	bool over = sonde_env_used(&s->state) > limit(s) || sonde_env_used(newest(s)) > limit(s);

	if (now < s->next_tick_ns && (s->over || !over))
		return;
	s->over = over;
	check_readers(s);
	look_at_space(s);
	bool soon = over || atomic_load(&s->full);
	s->next_tick_ns = now + (soon ? TICK_FULL_S : TICK_S) * SONDE_NS_PER_S;
}

void sonde_store_count(struct sonde_store *s)
{
	struct sonde_store_stats *t = &s->tally;

	t->bytes_used = sonde_env_used(&s->state);
	t->bytes_map = s->state.map;
	t->segments = s->segment_count;
	for (size_t i = 0; i < s->segment_count; i++) {
		t->bytes_used += sonde_env_used(&s->segments[i]->env);
		t->bytes_map += s->segments[i]->env.map;
	}
}

static void die(struct sonde_store *s, const char *why)
{
	sonde_log(SONDE_LOG_ERROR, "store", "fatal: %s", why);
	pthread_mutex_lock(&s->lock);
	s->dead = true;
	pthread_mutex_unlock(&s->lock);
	if (s->fatal)
		s->fatal(s->arg, why);
}

/* LMDB says EIO of a write that was cut short, too, which is what a disk without room does to it. The
 * group is undone then, and nothing of it is in what was committed before. */
static int status_of(const struct sonde_store *s, int rc)
{
	return rc == EIO && disk_full(s) ? SONDE_EFULL : sonde_mdb_status(rc);
}

static bool hard(int status)
{
	return status == SONDE_EIO || status == SONDE_ENOMEM || status == SONDE_EFULL;
}

/* Applies jobs until the group is large enough; *end is the first that it leaves for the next. */
static int apply_group(struct sonde_write *w, struct sonde_job *first, struct sonde_job **end)
{
	unsigned n = 0;
	struct sonde_job *j = first;

	for (; j && n < GROUP_JOBS && w->bytes + w->seg_bytes < GROUP_BYTES; j = j->next, n++) {
		j->status = j->apply(w, j);
		if (w->failed || hard(j->status)) {
			int status = w->failed ? status_of(w->store, w->failed) : j->status;
			*end = j->next;
			return status;
		}
	}
	*end = j;
	return SONDE_OK;
}

static int grow(struct sonde_store *s, struct sonde_env *e)
{
	int dead;

	/* The pages may only be pinned by a reader that died. */
	mdb_reader_check(e->env, &dead);
	pthread_rwlock_wrlock(&s->layout);
	int rc = sonde_env_grow(e);
	pthread_rwlock_unlock(&s->layout);
	return sonde_mdb_fail(rc, "growing the map");
}

/* One group from the list; *end is what remains. */
static int run_group(struct sonde_store *s, struct sonde_job *first, struct sonde_job **end)
{
	struct sonde_write w;
	int status;

	for (int attempt = 0;; attempt++) {
		sonde_write_begin(&w, s);
		status = apply_group(&w, first, end);
		if (status == SONDE_OK)
			status = status_of(s, sonde_write_commit(&w));
		if (status == SONDE_OK)
			break;
		sonde_write_abort(&w);
		if (!w.full || attempt || grow(s, w.full) != SONDE_OK)
			break;
	}
	if (status == SONDE_OK) {
		s->tally.commits++;
		s->tally.results += w.results_n;
		s->tally.duplicates += w.duplicates;
		s->tally.gaps += w.gaps;
		return status;
	}
	sonde_log(SONDE_LOG_ERROR, "store", "a group was not stored: %s",
	          w.failed ? mdb_strerror(w.failed) : sonde_strstatus(status));
	if (w.failed && status != SONDE_EFULL && status != SONDE_ENOMEM)
		die(s, mdb_strerror(w.failed));
	for (struct sonde_job *j = first; j != *end; j = j->next)
		j->status = status;
	return status;
}

static void hand_back(struct sonde_store *s, struct sonde_job *first, struct sonde_job *end)
{
	sonde_store_count(s);
	pthread_mutex_lock(&s->lock);
	for (struct sonde_job *j = first, *next; j != end; j = next) {
		next = j->next;
		s->tally.jobs++;
		sonde_queue_add(&s->finished, j);
	}
	s->stats = s->tally;
	pthread_mutex_unlock(&s->lock);
	if (s->wake)
		s->wake(s->arg);
}

static void run_list(struct sonde_store *s, struct sonde_job *list)
{
	while (list) {
		struct sonde_job *end = NULL;
		if (s->dead) {
			for (struct sonde_job *j = list; j; j = j->next)
				j->status = SONDE_EIO;
		} else {
			run_group(s, list, &end);
		}
		if (!s->dead)
			tick(s); /* before the jobs are done: submit then knows a full store */
		hand_back(s, list, end);
		list = end;
	}
}

static void run_retain(struct sonde_store *s, unsigned days)
{
	int rc = s->dead ? 0 : sonde_segments_retain(s, days);

	if (rc && sonde_mdb_fail(rc, "retention") != SONDE_EFULL && rc != ENOMEM)
		die(s, mdb_strerror(rc));
	sonde_store_count(s);
	pthread_mutex_lock(&s->lock);
	s->stats = s->tally;
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static void wait_for_work(struct sonde_store *s)
{
	struct timespec until = {
		.tv_sec = s->next_tick_ns / SONDE_NS_PER_S,
		.tv_nsec = s->next_tick_ns % SONDE_NS_PER_S,
	};

	s->idle = true;
	while (!s->todo.first && !s->stop && !s->retain_days)
		if (pthread_cond_clockwait(&s->some, &s->lock, CLOCK_MONOTONIC, &until))
			break;
	s->idle = false;
}

void *sonde_writer_main(void *store)
{
	struct sonde_store *s = store;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		wait_for_work(s);
		struct sonde_job *list = sonde_queue_take(&s->todo);
		unsigned days = s->retain_days;
		bool stop = s->stop;
		s->retain_days = 0;
		pthread_mutex_unlock(&s->lock);
		run_list(s, list);
		if (days)
			run_retain(s, days);
		if (stop && !list)
			return NULL;
		if (!s->dead)
			tick(s);
	}
}
