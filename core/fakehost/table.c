/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin under test may call: time, watches, memory, and the result. As in a real host
 * nothing begins and nothing is written after done(); here that is noted as well. Timers are a
 * plain list, watches a small table; both end with the probe. */
#include "fakehost/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

void fakehost_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# fakehost: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
	_exit(1);
}

void fakehost_note(struct fakehost *h, const char *fmt, ...)
{
	va_list ap;

	if (h->broken[0])
		return;
	va_start(ap, fmt);
	vsnprintf(h->broken, sizeof(h->broken), fmt, ap);
	va_end(ap);
}

int64_t fakehost_now(struct sonde_probe *p)
{
	const struct fakehost *h = fakehost_of(p);
	return h->virtual_clock ? h->clock : sonde_boottime_ns();
}

struct sonde_timer *fakehost_timer_start(struct sonde_probe *p, int64_t delay, sonde_timer_fn *fn,
                                         void *arg)
{
	struct fakehost *h = fakehost_of(p);

	if (delay < 0)
		fakehost_note(h, "timer_start with a negative delay");
	struct sonde_timer *t = h->is_done ? NULL : calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	int64_t now = fakehost_now(p);
	int64_t due = delay > INT64_MAX - now ? INT64_MAX : now + (delay < 0 ? 0 : delay);
	*t = (struct sonde_timer){ h->timers, due, h->order++, fn, arg };
	h->timers = t;
	return t;
}

void fakehost_timer_stop(struct sonde_probe *p, struct sonde_timer *t)
{
	struct fakehost *h = fakehost_of(p);

	for (struct sonde_timer **at = &h->timers; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			free(t);
			return;
		}
	}
	fakehost_note(h, "timer_stop of a dead timer");
}

static struct sonde_watch *watch_start(struct sonde_probe *p, int fd, unsigned events,
                                       sonde_watch_fn *fn, void *arg)
{
	struct fakehost *h = fakehost_of(p);
	struct sonde_watch *free_one = NULL;

	for (int i = 0; i < FAKEHOST_WATCHES; i++) {
		if (h->watches[i].used && h->watches[i].fd == fd)
			fakehost_note(h, "two watches of one descriptor");
		if (!h->watches[i].used && !free_one)
			free_one = &h->watches[i];
	}
	if (h->is_done || !free_one)
		return NULL;
	*free_one = (struct sonde_watch){ fd, events, fn, arg, true };
	return free_one;
}

static int watch_change(struct sonde_probe *p, struct sonde_watch *w, unsigned events)
{
	if (!w->used)
		fakehost_note(fakehost_of(p), "watch_change of a stopped watch");
	w->events = events;
	return 0;
}

static void watch_stop(struct sonde_probe *p, struct sonde_watch *w)
{
	if (!w->used)
		fakehost_note(fakehost_of(p), "watch_stop of a stopped watch");
	w->used = false;
}

static void *alloc(struct sonde_probe *p, size_t n)
{
	return sonde_pool_alloc(&fakehost_of(p)->pool, n);
}

/* The result that may still be written, NULL after done(). */
static struct sonde_result *result_of(struct sonde_probe *p)
{
	struct fakehost *h = fakehost_of(p);

	if (!h->is_done)
		return &h->result;
	fakehost_note(h, "a part of the result was written after done()");
	return NULL;
}

static void open_level(struct sonde_probe *p, const char *key, char bracket)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_open(r, key, bracket);
}

static void close_level(struct sonde_probe *p)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_close(r);
}

static void put_int(struct sonde_probe *p, const char *key, int64_t v)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_int(r, key, v);
}

static void put_number(struct sonde_probe *p, const char *key, double v, int digits)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_number(r, key, v, digits);
}

static void put_text(struct sonde_probe *p, const char *key, const char *text, size_t len)
{
	struct sonde_result *r = result_of(p);
	if (r && text)
		sonde_result_text(r, key, text, len);
	else if (r)
		sonde_result_null(r, key);
}

static void put_bool(struct sonde_probe *p, const char *key, int v)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_bool(r, key, v);
}

static void put_null(struct sonde_probe *p, const char *key)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_null(r, key);
}

static void put_raw(struct sonde_probe *p, const char *key, const char *json, size_t len)
{
	struct sonde_result *r = result_of(p);
	if (r)
		sonde_result_raw(r, key, json ? json : "", json ? len : 0);
}

static void print(struct sonde_probe *p, const char *text, size_t len)
{
	if (result_of(p) && text)
		sonde_buf_add(&fakehost_of(p)->raw, text, len);
}

static void write_log(struct sonde_probe *p, int level, const char *text)
{
	printf("# log %d: %s\n", level, text ? text : "");
}

static void done(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct fakehost *h = fakehost_of(p);

	if (h->is_done) {
		fakehost_note(h, "done() twice");
		return;
	}
	if (!failure != !why)
		fakehost_note(h, "done() needs a sentence for a failure, and none for a success");
	if (failure > SONDE_FAIL_INTERNAL)
		fakehost_note(h, "done() with %d, which is no failure", (int)failure);
	h->is_done = true;
	h->failure = failure > SONDE_FAIL_INTERNAL ? SONDE_FAIL_INTERNAL : failure;
	snprintf(h->why, sizeof(h->why), "%s", why ? why : "");
	h->end = fakehost_now(p);
}

static uint64_t random_number(struct sonde_probe *p)
{
	struct fakehost *h = fakehost_of(p);
	uint64_t v;

	if (h->seed)
		return sonde_rng_next(&h->rng);
	sonde_random_bytes(&v, sizeof(v));
	return v;
}

const struct sonde_host fakehost_table = {
	.size = sizeof(struct sonde_host),
	.now = fakehost_now,
	.timer_start = fakehost_timer_start,
	.timer_stop = fakehost_timer_stop,
	.watch_start = watch_start,
	.watch_change = watch_change,
	.watch_stop = watch_stop,
	.resolve = fakehost_resolve,
	.allowed = fakehost_allowed,
	.socket = fakehost_socket,
	.alloc = alloc,
	.open = open_level,
	.close = close_level,
	.put_int = put_int,
	.put_number = put_number,
	.put_text = put_text,
	.put_bool = put_bool,
	.put_null = put_null,
	.put_raw = put_raw,
	.print = print,
	.log = write_log,
	.done = done,
	.random = random_number,
	.reverse = fakehost_reverse,
	.resolve_by = fakehost_resolve_by,
};
