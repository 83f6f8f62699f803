/* SPDX-License-Identifier: Apache-2.0 */
/* The sending half of the path engine, and its clock.
 *
 * TTLs go out in ascending order, CHUNK of them at once, PACE later twice as many, and again twice
 * as many half a PACE later: thirty hops are asked within 2 ms, and of the probes that reach the
 * target the lowest TTL is the first, before a limit of its answers sets in. When all are answered
 * before the next are due, the path is a near one: then one TTL goes out at once, then two, and so
 * on, so that a near target is not shot at with TTLs beyond it. When the end of the path is known,
 * probes beyond it are dropped and no more are sent.
 *
 * With interval 0 everything is one round with one deadline; a hop that did not answer all its
 * queries is asked once more before it. Otherwise each query of a hop is in a round of its own.
 * When this host refuses to send, no more is sent and what is in flight is waited for. One timer
 * stands for the nearest of: next chunk, asking again, oldest probe given up. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "path/path.h"

enum {
	CHUNK = 4,
	CHUNK_MAX = 16,
	BEYOND = 5, /* silent hops a later round goes past the last one that answered */
};
#define MS INT64_C(1000000)
#define PACE_NS (1 * MS)
#define AGAIN_NS (500 * MS)

static void tick(struct sonde_probe *p, void *arg);

void path_end_with(struct sonde_probe *p, struct path *s, enum sonde_failure failure,
                   const char *why)
{
	if (s->is_over)
		return;
	s->is_over = true;
	if (failure || !path_names_wait(p, s))
		s->over(p, s, failure, why);
}

const struct path_probe *path_slot(const struct path *s, unsigned ttl, unsigned i)
{
	return &s->probes[(ttl - s->config.first) * s->slots + i];
}

static unsigned limit(const struct path *s)
{
	unsigned top = s->config.last;

	if (path_in_rounds(s) && s->round > 0) {
		unsigned known = s->heard >= s->config.first ? s->heard : s->config.first - 1;
		top = known + BEYOND < top ? known + BEYOND : top;
	}
	return s->end && s->end < top ? s->end : top;
}

static bool all_sent(const struct path *s)
{
	return s->refused ||
		(s->cursor > limit(s) && (!path_in_rounds(s) || s->round + 1 >= s->config.queries));
}

/* When hops that did not answer are asked once more. */
static int64_t again_due(const struct path *s)
{
	if (s->again_at)
		return s->again_at;
	return s->last_sent + (s->config.wait < 2 * AGAIN_NS ? s->config.wait / 2 : AGAIN_NS);
}

/* How long a probe may still be answered. Once the target has answered, routers before it have had
 * their time after ten of its round trips (and, where they are asked again, after that). */
static int64_t patience(const struct path *s)
{
	int64_t near = s->end_rtt * 10;
	int64_t least = path_in_rounds(s) ? AGAIN_NS : AGAIN_NS + 100 * MS + 4 * s->end_rtt;

	if (!s->end)
		return s->config.wait;
	near = near > least ? near : least;
	return near < s->config.wait ? near : s->config.wait;
}

static int64_t expiry(const struct path *s, const struct path_probe *k)
{
	if (path_in_rounds(s))
		return k->sent_at + patience(s);
	return all_sent(s) ? s->last_sent + patience(s) : INT64_MAX;
}

static void drop(struct sonde_probe *p, struct path *s, struct path_probe *k,
                 enum path_status status)
{
	k->status = status;
	s->pending--;
	if (s->config.protocol == PATH_TCP)
		path_close(p, k->socket);
}

void path_settle(struct sonde_probe *p, struct path *s, struct path_probe *k, int64_t now)
{
	drop(p, s, k, PATH_ANSWERED);
	if (k->has_from)
		path_names_ask(p, s, k->from);
	if (k->ttl > s->heard && k->answer == PATH_EXCEEDED)
		s->heard = k->ttl;
	if (k->answer == PATH_EXCEEDED || (s->end && k->ttl >= s->end))
		return;
	s->end = k->ttl;
	s->end_rtt = k->rtt;
	s->heard = k->ttl;
	s->reached = k->answer == PATH_TARGET;
	for (unsigned i = s->oldest; i < s->sent; i++) {
		struct path_probe *other = &s->probes[s->order[i]];
		if (other->status == PATH_PENDING && other->ttl > s->end)
			drop(p, s, other, PATH_SKIPPED);
	}
}

