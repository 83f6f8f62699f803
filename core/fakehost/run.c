/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a probe on a fake host: check() -> start() -> turns of poll, timers and the test's
 * calls -> cancel() at its time -> done() -> finish(). A probe that hangs is ended as a real host
 * would end it, by force, after a grace time. Owns the probe's pool and state. */
#include "fakehost/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "param/param.h"

enum { RUN_DONE, RUN_REFUSED, RUN_NOT_STARTED, RUN_HANGS };
#define GRACE_NS (2 * SONDE_NS_PER_S)

static struct sonde_timer *earliest(const struct fakehost *h)
{
	struct sonde_timer *best = NULL;

	for (struct sonde_timer *t = h->timers; t; t = t->next)
		if (!best || t->due < best->due || (t->due == best->due && t->order < best->order))
			best = t;
	return best;
}

static void run_due_timers(struct fakehost *h)
{
	/* Timers started by a callback wait for the next turn, as in libuv. */
	uint64_t limit = h->order;
	int64_t now = fakehost_now(&h->probe);
	struct sonde_timer *t;

	while (!h->is_done && (t = earliest(h)) && t->due <= now && t->order < limit) {
		struct sonde_timer due = *t;
		fakehost_timer_stop(&h->probe, t);
		due.fn(&h->probe, due.arg);
	}
}

static void run_calls(struct fakehost *h)
{
	int64_t passed = fakehost_now(&h->probe) - h->start;

	for (unsigned i = 0; i < h->n_calls; i++) {
		struct fakehost_call *c = &h->calls[i];
		if (!c->ran && passed >= c->at) {
			c->ran = true;
			c->fn(c->arg);
		}
	}
}

/* False when the probe had its time after cancel() and did not use it. */
static bool cancel_when_due(struct fakehost *h)
{
	int64_t late = fakehost_now(&h->probe) - h->cancel_due;

	if (late < 0 || h->is_done)
		return true;
	if (h->cancelled) {
		if (late > GRACE_NS)
			fakehost_note(h, "%s does not end after cancel()", h->plug.desc.name);
		return late <= GRACE_NS;
	}
	h->cancelled = true;
	h->plug.desc.cancel(&h->probe, h->why_due);
	return true;
}

static int64_t next_call(const struct fakehost *h)
{
	int64_t at = h->cancelled ? h->cancel_due + GRACE_NS + 1 : h->cancel_due;

	for (unsigned i = 0; i < h->n_calls; i++)
		if (!h->calls[i].ran && h->start + h->calls[i].at < at)
			at = h->start + h->calls[i].at;
	return at;
}

static unsigned to_poll(unsigned events)
{
	return (events & SONDE_READABLE ? POLLIN : 0) | (events & SONDE_WRITABLE ? POLLOUT : 0);
}

static unsigned from_poll(unsigned revents, unsigned asked)
{
	return ((revents & (POLLIN | POLLHUP) ? SONDE_READABLE : 0) |
	        (revents & POLLOUT ? SONDE_WRITABLE : 0) |
	        (revents & POLLERR ? SONDE_ERRQUEUE : 0)) & (asked | SONDE_ERRQUEUE);
}

static void poll_once(struct fakehost *h, int64_t until)
{
	struct pollfd fds[FAKEHOST_WATCHES];
	struct sonde_watch *who[FAKEHOST_WATCHES];
	unsigned n = 0;
	int64_t left = until - fakehost_now(&h->probe);

	for (int i = 0; i < FAKEHOST_WATCHES; i++) {
		if (!h->watches[i].used || !h->watches[i].events)
			continue;
		who[n] = &h->watches[i];
		fds[n++] = (struct pollfd){ h->watches[i].fd, to_poll(h->watches[i].events), 0 };
	}
	left = left < 0 || h->virtual_clock ? 0 : left;
	struct timespec wait = { left / SONDE_NS_PER_S, left % SONDE_NS_PER_S };
	int ready = ppoll(fds, n, &wait, NULL);
	for (unsigned i = 0; ready > 0 && i < n && !h->is_done; i++) {
		unsigned events = who[i]->used ? from_poll(fds[i].revents, who[i]->events) : 0;
		if (events)
			who[i]->fn(&h->probe, who[i]->arg, fds[i].fd, events);
	}
	if (!h->virtual_clock)
		return;
	if (ready > 0)
		h->clock += h->step;
	else if (until > h->clock)
		h->clock = until;
}

static bool has_watch(const struct fakehost *h)
{
	for (int i = 0; i < FAKEHOST_WATCHES; i++)
		if (h->watches[i].used && h->watches[i].events)
			return true;
	return false;
}

/* False when the probe hangs; the note says how. */
static bool loop(struct fakehost *h)
{
	for (;;) {
		if (!cancel_when_due(h))
			return false;
		if (h->is_done)
			return true;
		const struct sonde_timer *t = earliest(h);
		int64_t until = next_call(h);
		if (!t && !has_watch(h)) {
			fakehost_note(h, "%s waits for nothing", h->plug.desc.name);
			return false;
		}
		if (t && t->due < until)
			until = t->due;
		poll_once(h, until);
		run_due_timers(h);
		run_calls(h);
	}
}

