/* SPDX-License-Identifier: Apache-2.0 */
/* The course of the connections: UNTRIED -> PENDING -> UP, LOST or ERROR. One timer stands for the
 * nearest of "next connection due" and "oldest given up". Owns the sockets until they are taken. */
#include "connect/series.h"
#include "connect/errno.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void tick(struct sonde_probe *p, void *arg);

static void close_attempt(struct sonde_probe *p, struct sonde_attempt *a)
{
	if (a->watch)
		p->host->watch_stop(p, a->watch);
	if (a->fd >= 0)
		close(a->fd);
	a->watch = NULL;
	a->fd = -1;
}

static void settle(struct sonde_probe *p, struct sonde_attempt *a, enum sonde_attempt_status status)
{
	struct sonde_series *s = a->series;

	a->status = status;
	if (a->watch)
		p->host->watch_stop(p, a->watch);
	a->watch = NULL;
	s->ops->ended(p, (unsigned)(a - s->attempts));
	close_attempt(p, a);
}

static void fail(struct sonde_probe *p, struct sonde_attempt *a, int error)
{
	a->error = error;
	settle(p, a, error == ETIMEDOUT ? SONDE_ATTEMPT_LOST : SONDE_ATTEMPT_ERROR);
}

static void connected(struct sonde_probe *p, struct sonde_attempt *a)
{
	int error = sonde_stream_result(a->fd, p->host->now(p) - a->started, &a->rtt, &a->by_user);

	if (error)
		fail(p, a, error);
	else
		settle(p, a, SONDE_ATTEMPT_UP);
}

static void conclude(struct sonde_probe *p, struct sonde_series *s)
{
	if (s->over || s->tried < s->count)
		return;
	for (unsigned i = 0; i < s->tried; i++)
		if (s->attempts[i].status == SONDE_ATTEMPT_PENDING)
			return;
	s->over = true;
	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer = NULL;
	s->ops->over(p);
}

static void on_event(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct sonde_attempt *a = arg;

	if (a->status != SONDE_ATTEMPT_PENDING)
		return;
	connected(p, a);
	conclude(p, a->series);
}

/* 0 when it is under way, otherwise an errno. */
static int open_attempt(struct sonde_probe *p, struct sonde_series *s, struct sonde_attempt *a)
{
	a->started = p->host->now(p);
	a->fd = sonde_stream_open(p, &s->addrs[s->addr], &s->options);
	if (a->fd < 0) {
		int error = -a->fd;
		a->fd = -1;
		return error;
	}
	a->watch = p->host->watch_start(p, a->fd, SONDE_WRITABLE | SONDE_ERRQUEUE, on_event, a);
	return a->watch ? 0 : ENOMEM;
}

static bool is_no_way(int error)
{
	return error == ENETUNREACH || error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

static void try_next(struct sonde_probe *p, struct sonde_series *s)
{
	unsigned i = s->tried++;
	struct sonde_attempt *a = &s->attempts[i];

	*a = (struct sonde_attempt){ .status = SONDE_ATTEMPT_PENDING, .fd = -1, .series = s };
	int error = open_attempt(p, s, a);
	while (i == 0 && is_no_way(error) && s->addr + 1 < s->addr_count) {
		s->addr++;
		error = open_attempt(p, s, a);
	}
	if (i == 0) {
		sonde_address_text(&s->addrs[s->addr], s->address);
		s->ops->head(p);
	}
	if (error)
		fail(p, a, error);
}

/* A handshake that came to an end while the loop was late is not lost. */
static void give_up(struct sonde_probe *p, struct sonde_attempt *a)
{
	struct pollfd ready = { .fd = a->fd, .events = POLLOUT };

	if (poll(&ready, 1, 0) > 0)
		connected(p, a);
	else
		fail(p, a, ETIMEDOUT);
}

static void arm(struct sonde_probe *p, struct sonde_series *s, int64_t now)
{
	int64_t at = s->tried < s->count ? s->due : INT64_MAX;

	for (unsigned i = 0; i < s->tried; i++) {
		const struct sonde_attempt *a = &s->attempts[i];
		if (a->status == SONDE_ATTEMPT_PENDING && a->started + s->wait < at)
			at = a->started + s->wait;
	}
	s->timer = p->host->timer_start(p, at > now ? at - now : 0, tick, s);
	if (s->timer)
		return;
	/* Without a timer nothing would end what is under way. */
	s->count = s->tried;
	for (unsigned i = 0; i < s->tried; i++)
		if (s->attempts[i].status == SONDE_ATTEMPT_PENDING)
			fail(p, &s->attempts[i], ENOMEM);
	conclude(p, s);
}

static void tick(struct sonde_probe *p, void *arg)
{
	struct sonde_series *s = arg;
	int64_t now = p->host->now(p);

	s->timer = NULL;
	for (unsigned i = 0; i < s->tried; i++) {
		struct sonde_attempt *a = &s->attempts[i];
		if (a->status == SONDE_ATTEMPT_PENDING && now >= a->started + s->wait)
			give_up(p, a);
	}
	if (s->tried < s->count && now >= s->due) {
		try_next(p, s);
		/* A late loop delays the rest; it does not make a burst. */
		s->due += s->interval;
		if (s->due < now)
			s->due = now + s->interval;
	}
	conclude(p, s);
	if (!s->over)
		arm(p, s, now);
}

int sonde_series_start(struct sonde_probe *p, struct sonde_series *s,
                       const struct sonde_addr *addrs, unsigned count)
{
	s->attempts = p->host->alloc(p, s->count * sizeof(*s->attempts));
	if (!s->attempts)
		return -1;
	s->addr_count = sonde_address_order(addrs, count, s->addrs, SONDE_SERIES_ADDRS);
	for (unsigned i = 0; i < s->addr_count; i++)
		sonde_address_set_port(&s->addrs[i], s->port);
	s->started = true;
	s->due = p->host->now(p);
	tick(p, s);
	return 0;
}

int sonde_series_take(struct sonde_series *s, unsigned i)
{
	int fd = s->attempts[i].fd;

	s->attempts[i].fd = -1;
	return fd;
}

void sonde_series_stop(struct sonde_probe *p, struct sonde_series *s)
{
	s->over = true;
	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer = NULL;
	for (unsigned i = 0; i < s->tried; i++) {
		struct sonde_attempt *a = &s->attempts[i];
		if (a->status == SONDE_ATTEMPT_PENDING)
			a->status = SONDE_ATTEMPT_LOST;
		close_attempt(p, a);
	}
}

const struct sonde_attempt *sonde_series_worst(const struct sonde_series *s)
{
	static const enum sonde_failure order[] = {
		SONDE_FAIL_REFUSED, SONDE_FAIL_UNREACHABLE, SONDE_FAIL_CONNECT,
		SONDE_FAIL_PROTOCOL, SONDE_FAIL_INTERNAL, SONDE_FAIL_OVERLOAD,
	};

	for (unsigned k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (unsigned i = 0; i < s->tried; i++)
			if (s->attempts[i].status == SONDE_ATTEMPT_ERROR &&
			    sonde_errno_failure(s->attempts[i].error) == order[k])
				return &s->attempts[i];
	return NULL;
}