static void expire(struct sonde_probe *p, struct path *s, int64_t now)
{
	while (s->oldest < s->sent) {
		struct path_probe *k = &s->probes[s->order[s->oldest]];
		if (k->status == PATH_PENDING && now < expiry(s, k))
			return;
		if (k->status == PATH_PENDING)
			drop(p, s, k, PATH_LOST);
		s->oldest++;
	}
}

/* Sending. */

static struct path_socket *socket_for(struct sonde_probe *p, struct path *s, unsigned ttl,
                                      int *error)
{
	*error = 0;
	if (s->config.protocol == PATH_TCP)
		return path_open_own(p, s, ttl, error);
	if (s->own[ttl] || s->config.protocol != PATH_UDP || !s->unsigned_quotes)
		return s->own[ttl] ? s->own[ttl] : &s->main;
	for (unsigned i = 0; i < s->slots; i++)
		if (path_slot(s, ttl, i)->status == PATH_ANSWERED)
			return &s->main;
	s->own[ttl] = path_open_own(p, s, ttl, error);
	return s->own[ttl];
}

void path_send_failed(struct path *s, int error)
{
	s->refused = error == ENETUNREACH ? "network unreachable"
		: error == EHOSTUNREACH ? "host unreachable" : strerror(error);
	s->refused_error = error;
}

static void send_one(struct sonde_probe *p, struct path *s, unsigned ttl)
{
	struct path_probe *k = &s->probes[(ttl - s->config.first) * s->slots];
	struct path_probe *all = k + s->slots;
	int error;

	while (k < all && k->status != PATH_UNSENT)
		k++;
	if (k == all)
		return;
	struct path_socket *so = socket_for(p, s, ttl, &error);
	k->ttl = (uint8_t)ttl;
	k->socket = so;
	k->sent_at = p->host->now(p);
	k->status = PATH_PENDING;
	s->order[s->sent++] = (uint16_t)(k - s->probes);
	s->pending++;
	if (so && s->config.protocol == PATH_TCP)
		so->probe = k;
	if (so)
		error = path_send(s, so, k, (uint16_t)(k - s->probes + 1));
	s->last_sent = k->sent_at;
	if (!error)
		return;
	path_send_failed(s, error);
	k->status = PATH_SKIPPED;
	s->pending--;
	if (so && s->config.protocol == PATH_TCP)
		path_close(p, so);
}

static unsigned next_chunk(const struct path *s, bool early)
{
	if (!s->chunk)
		return CHUNK;
	if (early && !s->is_near)
		return 1;
	return 2 * s->chunk < CHUNK_MAX ? 2 * s->chunk : CHUNK_MAX;
}

static void send_chunk(struct sonde_probe *p, struct path *s, int64_t now)
{
	unsigned top = limit(s), repeat = path_in_rounds(s) ? 1 : s->config.queries;
	bool early = s->sent && !s->pending;

	s->due = now + (s->chunk ? PACE_NS / 2 : PACE_NS);
	s->chunk = next_chunk(s, early);
	s->is_near |= early;
	for (unsigned n = 0; n < s->chunk && s->cursor <= top && !s->refused; n++, s->cursor++)
		for (unsigned q = 0; q < repeat && !s->refused; q++)
			send_one(p, s, s->cursor);
}

static void next_round(struct path *s, int64_t now)
{
	s->round++;
	s->chunk = 0;
	s->cursor = s->config.first;
	s->round_at += s->config.interval;
	if (s->round_at < now) /* a late loop delays the rest; it does not send a burst */
		s->round_at = now;
}

static void ask_again(struct sonde_probe *p, struct path *s)
{
	unsigned top = limit(s);

	s->again_done = true;
	for (unsigned ttl = s->config.first; ttl <= top && !s->refused; ttl++) {
		unsigned got = 0, missing;
		for (unsigned i = 0; i < s->config.queries; i++)
			got += path_slot(s, ttl, i)->status == PATH_ANSWERED;
		missing = s->config.queries - got;
		/* A silent hop is probably silent by intent. */
		if (!got && !s->unsigned_quotes)
			missing = 1;
		int64_t keep = s->last_sent;
		for (; missing; missing--)
			send_one(p, s, ttl);
		s->last_sent = keep; /* all within the one deadline */
	}
}

