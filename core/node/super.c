/* SPDX-License-Identifier: Apache-2.0 */
/* Supervision of the runner. Owns the child and the jobs.
 *
 * The runner's life: started -> (first ready) ready -> gone -> started. A runner that was ready is
 * replaced at once, one that never was after a growing pause. Every message is a sign of life, and a
 * ready comes each second; silence kills, because a plugin that spins holds the only thread.
 *
 * Blame: when a runner dies, the blame page says whose code ran. That task ends as crashed. The
 * others are given to the next runner, a few times when somebody was to blame, once when nobody
 * was: then they are all suspect the second time. */
#include "node/super.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/crashes.h"

enum {
	SILENCE_MS = 5000,
	TICK_MS = 250,
	OVERDUE_MS = 10000, /* over its timeout, after which a task is given up */
	PAUSE_MS = 100,
	PAUSE_MAX_MS = 5000,
	QUIT_MS = 1000,
	BATCH = 64,
	BATCH_BYTES = 1 << 20,
	RERUNS_BLAMED = 4,
	RERUNS_UNKNOWN = 1,
};

struct sonde_super {
	uv_loop_t *loop;
	uv_timer_t tick, respawn;
	struct sonde_super_options options;
	struct sonde_super_events events;
	void *arg;
	struct sonde_child *child;
	bool ready, silent, closing;
	int64_t seen_ns;
	unsigned pause_ms, handles;
	struct sonde_jobs jobs;
	struct sonde_crashes crashes;
	void (*done)(void *);
	void *done_arg;
};

static void start(struct sonde_super *s);

static void end_job(struct sonde_super *s, struct sonde_job *job, unsigned failure, const char *why)
{
	int64_t took = job->first_ns ? sonde_boottime_ns() - job->first_ns : 0;
	struct sonde_msg_result r = {
		.measurement = job->key.measurement, .task = job->key.task,
		.attempt = job->key.attempt, .failure = failure, .started_ms = job->wall_ms,
		.took_us = took / 1000, .why = { why, strlen(why) }, .body = SONDE_TEXT("{}"),
	};

	sonde_jobs_remove(&s->jobs, job);
	s->events.outcome(s->arg, &r);
}

/* -------- to the runner -------- */

/* Ends a waiting job that must not start any more; true when it did. */
static bool too_late(struct sonde_super *s, struct sonde_job *job, int64_t now)
{
	uint32_t valid = job->task.valid_ms ? job->task.valid_ms : job->task.timeout_ms;
	int64_t until = job->first_ns ? job->first_ns + job->task.timeout_ms * SONDE_NS_PER_MS :
	                                job->came_ns + valid * SONDE_NS_PER_MS;

	if (sonde_crashes_left(&s->crashes, job->task.type, now)) {
		end_job(s, job, SONDE_FAIL_PLUGIN_MISSING,
		        "the plugin is disabled: it crashed too often");
		return true;
	}
	if (now <= until)
		return false;
	if (job->first_ns)
		end_job(s, job, SONDE_FAIL_CRASHED, "the runner died and there was no time left");
	else
		end_job(s, job, SONDE_FAIL_OVERLOAD, "the task could not be started in time");
	return true;
}

static unsigned collect(struct sonde_super *s, struct sonde_job **jobs,
                        struct sonde_msg_task *tasks)
{
	int64_t now = sonde_boottime_ns();
	size_t bytes = 0;
	unsigned n = 0;

	for (struct sonde_job *job = s->jobs.waiting.first, *next; job; job = next) {
		next = job->next;
		if (too_late(s, job, now))
			continue;
		bytes += job->task.target.len + job->task.options.len;
		if (n == BATCH || (n && bytes > BATCH_BYTES))
			break;
		jobs[n] = job;
		tasks[n++] = job->task;
	}
	return n;
}

void sonde_super_flush(struct sonde_super *s)
{
	struct sonde_job *jobs[BATCH];
	struct sonde_msg_task tasks[BATCH];
	unsigned n;

	while (s->child && s->ready && (n = collect(s, jobs, tasks))) {
		struct sonde_msg m = { .kind = SONDE_MSG_TASKS, .list = { .count = n } };
		m.list.tasks = tasks;
		if (sonde_child_send(s->child, &m))
			return;
		for (unsigned i = 0; i < n; i++)
			sonde_jobs_run(&s->jobs, jobs[i]);
	}
}

int sonde_super_submit(struct sonde_super *s, const struct sonde_msg_task *task)
{
	struct sonde_job *job;

	return sonde_jobs_add(&s->jobs, task, &job);
}

