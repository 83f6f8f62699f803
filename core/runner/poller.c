/* SPDX-License-Identifier: Apache-2.0 */
/* epoll and one timerfd. An event carries descriptor and generation, so that an event of a watch
 * that was stopped by an earlier callback of the same batch finds nobody. A paused watch leaves
 * epoll: errors would be reported there whatever was asked for. Owns the descriptors and tables,
 * never the entries. */
#include "runner/poller.h"

#include <errno.h>
#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { BATCH = 256 };
#define TIMER_EVENT UINT64_MAX

int sonde_poller_init(struct sonde_poller *p)
{
	*p = (struct sonde_poller){ .epoll = -1, .timer = -1 };
	sonde_heap_init(&p->due);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = TIMER_EVENT };
	if (p->epoll < 0 || p->timer < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->timer, &ev)) {
		sonde_poller_deinit(p);
		return SONDE_EIO;
	}
	return SONDE_OK;
}

void sonde_poller_deinit(struct sonde_poller *p)
{
	if (p->epoll >= 0)
		close(p->epoll);
	if (p->timer >= 0)
		close(p->timer);
	p->epoll = p->timer = -1;
	sonde_heap_deinit(&p->due);
	free(p->by_fd);
	p->by_fd = NULL;
	p->fds = 0;
}

static int make_room(struct sonde_poller *p, int fd)
{
	unsigned want = p->fds ? p->fds : 64;

	if ((unsigned)fd < p->fds)
		return SONDE_OK;
	while (want <= (unsigned)fd)
		want *= 2;
	struct sonde_fdwatch **by_fd = realloc(p->by_fd, want * sizeof(*by_fd));
	if (!by_fd)
		return SONDE_ENOMEM;
	memset(by_fd + p->fds, 0, (want - p->fds) * sizeof(*by_fd));
	p->by_fd = by_fd;
	p->fds = want;
	return SONDE_OK;
}

static int tell_epoll(struct sonde_poller *p, struct sonde_fdwatch *w, int op, unsigned events)
{
	struct epoll_event ev = {
		.events = (events & SONDE_READABLE ? EPOLLIN : 0) |
		          (events & SONDE_WRITABLE ? EPOLLOUT : 0),
		.data.u64 = (uint64_t)w->generation << 32 | (uint32_t)w->fd,
	};
	return epoll_ctl(p->epoll, op, w->fd, &ev) ? SONDE_EIO : SONDE_OK;
}

static bool is_active(const struct sonde_poller *p, const struct sonde_fdwatch *w)
{
	return w->fd >= 0 && (unsigned)w->fd < p->fds && p->by_fd[w->fd] == w;
}

int sonde_poller_watch(struct sonde_poller *p, struct sonde_fdwatch *w, int fd, unsigned events,
                       sonde_fdwatch_fn *run)
{
	*w = (struct sonde_fdwatch){ .fd = -1 };
	if (fd < 0)
		return SONDE_EIO;
	int status = make_room(p, fd);
	if (status)
		return status;
	*w = (struct sonde_fdwatch){ fd, ++p->generation, events, run };
	/* The largest generation with the largest descriptor would look like the timer. */
	if (p->generation == UINT32_MAX - 1)
		p->generation = 0;
	if (events)
		status = tell_epoll(p, w, EPOLL_CTL_ADD, events);
	if (status) {
		w->fd = -1;
		return status;
	}
	if (p->by_fd[fd])
		p->by_fd[fd]->fd = -1;
	p->by_fd[fd] = w;
	return SONDE_OK;
}

int sonde_poller_change(struct sonde_poller *p, struct sonde_fdwatch *w, unsigned events)
{
	if (!is_active(p, w))
		return SONDE_ENOENT;
	if (events == w->events)
		return SONDE_OK;
	int op = !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	int status = tell_epoll(p, w, op, events);
	if (status == SONDE_OK)
		w->events = events;
	return status;
}

void sonde_poller_unwatch(struct sonde_poller *p, struct sonde_fdwatch *w)
{
	if (is_active(p, w)) {
		if (w->events)
			tell_epoll(p, w, EPOLL_CTL_DEL, 0);
		p->by_fd[w->fd] = NULL;
	}
	w->fd = -1;
}

int sonde_poller_alarm(struct sonde_poller *p, struct sonde_alarm *a, int64_t at_ns,
                       sonde_alarm_fn *run)
{
	a->run = run;
	return sonde_heap_set(&p->due, &a->entry, at_ns);
}

void sonde_poller_disarm(struct sonde_poller *p, struct sonde_alarm *a)
{
	sonde_heap_remove(&p->due, &a->entry);
}

/* EPOLLERR and EPOLLHUP come unasked: an error that was not asked for is shown as what was, so
 * that the next call on the descriptor finds it. */
static unsigned seen_events(unsigned got, unsigned wanted)
{
	unsigned seen = 0;

	if (got & EPOLLIN)
		seen |= SONDE_READABLE;
	if (got & EPOLLOUT)
		seen |= SONDE_WRITABLE;
	if (got & EPOLLERR)
		seen |= wanted & SONDE_ERRQUEUE ? SONDE_ERRQUEUE : wanted;
	if (got & EPOLLHUP)
		seen |= wanted;
	return seen & wanted;
}

static void run_event(struct sonde_poller *p, const struct epoll_event *ev)
{
	if (ev->data.u64 == TIMER_EVENT) {
		uint64_t times;
		ssize_t n = read(p->timer, &times, sizeof(times));
		if (n > 0)
			p->armed = 0;
		return;
	}
	uint32_t fd = (uint32_t)ev->data.u64;
	struct sonde_fdwatch *w = fd < p->fds ? p->by_fd[fd] : NULL;
	if (!w || w->generation != ev->data.u64 >> 32)
		return;
	unsigned events = seen_events(ev->events, w->events);
	if (events)
		w->run(w, events);
}

static void run_due(struct sonde_poller *p)
{
	struct sonde_heap_entry *e = sonde_heap_peek(&p->due);

	if (!e)
		return;
	/* One reading of the clock: an alarm that sets itself again for now waits for its turn. */
	int64_t now = sonde_boottime_ns();
	for (; e && e->key <= now; e = sonde_heap_peek(&p->due)) {
		struct sonde_alarm *a = (struct sonde_alarm *)e;
		sonde_heap_remove(&p->due, e);
		a->run(a);
	}
}

void sonde_poller_turn(struct sonde_poller *p)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(p->epoll, events, BATCH, 0);

	for (int i = 0; i < n; i++)
		run_event(p, &events[i]);
	run_due(p);
}

void sonde_poller_before_sleep(struct sonde_poller *p)
{
	const struct sonde_heap_entry *e = sonde_heap_peek(&p->due);
	int64_t want = e ? (e->key > 0 ? e->key : 1) : 0;

	/* A timer that is set too early costs one wake-up, less than moving it each time. */
	if (!want || (p->armed && p->armed <= want))
		return;
	struct itimerspec at = { .it_value = { want / SONDE_NS_PER_S, want % SONDE_NS_PER_S } };
	if (!timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &at, NULL))
		p->armed = want;
}