static int open_descriptors(const struct fakehost *h)
{
	int n = 0;

	if (h->leaves_uncounted)
		return 0;
	for (int fd = 0; fd < 256; fd++)
		n += lseek(fd, 0, SEEK_CUR) != -1 || errno != EBADF;
	return n;
}

static void begin(struct fakehost *h, const char *target)
{
	sonde_pool_init(&h->pool, h->memory);
	sonde_rng_seed(&h->rng, h->seed);
	if (h->has_result)
		sonde_result_deinit(&h->result);
	sonde_result_init(&h->result, SONDE_RESULT_MAX, 0);
	h->has_result = true;
	sonde_buf_reset(&h->raw);
	h->is_done = h->resolving = h->cancelled = false;
	h->reversing = 0;
	h->failure = SONDE_FAIL_NONE;
	h->clock = SONDE_NS_PER_S;
	for (unsigned i = 0; i < h->n_calls; i++)
		h->calls[i].ran = false;
	h->probe.host = h->table.size ? &h->table : &fakehost_table;
	h->probe.args = h->args;
	h->probe.target = target;
	h->probe.timeout_ns = h->timeout;
	h->start = h->end = fakehost_now(&h->probe);
	bool early = h->cancel_why && h->cancel_at < h->timeout;
	h->cancel_due = h->start + (early ? h->cancel_at : h->timeout);
	h->why_due = early ? h->cancel_why : SONDE_WHY_TIMEOUT;
}

static void end(struct fakehost *h, int descriptors)
{
	size_t len;

	for (int i = 0; i < FAKEHOST_WATCHES; i++) {
		if (h->watches[i].used)
			fakehost_note(h, "a watch was left after finish()");
		h->watches[i].used = false;
	}
	/* A pending timer at done() is the host's to drop. */
	while (h->timers)
		fakehost_timer_stop(&h->probe, h->timers);
	if (open_descriptors(h) != descriptors)
		fakehost_note(h, "a descriptor was left open");
	if (h->result.broken)
		fakehost_note(h, "the result is broken: %s", h->result.broken);
	else if (h->result.json.depth != 1)
		fakehost_note(h, "the result has an open bracket");
	h->json = sonde_result_end(&h->result, &len);
	sonde_pool_deinit(&h->pool);
	free(h->probe.state);
	h->probe.state = NULL;
}

/* 0, or non-zero with the error filled, as a real host refuses a task. */
static int refuse(struct fakehost *h, const char *target)
{
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(h->plug.params, i, &row); i++)
		if ((row.flags & SONDE_PARAM_REQUIRED) && !h->given[i])
			return sonde_fail(&h->error, SONDE_EINVAL, row.name, "is required");
	return h->plug.desc.check ? h->plug.desc.check(h->args, target, &h->error) : 0;
}

int fakehost_try(struct fakehost *h, const char *target)
{
	int outcome = RUN_DONE;

	memset(&h->error, 0, sizeof(h->error));
	h->why[0] = h->broken[0] = '\0';
	if (refuse(h, target))
		return RUN_REFUSED;
	begin(h, target);
	h->probe.state = calloc(1, h->plug.desc.state_size + 1);
	if (!h->probe.state)
		fakehost_die("no memory");
	int descriptors = open_descriptors(h);
	if (h->plug.desc.start(&h->probe)) {
		outcome = RUN_NOT_STARTED;
	} else {
		if (!loop(h)) {
			outcome = RUN_HANGS;
			h->failure = SONDE_FAIL_TIMEOUT;
		}
		h->is_done = true;
		h->plug.desc.finish(&h->probe);
	}
	end(h, descriptors);
	return outcome;
}

int fakehost_run(struct fakehost *h, const char *target)
{
	int outcome = fakehost_try(h, target);

	if (outcome == RUN_HANGS)
		fakehost_die("%s", h->broken);
	return outcome;
}

enum sonde_failure fakehost_failure(const struct fakehost *h)
{
	return h->failure;
}

const char *fakehost_why(const struct fakehost *h)
{
	return h->why;
}

const char *fakehost_json(const struct fakehost *h)
{
	return h->json;
}

const char *fakehost_raw(const struct fakehost *h)
{
	return sonde_buf_cstr((struct sonde_buf *)&h->raw);
}

const struct sonde_error *fakehost_error(const struct fakehost *h)
{
	return &h->error;
}

int64_t fakehost_took_ns(const struct fakehost *h)
{
	return h->end - h->start;
}

bool fakehost_cancelled(const struct fakehost *h)
{
	return h->cancelled;
}

const char *fakehost_broken(const struct fakehost *h)
{
	return h->broken;
}
