/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a probe. Owns the run, its pool and its texts until the outcome is in the channel.
 * Refuses tasks of unknown types, over the limit, out of date, or with options that do not fit;
 * each refusal is an outcome too. */
#include "runner/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

enum { DEFAULT_TIMEOUT_MS = 10000 };
#define GRACE_NS SONDE_NS_PER_S

static const struct sonde_text no_body = { "{}", 2 };

static struct sonde_task_key key_of(const struct sonde_msg_task *t)
{
	return (struct sonde_task_key){ t->measurement, t->task, t->attempt };
}

/* False when the channel has no room. */
static bool put_outcome(struct sonde_runner *r, const struct sonde_msg_result *outcome)
{
	struct sonde_msg m = { .kind = SONDE_MSG_OUTCOME, .outcome = *outcome };

	return sonde_channel_put(&r->channel, &m);
}

static struct sonde_text text_of(const char *s)
{
	return (struct sonde_text){ s, strlen(s) };
}

static bool send_outcome(struct sonde_run *run)
{
	struct sonde_msg_result o = {
		.measurement = run->key.measurement,
		.task = run->key.task,
		.attempt = run->key.attempt,
		.started_ms = run->started_ms,
		.took_us = run->took_ns / 1000,
		.failure = run->failure,
		.why = text_of(run->why),
		.body = no_body,
	};

	if (sonde_channel_unsent(&run->runner->channel) > SONDE_OUT_HIGH)
		return false;
	if (run->result.body.max)
		o.body.s = sonde_result_end(&run->result, &o.body.len);
	if (run->result.broken && run->failure <= SONDE_FAIL_ASSERTION) {
		snprintf(run->why, sizeof(run->why), "the plugin %s wrote a broken result: %s",
		         run->plug->desc.name, run->result.broken);
		o.failure = SONDE_FAIL_INTERNAL;
		o.why = text_of(run->why);
	}
	SONDE_EDGE("runner.result_made");
	if (put_outcome(run->runner, &o))
		return true;
	/* Room for any message was asked for above, so this one is too large in itself. */
	o.failure = SONDE_FAIL_INTERNAL;
	o.why = text_of("the result is too large");
	o.body = no_body;
	return put_outcome(run->runner, &o);
}

static void free_run(struct sonde_run *run)
{
	sonde_result_deinit(&run->result);
	sonde_pool_deinit(&run->pool);
	sonde_given_drop(run->given);
	free(run);
}

/* The outcome waits where the channel is full: the run is kept and still counts as active. */
static void conclude(struct sonde_run *run)
{
	struct sonde_runner *r = run->runner;

	if (TAILQ_EMPTY(&r->waiting) && send_outcome(run)) {
		r->active--;
		free_run(run);
		return;
	}
	TAILQ_INSERT_TAIL(&r->waiting, run, link);
}

static void stop_everything(struct sonde_run *run)
{
	struct sonde_poller *p = &run->runner->poller;
	struct sonde_timer *t;
	struct sonde_watch *w;
	struct sonde_naming *n;

	LIST_FOREACH(t, &run->timers, link)
		sonde_poller_disarm(p, &t->alarm);
	LIST_FOREACH(w, &run->watches, link) {
		sonde_pace_forget(&run->runner->pace, w);
		sonde_poller_unwatch(p, &w->watch);
	}
	sonde_poller_disarm(p, &run->deadline);
	if (run->lookup)
		sonde_lookup_stop(run->lookup);
	run->lookup = NULL;
	LIST_FOREACH(n, &run->namings, link)
		sonde_names_stop(&n->wait);
	if (run->talking)
		TAILQ_REMOVE(&run->runner->talking, run, talk);
	run->talking = false;
}

/* A sentence that is not UTF-8 (a cut letter, bytes of a target) loses what is not ASCII. */
static void tidy(char *text)
{
	char quoted[sizeof(((struct sonde_run *)0)->why) + 2];
	size_t n = strlen(text);

	quoted[0] = quoted[n + 1] = '"';
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < 0x20)
			text[i] = ' ';
		quoted[i + 1] = text[i] == '"' || text[i] == '\\' ? ' ' : text[i];
	}
	if (sonde_json_valid(quoted, n + 2, false))
		return;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
}

