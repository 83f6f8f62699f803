/* SPDX-License-Identifier: Apache-2.0 */
/* The course of the requests: UNSENT -> PENDING -> REPLY, LOST (nothing within `wait`) or ERROR (an
 * ICMP error, a bad answer, or this node could not send). One timer stands for the nearest of "next
 * request due" and "oldest request given up". Each request's socket is closed when it ends; what
 * is open at the end finish() closes. Memory is the host's. */
#include "connect/rounds.h"
#include "connect/errno.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connect/datagram.h"

#define SLACK_NS INT64_C(1000000) /* of the two clocks' readings against each other */
enum { READS = 16 };              /* at one event: a flood must not hold the loop */

static void tick(struct sonde_probe *p, void *arg);

static void end(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct sonde_rounds *x = p->state;

	if (x->over)
		return;
	x->over = true;
	if (x->buf)
		failure = x->ops->report(p, failure, &why);
	p->host->done(p, failure, failure ? why : NULL);
}

static void close_round(struct sonde_probe *p, struct sonde_round *r)
{
	if (r->watch)
		p->host->watch_stop(p, r->watch);
	if (r->fd >= 0)
		close(r->fd);
	r->watch = NULL;
	r->fd = -1;
}

/* The first request's socket stays open, unwatched, until the end: as long as one socket asks for
 * stamps the kernel makes them, and it needs a moment to begin. */
static void settle(struct sonde_probe *p, struct sonde_round *r, enum sonde_round_status status)
{
	struct sonde_rounds *x = p->state;

	r->status = status;
	if (r != x->rounds)
		close_round(p, r);
	else if (r->watch)
		p->host->watch_stop(p, r->watch);
	r->watch = NULL;
	x->ops->ended(p, (unsigned)(r - x->rounds));
}

static void fail_round(struct sonde_probe *p, struct sonde_round *r, int error)
{
	r->failure = sonde_errno_failure(error);
	r->note = error == ECONNREFUSED ? "port unreachable" : sonde_errno_phrase(error);
	settle(p, r, SONDE_ROUND_ERROR);
}

/* Of several failures, the one that says most about the target. */
static enum sonde_failure worst(struct sonde_rounds *x)
{
	static const enum sonde_failure order[] = {
		SONDE_FAIL_PROTOCOL, SONDE_FAIL_ASSERTION, SONDE_FAIL_REFUSED,
		SONDE_FAIL_UNREACHABLE, SONDE_FAIL_CONNECT, SONDE_FAIL_INTERNAL,
		SONDE_FAIL_OVERLOAD,
	};

	for (unsigned k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
		for (unsigned i = 0; i < x->sent; i++) {
			const struct sonde_round *r = &x->rounds[i];
			if (r->status != SONDE_ROUND_ERROR || r->failure != order[k])
				continue;
			snprintf(x->why, sizeof(x->why), "%s port %d: %s%s%s", x->address, x->port,
			         r->note, *r->says ? ", says " : "", r->says);
			return r->failure;
		}
	}
	snprintf(x->why, sizeof(x->why), "%s port %d: no answer", x->address, x->port);
	return SONDE_FAIL_TIMEOUT;
}

static bool is_over(struct sonde_rounds *x)
{
	if (x->sent < x->count && !x->stop)
		return false;
	for (unsigned i = 0; i < x->sent; i++)
		if (x->rounds[i].status == SONDE_ROUND_PENDING)
			return false;
	return true;
}

static void conclude(struct sonde_probe *p)
{
	struct sonde_rounds *x = p->state;

	for (unsigned i = 0; i < x->sent; i++) {
		if (x->rounds[i].status == SONDE_ROUND_REPLY) {
			end(p, SONDE_FAIL_NONE, NULL);
			return;
		}
	}
	enum sonde_failure failure = worst(x);
	end(p, failure, x->why);
}

/* Round trip by the best pair of stamps there is. A pair that says more time than passed between
 * our own send and read, or less than none, has met a clock step and is not used. */
static void measure(struct sonde_round *r, int64_t now)
{
	int64_t bound = now - r->sent_at + SLACK_NS;

	r->taken = true;
	r->rtt = r->rx - r->tx;
	if (r->tx && r->rx && r->tx >= r->user_tx && r->rtt >= 0 && r->rtt <= bound)
		return;
	r->by_user = true;
	r->tx = r->rx = 0;
	r->rtt = now - r->sent_at;
}