static void send_cancel(struct sonde_super *s, const struct sonde_job *job)
{
	struct sonde_msg_task task = job->task;
	struct sonde_msg m = { .kind = SONDE_MSG_CANCEL, .list = { .count = 1 } };

	m.list.tasks = &task;
	if (s->child)
		sonde_child_send(s->child, &m);
}

void sonde_super_cancel(struct sonde_super *s, const struct sonde_task_key *key)
{
	struct sonde_job *job = sonde_jobs_find(&s->jobs, key);

	if (!job || job->cancelled)
		return;
	job->cancelled = true;
	if (job->sent_ns)
		send_cancel(s, job);
	else
		end_job(s, job, SONDE_FAIL_CANCELLED, "cancelled before it started");
}

void sonde_super_abandon(struct sonde_super *s, unsigned failure, const char *why)
{
	while (s->jobs.waiting.first)
		end_job(s, s->jobs.waiting.first, failure, why);
	while (s->jobs.running.first) {
		send_cancel(s, s->jobs.running.first);
		end_job(s, s->jobs.running.first, failure, why);
	}
}

/* -------- from the runner -------- */

static void on_outcome(struct sonde_super *s, const struct sonde_msg_result *r)
{
	struct sonde_task_key key = { r->measurement, r->task, r->attempt };
	struct sonde_job *job = sonde_jobs_find(&s->jobs, &key);

	if (!job) {
		sonde_log(SONDE_LOG_DEBUG, "runner", "an outcome of a task that is over already");
		return;
	}
	sonde_jobs_remove(&s->jobs, job);
	s->events.outcome(s->arg, r);
}

static void on_message(struct sonde_child *child, void *arg, const struct sonde_msg *m)
{
	struct sonde_super *s = arg;

	s->seen_ns = sonde_boottime_ns();
	if (s->closing)
		return;
	switch (m->kind) {
	case SONDE_MSG_READY:
		if (!s->ready) {
			s->ready = true;
			s->pause_ms = PAUSE_MS;
			sonde_super_flush(s);
		}
		break;
	case SONDE_MSG_OUTCOME:
		on_outcome(s, &m->outcome);
		break;
	case SONDE_MSG_PROGRESS:
		s->events.progress(s->arg, m);
		break;
	default:
		sonde_log(SONDE_LOG_WARN, "runner", "a message that a runner must not send");
		sonde_child_kill(child);
	}
}

static void blame_one(struct sonde_super *s, struct sonde_job *job, const char *how)
{
	char why[192];

	snprintf(why, sizeof(why), "the runner %s while this probe's code ran", how);
	if (sonde_crashes_note(&s->crashes, job->task.type, sonde_boottime_ns()))
		sonde_log(SONDE_LOG_ERROR, "runner", "plugin %.*s crashed %d times within a minute: "
		          "disabled for %lld s", (int)job->task.type.len, job->task.type.s,
		          SONDE_CRASH_LIMIT,
		          (long long)sonde_crashes_left(&s->crashes, job->task.type,
		                                        sonde_boottime_ns()));
	end_job(s, job, SONDE_FAIL_CRASHED, why);
}

static void sort_jobs(struct sonde_super *s, const char *how, const struct sonde_blame *blame)
{
	struct sonde_task_key key = { blame->measurement, blame->task, blame->attempt };
	struct sonde_job *guilty = blame->active ? sonde_jobs_find(&s->jobs, &key) : NULL;
	unsigned limit = guilty ? RERUNS_BLAMED : RERUNS_UNKNOWN;
	char why[160];

	snprintf(why, sizeof(why), "the runner %s", how);
	if (guilty && guilty->sent_ns)
		blame_one(s, guilty, how);
	for (struct sonde_job *job = s->jobs.running.first, *next; job; job = next) {
		next = job->next;
		if (job->cancelled)
			end_job(s, job, SONDE_FAIL_CANCELLED, "cancelled");
		else if (job->reruns++ < limit)
			sonde_jobs_wait(&s->jobs, job);
		else
			end_job(s, job, SONDE_FAIL_CRASHED, why);
	}
}

static void free_when_closed(struct sonde_super *s)
{
	if (s->handles || s->child)
		return;
	sonde_jobs_deinit(&s->jobs);
	if (s->done)
		s->done(s->done_arg);
	free(s);
}

static void on_quit_late(uv_timer_t *timer);

static void on_respawn(uv_timer_t *timer)
{
	start(timer->data);
}

static void start_later(struct sonde_super *s)
{
	uv_timer_start(&s->respawn, on_respawn, s->pause_ms, 0);
	s->pause_ms = s->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : s->pause_ms * 2;
}

