/* SPDX-License-Identifier: Apache-2.0 */
/* Supervision: the tasks on their way to a runner, what is overdue, start and end. Owns the jobs;
 * the runner processes are super_runner.c's. */
#include "node/super.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/super_private.h"

enum {
	SILENCE_MS = 5000,
	TICK_MS = 250,
	OVERDUE_MS = 10000, /* over its timeout, after which a task is given up */
	QUIT_MS = 1000,
	BATCH = 64,
	BATCH_BYTES = 1 << 20,
};

void sonde_super_end_job(struct sonde_super *s, struct sonde_job *job, unsigned failure,
                         const char *why)
{
	int64_t took = job->first_ns ? sonde_boottime_ns() - job->first_ns : 0;
	struct sonde_msg_result r = {
		.measurement = job->key.measurement, .task = job->key.task,
		.attempt = job->key.attempt, .failure = failure, .started_ms = job->wall_ms,
		.took_us = took / 1000, .why = { why, strlen(why) }, .body = SONDE_TEXT("{}"),
	};

	if (job->runner)
		job->runner->jobs--;
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
		sonde_super_end_job(s, job, SONDE_FAIL_PLUGIN_MISSING,
		                    "the plugin is disabled: it crashed too often");
		return true;
	}
	if (now <= until)
		return false;
	if (job->first_ns)
		sonde_super_end_job(s, job, SONDE_FAIL_CRASHED,
		                    "the runner died and there was no time left");
	else
		sonde_super_end_job(s, job, SONDE_FAIL_OVERLOAD,
		                    "the task could not be started in time");
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

	while (s->serving && s->serving->ready && (n = collect(s, jobs, tasks))) {
		struct sonde_msg m = { .kind = SONDE_MSG_TASKS, .list = { .count = n } };
		m.list.tasks = tasks;
		if (sonde_child_send(s->serving->child, &m))
			return;
		for (unsigned i = 0; i < n; i++) {
			sonde_jobs_run(&s->jobs, jobs[i]);
			jobs[i]->runner = s->serving;
		}
		s->serving->jobs += n;
	}
}

int sonde_super_submit(struct sonde_super *s, const struct sonde_msg_task *task)
{
	struct sonde_job *job;

	return sonde_jobs_add(&s->jobs, task, &job);
}

static void send_cancel(const struct sonde_job *job)
{
	struct sonde_msg_task task = job->task;
	struct sonde_msg m = { .kind = SONDE_MSG_CANCEL, .list = { .count = 1 } };

	m.list.tasks = &task;
	if (job->runner)
		sonde_child_send(job->runner->child, &m);
}

void sonde_super_cancel(struct sonde_super *s, const struct sonde_task_key *key)
{
	struct sonde_job *job = sonde_jobs_find(&s->jobs, key);

	if (!job || job->cancelled)
		return;
	job->cancelled = true;
	if (job->sent_ns)
		send_cancel(job);
	else
		sonde_super_end_job(s, job, SONDE_FAIL_CANCELLED, "cancelled before it started");
}

void sonde_super_abandon(struct sonde_super *s, unsigned failure, const char *why)
{
	while (s->jobs.waiting.first)
		sonde_super_end_job(s, s->jobs.waiting.first, failure, why);
	while (s->jobs.running.first) {
		send_cancel(s->jobs.running.first);
		sonde_super_end_job(s, s->jobs.running.first, failure, why);
	}
}

/* -------- time -------- */

static void on_tick(uv_timer_t *timer)
{
	struct sonde_super *s = timer->data;
	int64_t now = sonde_boottime_ns();

	sonde_super_watch(s, now);
	for (struct sonde_job *job = s->jobs.running.first, *next; job; job = next) {
		next = job->next;
		if (now - job->sent_ns <= (job->task.timeout_ms + OVERDUE_MS) * SONDE_NS_PER_MS)
			continue;
		send_cancel(job);
		sonde_super_end_job(s, job, SONDE_FAIL_INTERNAL,
		                    "the runner gave no outcome in time");
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
	s->pause_ms = SONDE_PAUSE_MS;
	s->handles = 2;
	sonde_buf_init(&s->types, SONDE_MSG_MAX);
	sonde_buf_add(&s->types, options->types.s, options->types.len);
	sonde_jobs_init(&s->jobs);
	uv_timer_init(loop, &s->tick);
	uv_timer_init(loop, &s->respawn);
	s->tick.data = s->respawn.data = s;
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	sonde_super_start(s);
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
	if (s->serving)
		sonde_child_kill(s->serving->child);
}

bool sonde_super_is_ready(const struct sonde_super *s)
{
	return s->serving && s->serving->ready;
}

static void free_when_closed(struct sonde_super *s)
{
	if (s->handles || s->runners)
		return;
	sonde_jobs_deinit(&s->jobs);
	sonde_buf_deinit(&s->types);
	if (s->done)
		s->done(s->done_arg);
	free(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_super *s = handle->data;

	s->handles--;
	free_when_closed(s);
}

static void on_quit_late(uv_timer_t *timer)
{
	sonde_super_kill_all(timer->data);
	uv_close((uv_handle_t *)timer, on_closed);
}

void sonde_super_on_end(struct sonde_super *s)
{
	if (!s->runners && !uv_is_closing((uv_handle_t *)&s->respawn))
		uv_timer_start(&s->respawn, on_quit_late, 0, 0);
	free_when_closed(s);
}

void sonde_super_close(struct sonde_super *s, void (*done)(void *), void *arg)
{
	s->closing = true;
	s->done = done;
	s->done_arg = arg;
	uv_close((uv_handle_t *)&s->tick, on_closed);
	sonde_super_quit_all(s);
	uv_timer_start(&s->respawn, on_quit_late, s->runners ? QUIT_MS : 0, 0);
}
