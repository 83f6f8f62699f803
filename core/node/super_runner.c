/* SPDX-License-Identifier: Apache-2.0 */
/* The runner processes. Owns the list of them, each with its child.
 *
 * A runner's life: started -> (first ready) ready -> gone. The one that serves is started again: at
 * once when it was ready, after a growing pause when it never was. Every message is a sign of life,
 * and a ready comes each second; silence kills, because a plugin that spins holds the only thread.
 *
 * Reload: a second runner is started (coming) and says first what its plugins are. When that is
 * good, it serves from its first ready on, and the other one is told to quit: messages keep
 * their order, so that it finishes all it was given (leaving). It ends by itself, or is killed when it has
 * nothing left to do and stays. A runner that says with ready that it is spoilt (a plugin leaks) is
 * replaced in the same way.
 *
 * Blame: when a runner dies, the blame page says whose code ran. That task ends as crashed, and the
 * others are given to the next runner, a few times. When nobody's code ran, the one whose code ran
 * last is suspect (it may have closed or scribbled on what is not its own): it gets one more try.
 * When that one is over already, all are suspect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/super_private.h"
#include "node/types.h"

enum {
	START_MS = 20000, /* from the start to the first word: plugins are tried and opened */
	LEAVING_MAX = 4,
	IDLE_MS = 1000,
	RERUNS_OTHERS = 4,
	RERUNS_SUSPECT = 1,
};

static struct sonde_text text_of(const struct sonde_buf *b)
{
	return (struct sonde_text){ b->data, b->len };
}