static void on_gone(struct sonde_child *child, void *arg, const char *how,
                    const struct sonde_blame *blame)
{
	struct sonde_super *s = arg;
	bool was_ready = s->ready;

	s->child = NULL;
	s->ready = false;
	if (s->closing) {
		if (!uv_is_closing((uv_handle_t *)&s->respawn))
			uv_timer_start(&s->respawn, on_quit_late, 0, 0);
		free_when_closed(s);
		return;
	}
	if (s->silent)
		how = "did not go on and had to be killed";
	sonde_log(SONDE_LOG_ERROR, "runner", "the runner %s; %u tasks were running", how,
	          s->jobs.running.count);
	/* Started first: what is given up below may bring new work. */
	if (was_ready)
		start(s);
	else
		start_later(s);
	sort_jobs(s, how, blame);
}

static const struct sonde_child_events child_events = { on_message, on_gone };

static void start(struct sonde_super *s)
{
	struct sonde_error e;

	s->silent = s->ready = false;
	s->seen_ns = sonde_boottime_ns();
	if (!sonde_child_start(s->loop, &s->options.child, &child_events, s, &s->child, &e))
		return;
	s->child = NULL;
	sonde_log(SONDE_LOG_ERROR, "runner", "%s", e.text);
	start_later(s);
}

/* -------- time -------- */

static void on_tick(uv_timer_t *timer)
{
	struct sonde_super *s = timer->data;
	int64_t now = sonde_boottime_ns();

	if (s->child && !s->silent &&
	    now - s->seen_ns > s->options.silence_ms * SONDE_NS_PER_MS) {
		sonde_log(SONDE_LOG_ERROR, "runner", "no sign of life for %u ms: killed",
		          s->options.silence_ms);
		s->silent = true;
		sonde_child_kill(s->child);
	}
	for (struct sonde_job *job = s->jobs.running.first, *next; job; job = next) {
		next = job->next;
		if (now - job->sent_ns <= (job->task.timeout_ms + OVERDUE_MS) * SONDE_NS_PER_MS)
			continue;
		send_cancel(s, job);
		end_job(s, job, SONDE_FAIL_INTERNAL, "the runner gave no outcome in time");
	}
	for (struct sonde_job *job = s->jobs.waiting.first, *next; job; job = next) {
		next = job->next;
		too_late(s, job, now);
	}
	sonde_super_flush(s);
}

/* -------- life -------- */

int sonde_super_new(uv_loop_t *loop, const struct sonde_super_options *options,
                    const struct sonde_super_events *events, void *arg, struct sonde_super **out)
{
	struct sonde_super *s = calloc(1, sizeof(*s));

	if (!s)
		return SONDE_ENOMEM;
	s->loop = loop;
	s->options = *options;
	if (!s->options.silence_ms)
		s->options.silence_ms = SILENCE_MS;
	s->events = *events;
	s->arg = arg;
	s->pause_ms = PAUSE_MS;
	s->handles = 2;
	sonde_jobs_init(&s->jobs);
	uv_timer_init(loop, &s->tick);
	uv_timer_init(loop, &s->respawn);
	s->tick.data = s->respawn.data = s;
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	start(s);
	*out = s;
	return SONDE_OK;
}

int64_t sonde_super_disabled(const struct sonde_super *s, struct sonde_text type)
{
	return sonde_crashes_left(&s->crashes, type, sonde_boottime_ns());
}

const struct sonde_jobs *sonde_super_jobs(const struct sonde_super *s)
{
	return &s->jobs;
}

void sonde_super_restart(struct sonde_super *s)
{
	if (s->child)
		sonde_child_kill(s->child);
}

bool sonde_super_is_ready(const struct sonde_super *s)
{
	return s->child && s->ready;
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_super *s = handle->data;

	s->handles--;
	free_when_closed(s);
}

static void on_quit_late(uv_timer_t *timer)
{
	struct sonde_super *s = timer->data;

	if (s->child)
		sonde_child_kill(s->child);
	uv_close((uv_handle_t *)timer, on_closed);
}

void sonde_super_close(struct sonde_super *s, void (*done)(void *), void *arg)
{
	struct sonde_msg quit = { .kind = SONDE_MSG_QUIT };

	s->closing = true;
	s->done = done;
	s->done_arg = arg;
	uv_close((uv_handle_t *)&s->tick, on_closed);
	if (s->child && sonde_child_send(s->child, &quit))
		sonde_child_kill(s->child);
	uv_timer_start(&s->respawn, on_quit_late, s->child ? QUIT_MS : 0, 0);
}