/* The clock. */

void path_conclude(struct sonde_probe *p, struct path *s)
{
	char why[160];
	bool nothing = !s->heard && s->refused;

	if (!nothing) {
		path_end_with(p, s, SONDE_FAIL_NONE, NULL);
		return;
	}
	snprintf(why, sizeof(why), "%s, says this host", s->refused);
	if (s->refused_error == ENETUNREACH || s->refused_error == EHOSTUNREACH)
		path_end_with(p, s, SONDE_FAIL_UNREACHABLE, why);
	else if (s->refused_error == EMFILE || s->refused_error == ENFILE ||
	         s->refused_error == ENOMEM || s->refused_error == ENOBUFS)
		path_end_with(p, s, SONDE_FAIL_OVERLOAD, why);
	else
		path_end_with(p, s, SONDE_FAIL_INTERNAL, why);
}

static int64_t next_event(const struct path *s)
{
	int64_t at = INT64_MAX;

	if (s->refused)
		at = INT64_MAX;
	else if (s->cursor <= limit(s))
		at = s->due;
	else if (path_in_rounds(s) && !all_sent(s))
		at = s->round_at + s->config.interval;
	else if (!path_in_rounds(s) && !s->again_done)
		at = again_due(s);
	if (s->oldest < s->sent) {
		int64_t gone = expiry(s, &s->probes[s->order[s->oldest]]);
		at = gone < at ? gone : at;
	}
	return at;
}

void path_arm(struct sonde_probe *p, struct path *s, int64_t now)
{
	int64_t at = next_event(s);

	/* One that runs early only arms the next; most are stopped before. */
	if (s->timer && s->timer_at <= at)
		return;
	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer_at = at;
	s->timer = p->host->timer_start(p, at > now ? at - now : 0, tick, s);
	if (!s->timer)
		path_end_with(p, s, SONDE_FAIL_OVERLOAD, "no memory for a timer");
}

static void do_due(struct sonde_probe *p, struct path *s, int64_t now)
{
	if (s->refused)
		return;
	if (s->cursor <= limit(s) && (now >= s->due || (s->sent && !s->pending)))
		send_chunk(p, s, now);
	else if (s->cursor > limit(s) && path_in_rounds(s) && !all_sent(s) &&
	         now >= s->round_at + s->config.interval) {
		next_round(s, now);
		send_chunk(p, s, now);
	} else if (!path_in_rounds(s) && !s->again_done && s->cursor > limit(s) && now >= again_due(s)) {
		ask_again(p, s);
	}
}

/* A router quoted too little to tell the probe by, and that is news. */
static bool is_alarmed(const struct path *s)
{
	return s->unsigned_quotes && !s->again_at;
}

static void step(struct sonde_probe *p, struct path *s)
{
	int64_t now = p->host->now(p);

	if (is_alarmed(s)) /* who quotes too little is asked otherwise, a round trip later */
		s->again_at = now + (now - s->last_sent) + 5 * MS;
	do_due(p, s, now);
	expire(p, s, now);
	if (all_sent(s) && !s->pending)
		path_conclude(p, s);
	else
		path_arm(p, s, now);
}

static void tick(struct sonde_probe *p, void *arg)
{
	struct path *s = arg;

	s->timer = NULL;
	if (s->is_over)
		return;
	if (s->main.s.fd >= 0 && s->pending)
		path_drain(p, &s->main, SONDE_READABLE | SONDE_ERRQUEUE); /* what came while the loop was late is not lost */
	step(p, s);
}

void path_event(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct path_socket *so = arg;
	struct path *s = so->path;
	unsigned pending = s->pending;

	if (s->is_over || so->s.fd != fd)
		return;
	path_drain(p, so, events);
	/* A wake-up for send stamps alone changes nothing. */
	if (s->pending != pending || is_alarmed(s))
		step(p, s);
}
