/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep plugin: one echo request to each address of a set, as fast as asked for, with kernel
 * time stamps in both directions (a batch that is timed in user space is wrong by its own length).
 *
 * Phases, each cut into slices of at most SLICE_NS so that the loop stays free: GUARD asks about
 * every address before anything is sent; SEND sends a batch and reads what has come, in turns;
 * WAIT watches the sockets until all have answered or `wait` is over. SEND and WAIT repeat for
 * those that did not answer, `retries` times. Then the result is written.
 *
 * Refused: replies from another address than was asked, without the cookie, of an earlier round,
 * or later than `wait`. Memory is the host's; finish() closes the sockets. */
#include "sweep/sweep.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { READ_SLOTS = SWEEP_BATCH + 8, GUARD_STEP = 256, MAX_SIZE = 1472 };

#define MS INT64_C(1000000)
#define SLICE_NS (2 * MS)

static void slice(struct sonde_probe *p, void *arg);

static void finish_with(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct sweep_state *s = p->state;

	if (s->done)
		return;
	s->done = 1;
	if (s->packets || !failure)
		sweep_write_result(p);
	p->host->done(p, failure, why);
}

static void arm(struct sonde_probe *p, int64_t delay)
{
	struct sweep_state *s = p->state;

	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer = p->host->timer_start(p, delay > 0 ? delay : 0, slice, NULL);
	if (!s->timer)
		finish_with(p, SONDE_FAIL_OVERLOAD, "no memory for a timer");
}

/* Reading. */

static void take_stamp(struct sweep_state *s, const struct sweep_lane *lane,
                       const struct sonde_icmp_err *e)
{
	if (!e->is_stamp || lane->socket.next_key - e->key - 1 >= SWEEP_KEYS)
		return;
	int64_t *tx = &s->tx[lane->keys[e->key % SWEEP_KEYS]];
	/* A stamp from before this request was made is another's (see sonde_icmp_rekey). */
	if ((*tx & 1) && e->stamp >= (*tx & ~INT64_C(1)))
		*tx = e->stamp & ~INT64_C(1);
}

static void take_reply(struct sonde_probe *p, const struct sweep_lane *lane,
                       const struct sonde_icmp_rx *rx)
{
	struct sweep_state *s = p->state;
	struct sonde_icmp_msg m;
	bool ip_header = lane->socket.raw && lane->socket.family == AF_INET;
	uint8_t address[16];

	if (!sonde_icmp_parse(lane->socket.family, ip_header, rx->data, rx->len, &m) ||
	    m.kind != SONDE_ICMP_REPLY || m.id != lane->socket.id)
		return;
	uint32_t i = sweep_out_match(s, &m);
	if (i == UINT32_MAX)
		return;
	unsigned len = sweep_address(sweep_set_find(&s->set, i, &s->near), i, address);
	if (!rx->from || memcmp(address, rx->from, len) || !s->tx[i])
		return;
	if (s->rtt[i]) {
		s->duplicates += s->rtt[i] <= SWEEP_RTT_MAX;
		return;
	}
	int64_t rtt = (rx->stamp ? rx->stamp : sonde_icmp_wall_ns()) - (s->tx[i] & ~INT64_C(1));
	if (rtt <= 0 || rtt > ((const struct sweep_args *)p->args)->wait)
		return;
	s->rtt[i] = (uint32_t)rtt;
	s->user_stamps += (s->tx[i] & 1) || !rx->stamp;
	s->alive++;
	s->pending--;
}

/* The replies are read first but looked at last: the send stamp of each was queued before it. */
static bool read_lane(struct sonde_probe *p, struct sweep_lane *lane)
{
	struct sweep_state *s = p->state;
	struct sonde_icmp_err e;
	struct sonde_icmp_rx rx;
	unsigned replies = sonde_icmp_recv(&lane->socket, s->replies);
	unsigned stamps = sonde_icmp_recv_errors(&lane->socket, s->errors);

	for (unsigned i = 0; i < stamps; i++)
		if (sonde_icmp_get_error(s->errors, i, &e))
			take_stamp(s, lane, &e);
	for (unsigned i = 0; i < replies; i++) {
		sonde_icmp_get(s->replies, i, &rx);
		take_reply(p, lane, &rx);
	}
	return replies == READ_SLOTS || stamps == READ_SLOTS;
}