static bool same(const struct sonde_buf *a, const struct sonde_buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

/* -------- reload -------- */

/* Disabled types are left out, so that tasks for them go elsewhere. */
static void tell_types(struct sonde_super *s, bool asked, const char *why)
{
	struct sonde_msg_types types = { text_of(&s->types), { why, strlen(why) }, asked };
	int64_t now = sonde_boottime_ns();
	struct sonde_buf b;

	sonde_buf_init(&b, SONDE_MSG_MAX);
	s->disabled_ns = sonde_crashes_next(&s->crashes, now);
	if (s->disabled_ns && !sonde_types_without(types.plugins, &s->crashes, now, &b) && !b.failed)
		types.plugins = text_of(&b);
	s->events.types(s->arg, &types);
	sonde_buf_deinit(&b);
}

static void take_types(struct sonde_super *s, const struct sonde_super_runner *r)
{
	sonde_buf_reset(&s->types);
	sonde_buf_add(&s->types, r->types.data, r->types.len);
}

static void end_reload(struct sonde_super *s, const char *why)
{
	bool asked = s->asked, again = s->again;

	s->asked = s->again = false;
	if (*why)
		sonde_log(SONDE_LOG_ERROR, "runner", "reload: %s", why);
	if (asked && !again)
		tell_types(s, true, why);
	if (again)
		sonde_super_reload(s);
}

static void retire(struct sonde_super *s)
{
	struct sonde_msg quit = { .kind = SONDE_MSG_QUIT };
	struct sonde_super_runner *old = s->serving;

	if (!old)
		return;
	old->role = SONDE_RUNNER_LEAVING;
	s->serving = NULL;
	/* One that never was ready has no task. */
	if (!old->ready || sonde_child_send(old->child, &quit))
		sonde_child_kill(old->child);
}

static void arrive(struct sonde_super_runner *r)
{
	struct sonde_super *s = r->super;
	struct sonde_error e = { 0 };

	if (sonde_types_check(text_of(&s->types), text_of(&r->types), &e)) {
		sonde_child_kill(r->child);
		s->coming = NULL;
		r->role = SONDE_RUNNER_LEAVING;
		end_reload(s, e.text);
		return;
	}
	bool changed = !same(&s->types, &r->types);
	retire(s);
	uv_timer_stop(&s->respawn);
	s->serving = r;
	s->coming = NULL;
	r->role = SONDE_RUNNER_SERVING;
	take_types(s, r);
	if (s->asked)
		memset(&s->crashes, 0, sizeof(s->crashes));
	sonde_log(SONDE_LOG_INFO, "runner", "a new runner serves %u types%s",
	          sonde_types_count(text_of(&s->types)), changed ? ", other ones" : "");
	if (changed && (!s->asked || s->again))
		tell_types(s, false, "");
	end_reload(s, "");
}

static int start_one(struct sonde_super *s, enum sonde_runner_role role,
                     struct sonde_super_runner **out, struct sonde_error *);

/* Why a runner cannot be replaced now; NULL = it can, and is being replaced. */
static const char *replace(struct sonde_super *s, struct sonde_error *e)
{
	unsigned leaving = 0;

	for (const struct sonde_super_runner *r = s->runners; r; r = r->next)
		leaving += r->role == SONDE_RUNNER_LEAVING;
	if (leaving >= LEAVING_MAX)
		return "earlier runners still have tasks to finish; try again later";
	return start_one(s, SONDE_RUNNER_COMING, &s->coming, e) ? e->text : NULL;
}

void sonde_super_reload(struct sonde_super *s)
{
	struct sonde_error e = { 0 };

	if (s->closing)
		return;
	if (s->coming) {
		s->again = true; /* the directory may have changed since it was read */
		return;
	}
	s->asked = true;
	const char *why = replace(s, &e);
	if (why)
		end_reload(s, why);
}

void sonde_super_renew(struct sonde_super *s)
{
	struct sonde_error e = { 0 };
	const char *why = s->closing || s->coming ? NULL : replace(s, &e);

	if (why)
		sonde_log(SONDE_LOG_WARN, "runner", "the runner stays: %s", why);
}

/* -------- what a runner says -------- */

static void on_types(struct sonde_super_runner *r, const struct sonde_msg_types *m)
{
	if (r->ready || r->types.len) {
		sonde_child_kill(r->child);
		return;
	}
	sonde_buf_add(&r->types, m->plugins.s, m->plugins.len);
}

static void on_ready(struct sonde_super_runner *r, struct sonde_text spoilt)
{
	struct sonde_super *s = r->super;

	if (!r->ready) {
		r->ready = true;
		s->pause_ms = SONDE_PAUSE_MS;
		if (r->role == SONDE_RUNNER_COMING) {
			arrive(r);
		} else if (r->role == SONDE_RUNNER_SERVING && r->types.len &&
		           !same(&s->types, &r->types)) {
			/* Its predecessor died after the directory had changed. */
			take_types(s, r);
			tell_types(s, false, "");
		}
		sonde_super_flush(s);
	} else if (spoilt.len && r->role == SONDE_RUNNER_SERVING && !s->coming) {
		sonde_log(SONDE_LOG_WARN, "runner", "the runner asks for another in its place: %.*s",
		          (int)spoilt.len, spoilt.s);
		sonde_super_renew(s);
	}
}

static void on_outcome(struct sonde_super_runner *r, const struct sonde_msg_result *m)
{
	struct sonde_super *s = r->super;
	struct sonde_task_key key = { m->measurement, m->task, m->attempt };
	struct sonde_job *job = sonde_jobs_find(&s->jobs, &key);

	if (!job || job->runner != r) {
		sonde_log(SONDE_LOG_DEBUG, "runner", "an outcome of a task that is over already");
		return;
	}
	r->jobs--;
	sonde_jobs_remove(&s->jobs, job);
	s->events.outcome(s->arg, m);
}

static void on_message(struct sonde_child *child, void *arg, const struct sonde_msg *m)
{
	struct sonde_super_runner *r = arg;

	r->seen_ns = sonde_boottime_ns();
	if (r->super->closing)
		return;
	switch (m->kind) {
	case SONDE_MSG_TYPES:
		on_types(r, &m->types);
		break;
	case SONDE_MSG_READY:
		on_ready(r, m->reason);
		break;
	case SONDE_MSG_OUTCOME:
		on_outcome(r, &m->outcome);
		break;
	case SONDE_MSG_PROGRESS:
		r->super->events.progress(r->super->arg, m);
		break;
	default:
		sonde_log(SONDE_LOG_WARN, "runner", "a message that a runner must not send");
		sonde_child_kill(child);
	}
}

/* -------- the end of a runner -------- */

static void blame_one(struct sonde_super *s, struct sonde_job *job, const char *how,
                      const char *when)
{
	char why[192];

	snprintf(why, sizeof(why), "the runner %s %s", how, when);
	if (sonde_crashes_note(&s->crashes, job->task.type, sonde_boottime_ns())) {
		sonde_log(SONDE_LOG_ERROR, "runner", "plugin %.*s crashed %d times within a minute: "
		          "disabled for %lld s", (int)job->task.type.len, job->task.type.s,
		          SONDE_CRASH_LIMIT,
		          (long long)sonde_crashes_left(&s->crashes, job->task.type,
		                                        sonde_boottime_ns()));
		tell_types(s, false, "");
	}
	sonde_super_end_job(s, job, SONDE_FAIL_CRASHED, why);
}

static void sort_one(struct sonde_super *s, struct sonde_job *job, const char *how, bool suspect,
                     unsigned limit)
{
	char why[160];

	if (job->cancelled) {
		sonde_super_end_job(s, job, SONDE_FAIL_CANCELLED, "cancelled");
	} else if (job->reruns++ < (suspect ? RERUNS_SUSPECT : limit)) {
		job->runner->jobs--;
		job->runner = NULL;
		sonde_jobs_wait(&s->jobs, job);
	} else if (suspect) {
		blame_one(s, job, how, "right after this probe's code ran, once more");
	} else {
		snprintf(why, sizeof(why), "the runner %s", how);
		sonde_super_end_job(s, job, SONDE_FAIL_CRASHED, why);
	}
}

static void sort_jobs(struct sonde_super_runner *r, const char *how,
                      const struct sonde_blame *blame)
{
	struct sonde_super *s = r->super;
	struct sonde_task_key key = { blame->measurement, blame->task, blame->attempt };
	struct sonde_job *last = sonde_jobs_find(&s->jobs, &key);

	if (last && last->runner != r)
		last = NULL;
	unsigned limit = last ? RERUNS_OTHERS : RERUNS_SUSPECT;
	if (last && blame->active)
		blame_one(s, last, how, "while this probe's code ran");
	for (struct sonde_job *job = s->jobs.running.first, *next; job; job = next) {
		next = job->next;
		if (job->runner == r)
			sort_one(s, job, how, job == last, limit);
	}
	sonde_super_flush(s);
}

static void forget(struct sonde_super_runner *r)
{
	struct sonde_super_runner **at = &r->super->runners;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	sonde_buf_deinit(&r->types);
	free(r);
}

static void on_respawn(uv_timer_t *timer)
{
	struct sonde_super *s = timer->data;

	if (!s->serving)
		sonde_super_start(s);
}

static void start_later(struct sonde_super *s)
{
	uv_timer_start(&s->respawn, on_respawn, s->pause_ms, 0);
	s->pause_ms = s->pause_ms * 2 > SONDE_PAUSE_MAX_MS ? SONDE_PAUSE_MAX_MS : s->pause_ms * 2;
}

static void replace_gone(struct sonde_super_runner *r, const char *how)
{
	struct sonde_super *s = r->super;
	char why[160];

	if (r == s->serving) {
		s->serving = NULL;
		/* Started first: what is given up below may bring new work. */
		if (r->ready)
			sonde_super_start(s);
		else
			start_later(s);
	} else if (r == s->coming) {
		s->coming = NULL;
		snprintf(why, sizeof(why), "the new runner %s before it was ready", how);
		end_reload(s, why);
	}
}

static void on_gone(struct sonde_child *child, void *arg, const char *how,
                    const struct sonde_blame *blame)
{
	struct sonde_super_runner *r = arg;
	struct sonde_super *s = r->super;

	if (s->closing) {
		forget(r);
		sonde_super_on_end(s);
		return;
	}
	if (r->silent)
		how = "did not go on and had to be killed";
	if (r->role == SONDE_RUNNER_LEAVING && !r->jobs)
		sonde_log(SONDE_LOG_INFO, "runner", "the runner that was replaced %s", how);
	else
		sonde_log(SONDE_LOG_ERROR, "runner", "the runner %s; %u tasks were running", how,
		          r->jobs);
	replace_gone(r, how);
	sort_jobs(r, how, blame);
	forget(r);
}

/* -------- start, watch, quit -------- */

static const struct sonde_child_events child_events = { on_message, on_gone };

static int start_one(struct sonde_super *s, enum sonde_runner_role role,
                     struct sonde_super_runner **out, struct sonde_error *e)
{
	struct sonde_super_runner *r = calloc(1, sizeof(*r));

	if (!r)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	r->super = s;
	r->role = role;
	r->seen_ns = sonde_boottime_ns();
	sonde_buf_init(&r->types, SONDE_MSG_MAX);
	int rc = sonde_child_start(s->loop, &s->options.child, &child_events, r, &r->child, e);
	if (rc) {
		free(r);
		return rc;
	}
	r->next = s->runners;
	s->runners = *out = r;
	return SONDE_OK;
}

void sonde_super_start(struct sonde_super *s)
{
	struct sonde_error e = { 0 };

	if (!start_one(s, SONDE_RUNNER_SERVING, &s->serving, &e))
		return;
	sonde_log(SONDE_LOG_ERROR, "runner", "%s", e.text);
	start_later(s);
}

static void watch_one(struct sonde_super_runner *r, int64_t now)
{
	unsigned silence_ms = r->ready ? r->super->options.silence_ms : START_MS;

	if (!r->silent && now - r->seen_ns > silence_ms * SONDE_NS_PER_MS) {
		sonde_log(SONDE_LOG_ERROR, "runner", "no sign of life for %u ms: killed",
		          silence_ms);
		r->silent = true;
		sonde_child_kill(r->child);
	}
	if (r->role != SONDE_RUNNER_LEAVING || r->jobs)
		r->idle_ns = 0;
	else if (!r->idle_ns)
		r->idle_ns = now;
	else if (now - r->idle_ns > IDLE_MS * SONDE_NS_PER_MS)
		sonde_child_kill(r->child);
}

void sonde_super_watch(struct sonde_super *s, int64_t now)
{
	for (struct sonde_super_runner *r = s->runners; r; r = r->next)
		watch_one(r, now);
	if (s->disabled_ns && now >= s->disabled_ns)
		tell_types(s, false, "");
}

void sonde_super_quit_all(struct sonde_super *s)
{
	struct sonde_msg quit = { .kind = SONDE_MSG_QUIT };

	for (struct sonde_super_runner *r = s->runners; r; r = r->next)
		if (sonde_child_send(r->child, &quit))
			sonde_child_kill(r->child);
}

void sonde_super_kill_all(struct sonde_super *s)
{
	for (struct sonde_super_runner *r = s->runners; r; r = r->next)
		sonde_child_kill(r->child);
}