static enum sonde_round_verdict read_answers(struct sonde_probe *p, struct sonde_round *r)
{
	struct sonde_rounds *x = p->state;
	struct sonde_datagram_rx rx;

	for (int i = 0; i < READS; i++) {
		int rc = sonde_datagram_recv(r->fd, x->buf, x->largest, &rx);
		if (rc == -EAGAIN)
			break;
		if (rc)
			continue; /* its story is in the error queue */
		enum sonde_round_verdict v =
			x->ops->take(p, (unsigned)(r - x->rounds), x->buf, rx.len, rx.full);
		if (v != SONDE_ROUND_IGNORE) {
			r->rx = rx.stamp;
			r->user_rx = sonde_datagram_wall_ns();
			return v;
		}
		x->ignored++;
	}
	return SONDE_ROUND_IGNORE;
}

/* The stamp of the send, and an ICMP error: its errno, 0 when there is none. */
static int read_errors(struct sonde_round *r)
{
	struct sonde_datagram_error e;
	int error = 0;

	for (int i = 0; i < READS && sonde_datagram_recv_error(r->fd, &e); i++) {
		if (!e.error) {
			r->tx = r->tx ? r->tx : e.stamp;
			continue;
		}
		error = e.error;
		if (e.from.len)
			sonde_address_text(&e.from, r->says);
	}
	return error;
}

static void drain(struct sonde_probe *p, struct sonde_round *r)
{
	/* Answers first: the stamp of the send was queued before the answer was. */
	enum sonde_round_verdict v = read_answers(p, r);
	int error = read_errors(r);

	if (v != SONDE_ROUND_IGNORE) {
		measure(r, p->host->now(p));
		settle(p, r, v == SONDE_ROUND_TAKE ? SONDE_ROUND_REPLY : SONDE_ROUND_ERROR);
	} else if (error) {
		fail_round(p, r, error);
	}
}

static void on_event(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct sonde_rounds *x = p->state;
	struct sonde_round *r = arg;

	if (x->over || r->status != SONDE_ROUND_PENDING)
		return;
	drain(p, r);
	if (is_over(x))
		conclude(p);
}

static int open_round(struct sonde_probe *p, struct sonde_round *r)
{
	struct sonde_rounds *x = p->state;

	if (r->fd >= 0)
		return 0;
	r->fd = sonde_datagram_open(p, &x->target, &x->from);
	return r->fd < 0 ? -r->fd : 0;
}

static void send_one(struct sonde_probe *p)
{
	struct sonde_rounds *x = p->state;
	unsigned i = x->sent++;
	struct sonde_round *r = &x->rounds[i];

	r->status = SONDE_ROUND_PENDING;
	int error = open_round(p, r);
	if (error) {
		fail_round(p, r, error);
		return;
	}
	size_t len = x->ops->build(p, i, x->buf);
	r->watch = p->host->watch_start(p, r->fd, SONDE_READABLE | SONDE_ERRQUEUE, on_event, r);
	r->sent_at = p->host->now(p);
	r->user_tx = sonde_datagram_wall_ns();
	if (!r->watch)
		fail_round(p, r, ENOMEM);
	else if (send(r->fd, x->buf, len, MSG_NOSIGNAL) < 0)
		fail_round(p, r, errno);
}

static void give_up(struct sonde_probe *p, int64_t now)
{
	struct sonde_rounds *x = p->state;

	for (unsigned i = 0; i < x->sent; i++) {
		struct sonde_round *r = &x->rounds[i];
		if (r->status != SONDE_ROUND_PENDING)
			continue;
		drain(p, r); /* what came while the loop was late is not lost */
		if (r->status == SONDE_ROUND_PENDING && now >= r->sent_at + x->wait)
			settle(p, r, SONDE_ROUND_LOST);
	}
}

static void arm(struct sonde_probe *p, int64_t now)
{
	struct sonde_rounds *x = p->state;
	int64_t at = x->sent < x->count && !x->stop ? x->due : INT64_MAX;

	for (unsigned i = 0; i < x->sent; i++) {
		const struct sonde_round *r = &x->rounds[i];
		if (r->status == SONDE_ROUND_PENDING && r->sent_at + x->wait < at)
			at = r->sent_at + x->wait;
	}
	x->timer = p->host->timer_start(p, at > now ? at - now : 0, tick, NULL);
	if (!x->timer)
		end(p, SONDE_FAIL_OVERLOAD, "no memory for a timer");
}