static void collect(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;

	for (unsigned i = 0; i < 2; i++) {
		unsigned turns = 0;
		while (s->lanes[i].socket.fd >= 0 && read_lane(p, &s->lanes[i]) && ++turns < 8)
			;
	}
}

/* Phases. */

static void end_round(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	const struct sweep_args *a = p->args;

	for (unsigned i = 0; i < 2; i++)
		if (s->lanes[i].watch)
			p->host->watch_change(p, s->lanes[i].watch, 0);
	if (!s->pending || s->round == a->retries) {
		finish_with(p, SONDE_FAIL_NONE, NULL);
		return;
	}
	s->round++;
	s->next = s->pending = 0;
	s->phase = SWEEP_SEND;
	arm(p, 0);
}

static void readable(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct sweep_state *s = p->state;

	if (s->done || s->phase != SWEEP_WAIT)
		return;
	collect(p);
	if (!s->pending)
		end_round(p);
}

static void begin_wait(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	const struct sweep_args *a = p->args;

	s->phase = SWEEP_WAIT;
	if (!s->pending) {
		end_round(p);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct sweep_lane *lane = &s->lanes[i];
		unsigned events = SONDE_READABLE | SONDE_ERRQUEUE;
		if (lane->watch)
			p->host->watch_change(p, lane->watch, events);
		else if (lane->socket.fd >= 0)
			lane->watch = p->host->watch_start(p, lane->socket.fd, events, readable, NULL);
	}
	/* Without a watch the replies are read when the wait is over: late, but rightly timed. */
	arm(p, s->last_send_at + a->wait + MS - p->host->now(p));
}

/* How many packets may leave now; when none, *delay is the time until one may. */
static unsigned pace(struct sonde_probe *p, int64_t now, int64_t *delay)
{
	struct sweep_state *s = p->state;
	int64_t rate = ((const struct sweep_args *)p->args)->rate;

	*delay = MS; /* for a socket that is full */
	if (!rate)
		return SWEEP_BATCH;
	/* What a busy loop missed is made up for ten milliseconds back, not in a burst. */
	if (s->next_due < now - 10 * MS)
		s->next_due = now - 10 * MS;
	if (now < s->next_due) {
		*delay = s->next_due - now > MS ? s->next_due - now : MS;
		return 0;
	}
	int64_t due = (now - s->next_due) * rate / (1000 * MS) + 1;
	return due < SWEEP_BATCH ? (unsigned)due : SWEEP_BATCH;
}

/* One batch; false when the loop gets its turn (a timer is armed, or the phase is over). */
static bool send_some(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	int64_t now = p->host->now(p), delay;
	int64_t rate = ((const struct sweep_args *)p->args)->rate;
	unsigned may = pace(p, now, &delay);
	unsigned n = may ? sweep_out_send(p, may) : 0;

	if (n)
		s->last_send_at = now;
	if (rate)
		s->next_due += n * 1000 * MS / rate;
	collect(p);
	if (s->next == s->set.n_targets) {
		begin_wait(p);
		return false;
	}
	if (n)
		return true;
	arm(p, delay);
	return false;
}

