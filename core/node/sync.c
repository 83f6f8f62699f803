/* SPDX-License-Identifier: Apache-2.0 */
/* The group committer: one worker job at a time on libuv's pool. Owns its timer and job; borrows
 * spool and journal, which must outlive it. The spool is written before the journal, so that a
 * finished attempt in the journal always has its result. */
#include "node/sync.h"

#include <stdlib.h>

#include "base/log.h"

enum {
	GROUP_MS = 5,
	GROUP_RECORDS = 256,
	RETRY_MS = 1000,
};

struct sonde_sync {
	uv_timer_t timer;
	uv_work_t work;
	struct sonde_spool *spool;
	struct sonde_journal *journal;
	struct sonde_sync_events events;
	void *arg;
	struct sonde_spool_group *spool_group;
	struct sonde_journal_group *journal_group;
	uint64_t asked, staged, done; /* tickets */
	uint64_t last_ms;
	bool partial; /* records were left behind by the last staging */
	bool working, failed, closing, timer_closed;
};

static void on_timer(uv_timer_t *timer);

static void free_when_over(struct sonde_sync *s)
{
	if (s->closing && s->timer_closed && !s->working)
		free(s);
}

static void arm(struct sonde_sync *s)
{
	uint64_t now = uv_now(s->timer.loop), due = s->last_ms + GROUP_MS;

	if (s->working || s->failed || s->closing)
		return;
	if (sonde_spool_pending(s->spool) >= GROUP_RECORDS)
		due = now;
	uv_timer_start(&s->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_work(uv_work_t *work)
{
	struct sonde_sync *s = work->data;

	if (s->spool_group)
		sonde_spool_write(s->spool_group);
	if (s->journal_group)
		sonde_journal_write(s->journal_group);
}

static void on_done(uv_work_t *work, int status)
{
	struct sonde_sync *s = work->data;
	int spool = SONDE_OK, journal = SONDE_OK;

	s->working = false;
	if (s->spool_group)
		spool = sonde_spool_commit(s->spool, s->spool_group);
	if (s->journal_group)
		journal = sonde_journal_commit(s->journal, s->journal_group);
	if (s->closing) {
		free_when_over(s);
		return;
	}
	if (spool == SONDE_EIO || journal == SONDE_EIO) {
		s->failed = true;
		s->events.fatal(s->arg);
		return;
	}
	if (spool || journal || (s->partial && !s->spool_group)) {
		uv_timer_start(&s->timer, on_timer, RETRY_MS, 0);
		return;
	}
	if (!s->partial)
		s->done = s->staged;
	if (s->asked > s->done)
		arm(s);
	s->events.synced(s->arg, s->done);
}

static void on_timer(uv_timer_t *timer)
{
	struct sonde_sync *s = timer->data;

	if (s->working)
		return;
	s->staged = s->asked;
	s->spool_group = sonde_spool_stage(s->spool);
	/* A group that failed before comes alone; what came after it is for the next one. */
	s->partial = sonde_spool_pending(s->spool) > 0;
	s->journal_group = sonde_journal_stage(s->journal);
	s->last_ms = uv_now(timer->loop);
	s->working = true;
	s->work.data = s;
	if (uv_queue_work(timer->loop, &s->work, on_work, on_done)) {
		on_work(&s->work);
		on_done(&s->work, 0);
	}
}

int sonde_sync_new(uv_loop_t *loop, struct sonde_spool *spool, struct sonde_journal *journal,
                   const struct sonde_sync_events *events, void *arg, struct sonde_sync **out)
{
	struct sonde_sync *s = calloc(1, sizeof(*s));

	if (!s)
		return SONDE_ENOMEM;
	s->spool = spool;
	s->journal = journal;
	s->events = *events;
	s->arg = arg;
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	*out = s;
	return SONDE_OK;
}

uint64_t sonde_sync_request(struct sonde_sync *s)
{
	s->asked++;
	if (!uv_is_active((uv_handle_t *)&s->timer) ||
	    sonde_spool_pending(s->spool) == GROUP_RECORDS)
		arm(s);
	return s->asked;
}

bool sonde_sync_idle(const struct sonde_sync *s)
{
	return s->failed || (!s->working && s->done == s->asked);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct sonde_sync *s = handle->data;

	s->timer_closed = true;
	free_when_over(s);
}

void sonde_sync_close(struct sonde_sync *s)
{
	if (!s)
		return;
	s->closing = true;
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
