/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: the node's socket, the poller of the probes, the beat, and the signals. Owns the
 * handles of libuv; the rest of struct sonde_runner is made and freed by main.c. Before each
 * sleep everything that waits is written, so that many outcomes leave in one system call. */
#include "runner/runner.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

enum { BEAT_MS = 1000, LEAK_MAX = 32, TYPES_MAX = 256 << 10 };

static void stop(struct sonde_runner *r)
{
	uv_stop(&r->loop);
}

static void lose_node(struct sonde_runner *r)
{
	r->channel.closed = true;
	stop(r);
}

static void handle(struct sonde_runner *r, const struct sonde_msg *m, int64_t came_ns)
{
	switch (m->kind) {
	case SONDE_MSG_TASKS:
		SONDE_EDGE("runner.task_read");
		for (unsigned i = 0; i < m->list.count; i++)
			sonde_run_start(r, &m->list.tasks[i], came_ns);
		break;
	case SONDE_MSG_CANCEL:
		for (unsigned i = 0; i < m->list.count; i++)
			sonde_run_cancel(r, &m->list.tasks[i], SONDE_WHY_CANCELLED);
		break;
	case SONDE_MSG_QUIT:
		SONDE_EDGE("runner.told_to_quit");
		r->quitting = true;
		break;
	default:
		sonde_log(SONDE_LOG_WARN, "runner", "a message of kind %d is not for a runner",
		          (int)m->kind);
	}
}

static void read_node(struct sonde_runner *r)
{
	struct sonde_channel *c = &r->channel;
	int64_t now = sonde_boottime_ns();
	size_t at = 0, len;
	char *text;
	int found;

	if (!sonde_channel_read(c)) {
		lose_node(r);
		return;
	}
	while ((found = sonde_frame_next(&c->in, &at, &text, &len)) == 1) {
		struct sonde_error e = { 0 };
		struct sonde_msg m;
		if (sonde_msg_decode(r->decoder, text, len, &m, &e) == SONDE_OK)
			handle(r, &m, now);
		else
			sonde_log(SONDE_LOG_ERROR, "runner", "a message was refused: %s %s", e.path,
			          e.text);
	}
	if (found < 0) {
		sonde_log(SONDE_LOG_ERROR, "runner", "the node sent a frame that is too long");
		lose_node(r);
	}
	sonde_buf_shift(&c->in, at);
}

static void on_control(uv_poll_t *h, int status, int events)
{
	struct sonde_runner *r = h->data;

	if (status < 0)
		lose_node(r);
	else if (events & UV_READABLE)
		read_node(r);
	/* Writing is before_sleep's. */
}

static void on_events(uv_poll_t *h, int status, int events)
{
	struct sonde_runner *r = h->data;
	sonde_poller_turn(&r->poller);
}

static void before_sleep(uv_prepare_t *h)
{
	struct sonde_runner *r = h->data;
	struct sonde_channel *c = &r->channel;

	sonde_run_flush(r);
	if (!sonde_channel_write(c)) {
		lose_node(r);
		return;
	}
	sonde_run_flush(r);
	size_t unsent = sonde_channel_unsent(c);
	if (r->quitting && !r->active && !unsent) {
		stop(r);
		return;
	}
	int want = (unsent ? UV_WRITABLE : 0) | (unsent <= SONDE_OUT_HIGH ? UV_READABLE : 0);
	if (want != r->polled) {
		uv_poll_start(&r->control, want, on_control);
		r->polled = want;
	}
	sonde_poller_before_sleep(&r->poller);
}

/* What this set can do, said once, before the first sign of life. */
static void say_types(struct sonde_runner *r)
{
	struct sonde_msg m = { .kind = SONDE_MSG_TYPES };
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, TYPES_MAX);
	sonde_json_init(&j, &b);
	sonde_plugset_describe(r->plugs, &j);
	m.types.plugins = (struct sonde_text){ b.data, b.len };
	if (b.failed || !sonde_channel_put(&r->channel, &m))
		sonde_log(SONDE_LOG_ERROR, "runner", "the descriptions of the plugins are over %d KiB",
		          TYPES_MAX >> 10);
	sonde_buf_deinit(&b);
}

static void say_ready(struct sonde_runner *r, const char *spoilt)
{
	const struct sonde_msg m = { .kind = SONDE_MSG_READY,
		                     .reason = { spoilt, strlen(spoilt) } };

	if (sonde_channel_unsent(&r->channel) <= SONDE_OUT_HIGH)
		sonde_channel_put(&r->channel, &m);
}

/* The number that the next descriptor gets; INT_MAX when none is left. */
static int next_fd(const struct sonde_runner *r)
{
	int fd = dup(r->channel.fd);

	if (fd < 0)
		return INT_MAX;
	close(fd);
	return fd;
}

/* True when less than a quarter of the address space that it may have is left. */
static bool memory_is_short(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return false;
	void *room = mmap(NULL, limit.rlim_cur / 4, PROT_NONE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return true;
	munmap(room, limit.rlim_cur / 4);
	return false;
}

/* What a plugin leaked cannot be told from what is in use, and not be given back: a new runner has
 * none of it. Descriptors that are open while no probe runs are leaked. */
static const char *spoilt_by(const struct sonde_runner *r)
{
	if (!r->active && next_fd(r) >= r->first_fd + LEAK_MAX)
		return "a plugin leaks descriptors";
	if (!r->narrow && memory_is_short())
		return "its memory is nearly used up";
	return "";
}

static void on_beat(uv_timer_t *h)
{
	struct sonde_runner *r = h->data;

	say_ready(r, r->quitting ? "" : spoilt_by(r));
}

static void on_term(uv_signal_t *h, int signum)
{
	struct sonde_runner *r = h->data;

	r->quitting = true;
	sonde_run_cancel_all(r, SONDE_WHY_SHUTDOWN);
}

static int start_handles(struct sonde_runner *r)
{
	int rc = uv_poll_init(&r->loop, &r->control, r->channel.fd);

	rc |= uv_poll_init(&r->loop, &r->events, r->poller.epoll);
	rc |= uv_prepare_init(&r->loop, &r->prepare);
	rc |= uv_timer_init(&r->loop, &r->beat);
	rc |= uv_signal_init(&r->loop, &r->term);
	if (rc)
		return rc;
	r->control.data = r->events.data = r->prepare.data = r->beat.data = r->term.data = r;
	r->polled = UV_READABLE;
	rc |= uv_poll_start(&r->control, UV_READABLE, on_control);
	rc |= uv_poll_start(&r->events, UV_READABLE, on_events);
	rc |= uv_prepare_start(&r->prepare, before_sleep);
	rc |= uv_timer_start(&r->beat, on_beat, BEAT_MS, BEAT_MS);
	rc |= uv_signal_start(&r->term, on_term, SIGTERM);
	return rc;
}

static void close_handle(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

int sonde_runner_loop(struct sonde_runner *r)
{
	if (uv_loop_init(&r->loop))
		return SONDE_EIO;
	int rc = start_handles(r);
	if (!rc) {
		r->first_fd = next_fd(r);
		r->narrow = memory_is_short();
		SONDE_EDGE("runner.plugins_opened");
		say_types(r);
		say_ready(r, "");
		uv_run(&r->loop, UV_RUN_DEFAULT);
	}
	sonde_run_free_all(r);
	uv_walk(&r->loop, close_handle, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	uv_loop_close(&r->loop);
	return rc ? SONDE_EIO : SONDE_OK;
}