void sonde_run_over(struct sonde_run *run, enum sonde_failure failure, const char *why)
{
	if (run->over)
		return;
	run->over = true;
	run->took_ns = sonde_boottime_ns() - run->started_ns;
	run->failure = failure > SONDE_FAIL_INTERNAL ? SONDE_FAIL_INTERNAL : failure;
	if (why && *why) {
		snprintf(run->why, sizeof(run->why), "%s", why);
		tidy(run->why);
	}
	stop_everything(run);
}

void sonde_run_enter(struct sonde_run *run)
{
	struct sonde_blame *b = run->runner->blame;

	if (run->inside++)
		return;
	b->measurement = run->key.measurement;
	b->task = run->key.task;
	b->attempt = run->key.attempt;
	__atomic_store_n(&b->active, 1, __ATOMIC_RELEASE);
}

static void leave(struct sonde_run *run)
{
	if (!--run->inside)
		__atomic_store_n(&run->runner->blame->active, 0, __ATOMIC_RELEASE);
}

static void end_run(struct sonde_run *run)
{
	struct sonde_runner *r = run->runner;

	sonde_run_enter(run);
	run->plug->desc.finish(&run->probe);
	leave(run);
	/* Taken back is taken back, whatever the plugin made of it. */
	if (run->cancelled && run->why_cancelled != SONDE_WHY_TIMEOUT) {
		run->failure = SONDE_FAIL_CANCELLED;
		if (!run->why[0])
			snprintf(run->why, sizeof(run->why), "%s",
			         run->why_cancelled == SONDE_WHY_SHUTDOWN
			                 ? "the node was going away"
			                 : "it was cancelled");
	}
	TAILQ_REMOVE(&r->running, run, link);
	sonde_map_take(&r->by_key, &run->key, sizeof(run->key));
	conclude(run);
}

void sonde_run_leave(struct sonde_run *run)
{
	leave(run);
	if (!run->inside && run->over)
		end_run(run);
}

static struct sonde_run *run_of_deadline(struct sonde_alarm *a)
{
	return (struct sonde_run *)((char *)a - offsetof(struct sonde_run, deadline));
}

static void on_grace_over(struct sonde_alarm *a)
{
	struct sonde_run *run = run_of_deadline(a);

	sonde_run_over(run, SONDE_FAIL_TIMEOUT,
	               "the probe did not end within a second after it was told to");
	end_run(run);
}

static void ask_to_end(struct sonde_run *run, enum sonde_why why)
{
	if (run->over || run->cancelled)
		return;
	run->cancelled = true;
	run->why_cancelled = why;
	int64_t until = sonde_boottime_ns() + GRACE_NS;
	sonde_poller_alarm(&run->runner->poller, &run->deadline, until, on_grace_over);
	sonde_run_enter(run);
	run->plug->desc.cancel(&run->probe, why);
	sonde_run_leave(run);
}

static void on_deadline(struct sonde_alarm *a)
{
	ask_to_end(run_of_deadline(a), SONDE_WHY_TIMEOUT);
}

static const char *refuse_text(char *out, size_t size, const struct sonde_error *e)
{
	snprintf(out, size, "%s%s%s", e->path, e->path[0] ? " " : "", e->text);
	return out;
}

static int fill_args(struct sonde_run *run, const struct sonde_msg_task *t, struct sonde_error *e)
{
	const struct sonde_plugin *d = &run->plug->desc;
	void *args = sonde_pool_alloc(&run->pool, d->args_size + 1);

	run->probe.state = sonde_pool_alloc(&run->pool, d->state_size + 1);
	run->probe.target = sonde_pool_strndup(&run->pool, t->target.s, t->target.len);
	run->probe.args = args;
	if (!args || !run->probe.state || !run->probe.target)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	if (strlen(run->probe.target) != t->target.len)
		return sonde_fail(e, SONDE_EINVAL, "target", "must not contain a zero byte");
	int status = sonde_given_hold(run->runner, run->plug, t->options, &run->given, e);
	if (status)
		return status;
	memcpy(args, sonde_given_args(run->given), d->args_size);
	return d->check && d->check(args, run->probe.target, e) ? SONDE_EINVAL : SONDE_OK;
}