static void tick(struct sonde_probe *p, void *arg)
{
	struct sonde_rounds *x = p->state;
	int64_t now = p->host->now(p);

	x->timer = NULL;
	if (x->over)
		return;
	give_up(p, now);
	if (x->sent < x->count && !x->stop && now >= x->due) {
		send_one(p);
		/* A late loop delays the rest; it does not send a burst. */
		x->due += x->interval;
		if (x->due < now)
			x->due = now + x->interval;
	}
	if (is_over(x))
		conclude(p);
	else
		arm(p, now);
}

static void resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                     const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                     const char *why)
{
	struct sonde_rounds *x = p->state;

	if (x->over)
		return;
	if (failure || !count) {
		end(p, failure ? failure : SONDE_FAIL_RESOLVE,
		    why ? why : "the name has no address");
		return;
	}
	sonde_address_order(addrs, count, &x->target, 1);
	sonde_address_set_port(&x->target, x->port);
	sonde_address_text(&x->target, x->address);
	x->resolve_ns = took_ns;
	x->buf = p->host->alloc(p, x->largest ? x->largest : 1);
	if (!x->buf) {
		end(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	/* An error shows again, and is told, when the request is due. */
	(void)open_round(p, &x->rounds[0]);
	x->started_at = p->host->now(p);
	x->due = x->started_at + SONDE_DATAGRAM_SETTLE_NS;
	if (x->ops->head)
		x->ops->head(p);
	arm(p, x->started_at);
}

static void begin(struct sonde_probe *p, void *arg)
{
	struct sonde_rounds *x = p->state;
	int family = sonde_address_family(p, &x->from);

	x->timer = NULL;
	if (family < 0)
		end(p, SONDE_FAIL_INTERNAL,
		    "the source is of another IP version than was asked for");
	else if (p->host->resolve(p, p->target, family, resolved, NULL))
		end(p, SONDE_FAIL_INTERNAL, "the lookup could not be started");
}

int sonde_rounds_start(struct sonde_probe *p)
{
	struct sonde_rounds *x = p->state;

	for (unsigned i = 0; i < SONDE_ROUNDS_MAX; i++)
		x->rounds[i].fd = -1;
	if (sonde_source_parse(x->source, &x->from))
		return -1;
	x->timer = p->host->timer_start(p, 0, begin, NULL);
	return x->timer ? 0 : -1;
}

void sonde_rounds_cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct sonde_rounds *x = p->state;

	if (why == SONDE_WHY_TIMEOUT && !*x->address)
		end(p, SONDE_FAIL_RESOLVE, "the name was not resolved in time");
	else if (why == SONDE_WHY_TIMEOUT)
		end(p, SONDE_FAIL_TIMEOUT, "the time for the measurement was over");
	else
		end(p, SONDE_FAIL_CANCELLED, why == SONDE_WHY_SHUTDOWN
		    ? "the node shut down" : "the measurement was cancelled");
}

void sonde_rounds_finish(struct sonde_probe *p)
{
	struct sonde_rounds *x = p->state;

	if (x->timer)
		p->host->timer_stop(p, x->timer);
	for (unsigned i = 0; i < SONDE_ROUNDS_MAX; i++)
		close_round(p, &x->rounds[i]);
}

struct sonde_sums sonde_rounds_sums(const struct sonde_rounds *x)
{
	struct sonde_sums s = { 0 };

	for (unsigned i = 0; i < x->sent; i++) {
		s.total += x->rounds[i].status != SONDE_ROUND_PENDING;
		if (x->rounds[i].taken)
			sonde_sums_add(&s, (double)x->rounds[i].rtt);
	}
	return s;
}

const char *sonde_rounds_stamps(const struct sonde_rounds *x)
{
	unsigned taken = 0, user = 0;

	for (unsigned i = 0; i < x->sent; i++) {
		taken += x->rounds[i].taken;
		user += x->rounds[i].taken && x->rounds[i].by_user;
	}
	return !taken ? NULL : !user ? "kernel" : user == taken ? "user" : "mixed";
}

const char *sonde_round_status_name(enum sonde_round_status status)
{
	static const char *const names[] = { "unsent", "pending", "reply", "lost", "error" };

	return names[status];
}