static bool guard_some(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	struct sockaddr_storage sa;
	char text[SWEEP_ADDRESS_TEXT] = "", why[128];
	uint8_t bytes[16];

	for (unsigned i = 0; i < GUARD_STEP && s->next < s->set.n_targets; i++, s->next++) {
		const struct sweep_range *r = sweep_set_find(&s->set, s->next, &s->near);
		socklen_t len = sweep_sockaddr(r, s->next, &sa);
		if (p->host->allowed(p, (struct sockaddr *)&sa, len))
			continue;
		sweep_address(r, s->next, bytes);
		inet_ntop(r->family, bytes, text, sizeof(text));
		snprintf(why, sizeof(why), "the guard does not allow %s", text);
		finish_with(p, SONDE_FAIL_GUARD, why);
		return false;
	}
	if (s->next < s->set.n_targets)
		return true;
	s->next = 0;
	s->phase = SWEEP_SEND;
	int64_t now = p->host->now(p), settled = s->opened_at + SONDE_ICMP_SETTLE_NS;
	s->started_at = s->next_due = s->last_send_at = now > settled ? now : settled;
	if (now < settled)
		arm(p, settled - now);
	return now >= settled;
}

static void slice(struct sonde_probe *p, void *arg)
{
	struct sweep_state *s = p->state;
	int64_t until = p->host->now(p) + SLICE_NS;
	bool more = true;

	s->timer = NULL;
	if (s->done)
		return;
	if (s->phase == SWEEP_WAIT) {
		collect(p);
		end_round(p);
		return;
	}
	while (more && p->host->now(p) < until)
		more = s->phase == SWEEP_GUARD ? guard_some(p) : send_some(p);
	if (more)
		arm(p, 0);
}

/* The way to the first slice. */

static int take_memory(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	uint32_t n = s->set.n_targets;

	s->replies = sonde_icmp_batch_new(p, READ_SLOTS, SONDE_ICMP_KEEP);
	s->errors = sonde_icmp_batch_new(p, READ_SLOTS, SONDE_ICMP_KEEP);
	s->tx = p->host->alloc(p, n * sizeof(*s->tx));
	s->rtt = p->host->alloc(p, n * sizeof(*s->rtt));
	for (unsigned i = 0; i < 2; i++) {
		if (i ? !s->set.v6 : !s->set.v4)
			continue;
		s->lanes[i].keys = p->host->alloc(p, SWEEP_KEYS * sizeof(uint32_t));
		if (!s->lanes[i].keys)
			return -1;
	}
	return s->replies && s->errors && s->tx && s->rtt && !sweep_out_init(p) ? 0 : -1;
}

static int open_lanes(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	int rc = s->set.v4 ? sonde_icmp_open(p, AF_INET, SONDE_ICMP_BULK, &s->lanes[0].socket) : 0;

	return rc || !s->set.v6 ? rc
	                        : sonde_icmp_open(p, AF_INET6, SONDE_ICMP_BULK, &s->lanes[1].socket);
}