static struct sonde_run *new_run(struct sonde_runner *r, const struct sonde_plug *plug,
                                 const struct sonde_msg_task *t)
{
	struct sonde_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->runner = r;
	run->plug = plug;
	run->key = key_of(t);
	run->progress = t->progress;
	run->started_ms = sonde_wall_ms();
	run->started_ns = sonde_boottime_ns();
	sonde_pool_init(&run->pool, SONDE_PROBE_MEMORY);
	sonde_result_init(&run->result, SONDE_RESULT_MAX, SONDE_RAW_MAX);
	LIST_INIT(&run->timers);
	LIST_INIT(&run->watches);
	LIST_INIT(&run->old_timers);
	LIST_INIT(&run->old_watches);
	LIST_INIT(&run->namings);
	LIST_INIT(&run->old_namings);
	uint32_t timeout_ms = t->timeout_ms ? t->timeout_ms : DEFAULT_TIMEOUT_MS;
	run->probe.host = &sonde_runner_host;
	run->probe.timeout_ns = timeout_ms * SONDE_NS_PER_MS;
	run->probe.ip_version = t->ip_version == 4 || t->ip_version == 6 ? t->ip_version : 0;
	return run;
}

/* A task that never became a probe: its outcome only. */
static void refuse(struct sonde_runner *r, const struct sonde_msg_task *t,
                   enum sonde_failure failure, const char *why)
{
	struct sonde_run *run = calloc(1, sizeof(*run));

	if (!run) {
		sonde_log(SONDE_LOG_ERROR, "runner", "out of memory: a task was lost");
		return;
	}
	run->runner = r;
	run->key = key_of(t);
	run->started_ms = sonde_wall_ms();
	run->failure = failure;
	snprintf(run->why, sizeof(run->why), "%s", why);
	tidy(run->why);
	r->active++;
	conclude(run);
}

/* For a probe that never started: finish() is not called. */
static void abandon(struct sonde_run *run, enum sonde_failure failure, const char *why)
{
	run->over = false;
	sonde_run_over(run, failure, why);
	TAILQ_REMOVE(&run->runner->running, run, link);
	sonde_map_take(&run->runner->by_key, &run->key, sizeof(run->key));
	conclude(run);
}

static void launch(struct sonde_run *run)
{
	struct sonde_runner *r = run->runner;
	const struct sonde_plugin *d = &run->plug->desc;

	r->active++;
	TAILQ_INSERT_TAIL(&r->running, run, link);
	run->started_ns = sonde_boottime_ns();
	if (sonde_poller_alarm(&r->poller, &run->deadline,
	                       run->started_ns + run->probe.timeout_ns, on_deadline)) {
		abandon(run, SONDE_FAIL_OVERLOAD, "the runner is out of memory");
		return;
	}
	sonde_run_enter(run);
	if (!d->start(&run->probe)) {
		SONDE_EDGE("runner.probe_started");
		sonde_run_leave(run);
		return;
	}
	leave(run);
	abandon(run, SONDE_FAIL_INTERNAL, "the plugin could not start the probe");
}

static void start_checked(struct sonde_runner *r, const struct sonde_plug *plug,
                          const struct sonde_msg_task *t)
{
	struct sonde_run *run = new_run(r, plug, t);
	struct sonde_error e = { 0 };
	char why[400];

	if (!run) {
		refuse(r, t, SONDE_FAIL_OVERLOAD, "the runner is out of memory");
		return;
	}
	sonde_run_enter(run);
	int status = fill_args(run, t, &e);
	leave(run);
	if (status == SONDE_OK)
		status = sonde_map_put(&r->by_key, &run->key, sizeof(run->key), run);
	if (status == SONDE_OK) {
		launch(run);
		return;
	}
	free_run(run);
	if (!e.text[0])
		snprintf(e.text, sizeof(e.text), "the options were refused without a reason");
	refuse(r, t, status == SONDE_ENOMEM ? SONDE_FAIL_OVERLOAD : SONDE_FAIL_INTERNAL,
	       refuse_text(why, sizeof(why), &e));
}

void sonde_run_start(struct sonde_runner *r, const struct sonde_msg_task *t, int64_t came_ns)
{
	const struct sonde_plug *plug = sonde_plugset_find(r->plugs, t->type.s, t->type.len);
	struct sonde_task_key key = key_of(t);

	if (sonde_map_get(&r->by_key, &key, sizeof(key)))
		return; /* sent twice; the one that runs will answer */
	if (!plug)
		refuse(r, t, SONDE_FAIL_PLUGIN_MISSING, "this node has no such plugin");
	else if (r->quitting)
		refuse(r, t, SONDE_FAIL_OVERLOAD, "the runner is ending");
	else if (r->active >= r->limit)
		refuse(r, t, SONDE_FAIL_OVERLOAD, "too many probes run at once on this node");
	else if (t->valid_ms &&
	         sonde_boottime_ns() - came_ns > t->valid_ms * SONDE_NS_PER_MS)
		refuse(r, t, SONDE_FAIL_OVERLOAD, "the task waited longer than it is valid");
	else
		start_checked(r, plug, t);
}

void sonde_run_cancel(struct sonde_runner *r, const struct sonde_msg_task *t, enum sonde_why why)
{
	struct sonde_task_key key = key_of(t);
	struct sonde_run *run = sonde_map_get(&r->by_key, &key, sizeof(key));

	if (run)
		ask_to_end(run, why);
}

void sonde_run_cancel_all(struct sonde_runner *r, enum sonde_why why)
{
	struct sonde_run *run = TAILQ_FIRST(&r->running), *next;

	for (; run; run = next) {
		next = TAILQ_NEXT(run, link);
		ask_to_end(run, why);
	}
}

void sonde_run_talk(struct sonde_run *run)
{
	if (!run->progress || run->talking)
		return;
	run->talking = true;
	TAILQ_INSERT_TAIL(&run->runner->talking, run, talk);
}

/* Length of text up to `max` that does not cut a UTF-8 sequence. */
static size_t whole_letters(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static bool tell(struct sonde_run *run)
{
	enum { AT_ONCE = 16 << 10 };
	const char *text = run->result.raw.data + run->told;
	size_t len = whole_letters(text, run->result.raw.len - run->told, AT_ONCE);
	struct sonde_msg m = {
		.kind = SONDE_MSG_PROGRESS,
		.progress = { run->key.measurement, run->key.task, run->key.attempt,
		              { text, len } },
	};

	if (sonde_channel_unsent(&run->runner->channel) > SONDE_OUT_HIGH / 4 ||
	    !sonde_channel_put(&run->runner->channel, &m))
		return false;
	run->told += len;
	return true;
}

void sonde_run_flush(struct sonde_runner *r)
{
	struct sonde_run *run;

	while ((run = TAILQ_FIRST(&r->waiting)) && send_outcome(run)) {
		TAILQ_REMOVE(&r->waiting, run, link);
		r->active--;
		free_run(run);
	}
	while ((run = TAILQ_FIRST(&r->talking)) && tell(run)) {
		if (run->told < run->result.raw.len)
			continue;
		run->talking = false;
		TAILQ_REMOVE(&r->talking, run, talk);
	}
}

void sonde_run_free_all(struct sonde_runner *r)
{
	struct sonde_run *run;

	while ((run = TAILQ_FIRST(&r->running))) {
		sonde_run_over(run, SONDE_FAIL_CANCELLED, NULL);
		sonde_run_enter(run);
		run->plug->desc.finish(&run->probe);
		leave(run);
		TAILQ_REMOVE(&r->running, run, link);
		free_run(run);
	}
	while ((run = TAILQ_FIRST(&r->waiting))) {
		TAILQ_REMOVE(&r->waiting, run, link);
		free_run(run);
	}
	r->active = 0;
}