static void begin(struct sonde_probe *p, void *arg)
{
	struct sweep_state *s = p->state;
	struct sonde_error e = { "", "" };
	char why[160];

	s->timer = NULL;
	s->set.ranges = p->host->alloc(p, sweep_set_room(p->target) * sizeof(*s->set.ranges));
	if (!s->set.ranges) {
		finish_with(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	if (sweep_set_parse(p->target, &s->set, &e)) {
		finish_with(p, SONDE_FAIL_INTERNAL, e.text);
		return;
	}
	int rc = open_lanes(p);
	if (rc) {
		snprintf(why, sizeof(why), "no ICMP socket: %s", strerror(-rc));
		finish_with(p, SONDE_FAIL_INTERNAL, why);
		return;
	}
	s->opened_at = p->host->now(p);
	if (take_memory(p)) {
		finish_with(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	s->cookie = p->host->random(p);
	slice(p, NULL);
}

static int sweep_start(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;

	s->lanes[0].socket.fd = s->lanes[1].socket.fd = -1;
	s->timer = p->host->timer_start(p, 0, begin, NULL);
	return s->timer ? 0 : -1;
}

static void sweep_cancel(struct sonde_probe *p, enum sonde_why why)
{
	if (why == SONDE_WHY_TIMEOUT)
		finish_with(p, SONDE_FAIL_TIMEOUT, "the time for the measurement was over");
	else
		finish_with(p, SONDE_FAIL_CANCELLED, why == SONDE_WHY_SHUTDOWN
		            ? "the node shut down" : "the measurement was cancelled");
}

static void sweep_finish(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;

	if (s->timer)
		p->host->timer_stop(p, s->timer);
	for (unsigned i = 0; i < 2; i++) {
		if (s->lanes[i].watch)
			p->host->watch_stop(p, s->lanes[i].watch);
		sonde_icmp_close(&s->lanes[i].socket);
	}
}

static int sweep_check(const void *args, const char *target, struct sonde_error *e)
{
	struct sweep_set set = { .ranges = NULL };

	return sweep_set_parse(target ? target : "", &set, e);
}

#define AT(member) offsetof(struct sweep_args, member)

static const char *const lists[] = { "alive", "all", "none", NULL };

static const struct sonde_param params[] = {
	{ "retries", SONDE_TYPE_INT, AT(retries), "how often to ask again who did not answer", NULL,
	  "0", NULL, 0, 3, 0 },
	{ "wait", SONDE_TYPE_DURATION, AT(wait), "how long to wait for each reply", NULL, "500ms",
	  NULL, 1, SWEEP_RTT_MAX / 1000000, 0 },
	{ "rate", SONDE_TYPE_INT, AT(rate), "packets a second at most, 0 = as fast as possible",
	  "packets/s", "0", NULL, 0, 1000000, 0 },
	{ "size", SONDE_TYPE_INT, AT(size), "payload of a request", "bytes", "56", NULL,
	  SONDE_ICMP_COOKIE, MAX_SIZE, 0 },
	{ "list", SONDE_TYPE_ENUM, AT(list), "which addresses the result names", NULL, "alive", lists,
	  0, 0, 0 },
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	{ "hosts", SONDE_TYPE_ROWS,
	  "[address, round-trip time in ms, null when it did not answer] in the target's order", NULL,
	  0 },
	{ "timestamps", SONDE_TYPE_STRING,
	  "whose clock readings the times are of: kernel, mixed or user", NULL, 0 },
	{ "stats", SONDE_TYPE_OBJECT, "sums", NULL, 0 },
	{ "stats.targets", SONDE_TYPE_INT, "addresses", NULL, 0 },
	{ "stats.sent", SONDE_TYPE_INT, "packets", NULL, 0 },
	{ "stats.alive", SONDE_TYPE_INT, "addresses that answered", NULL, 0 },
	{ "stats.lost", SONDE_TYPE_INT, "addresses that did not", NULL, 0 },
	{ "stats.unsent", SONDE_TYPE_INT, "of the lost: this host could not send to them", NULL, 0 },
	{ "stats.dup", SONDE_TYPE_INT, "duplicate replies", NULL, 0 },
	{ "stats.min", SONDE_TYPE_NUMBER, "shortest round trip", "ms", 0 },
	{ "stats.avg", SONDE_TYPE_NUMBER, "mean round trip", "ms", 0 },
	{ "stats.max", SONDE_TYPE_NUMBER, "longest round trip", "ms", 0 },
	{ "stats.p50", SONDE_TYPE_NUMBER, "median round trip", "ms", 0 },
	{ "stats.p95", SONDE_TYPE_NUMBER, "95 % are at most this", "ms", 0 },
	{ "stats.p99", SONDE_TYPE_NUMBER, "99 % are at most this", "ms", 0 },
	{ "stats.took", SONDE_TYPE_NUMBER, "time from the first request to the end", "ms", 0 },
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "sweep",
	.version = "1.0",
	.summary = "ICMP echo once to each of up to 65,536 addresses",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_ICMP,
	.args_size = sizeof(struct sweep_args),
	.state_size = sizeof(struct sweep_state),
	.params = params,
	.fields = fields,
	.check = sweep_check,
	.start = sweep_start,
	.cancel = sweep_cancel,
	.finish = sweep_finish,
	.target = SONDE_TARGET_IS_LIST,
};
