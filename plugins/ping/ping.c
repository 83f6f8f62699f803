/* SPDX-License-Identifier: Apache-2.0 */
/* The ping plugin: sends ICMP echo requests to one address and measures by kernel time stamps.
 *
 * start() only arms a timer; the timer asks for the address; the answer opens the socket (with TCP,
 * tcp.c connects instead). From then on one timer stands for the nearest of "next request due" and
 * "oldest request given up", and the watch reads replies and the error queue. Each request ends
 * exactly once: reply, lost (nothing within `wait`), or error (an ICMP error, or this host could
 * not send). When all have ended the result is written and the probe is done.
 *
 * Refused: replies that do not come from the target, or do not return id, sequence number and the
 * random cookie. Memory is the host's; finish() closes the socket. */
#include "ping/ping.h"
#include "connect/errno.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MTU_DISCOVER_DONT = 0, MTU_DISCOVER_DO = 2 };

static void tick(struct sonde_probe *p, void *arg);

void ping_end(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct ping_state *s = p->state;

	if (s->done)
		return;
	s->done = 1;
	if (s->packets)
		ping_write_result(p);
	p->host->done(p, failure, why);
}

static void conclude(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	char why[160];
	unsigned replies = 0;

	for (unsigned i = 0; i < s->sent; i++)
		replies += s->packets[i].status == PING_REPLY;
	if (!replies && s->unreachable) {
		snprintf(why, sizeof(why), "%s, says %s", s->unreachable, s->says);
		ping_end(p, SONDE_FAIL_UNREACHABLE, why);
	} else if (!replies && s->refused) {
		snprintf(why, sizeof(why), "could not send: %s", s->refused);
		ping_end(p, SONDE_FAIL_INTERNAL, why);
	} else {
		ping_end(p, SONDE_FAIL_NONE, NULL);
	}
}

/* Requests. */

static int send_bytes(struct ping_state *s, struct ping_packet *k, size_t len)
{
	for (int tries = 0; tries < 2; tries++) {
		ssize_t n = sendto(s->socket.fd, s->out, len, 0, (struct sockaddr *)&s->target.sa,
		                   s->target.len);
		if (n >= 0) {
			k->key = s->socket.next_key++;
			return 0;
		}
		int error = errno;
		/* The first failure may be the report of an earlier request's ICMP error. */
		sonde_icmp_rekey(&s->socket);
		if (tries)
			return -error;
	}
	return 0;
}

static void send_failed(struct sonde_probe *p, struct ping_packet *k, int error)
{
	struct ping_state *s = p->state;

	k->status = PING_ERROR;
	k->user_tx = 0;
	k->note = error == EMSGSIZE ? "packet too big" : strerror(error);
	if (error == ENETUNREACH || error == EHOSTUNREACH) {
		s->unreachable = error == ENETUNREACH ? "network unreachable" : "host unreachable";
		snprintf(s->says, sizeof(s->says), "this host");
		k->note = s->unreachable;
	} else if (error != EMSGSIZE) {
		s->refused = k->note;
	}
	ping_print_error(p, s->sent, "this host", k->note);
}

static void send_one(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	struct ping_packet *k = &s->packets[s->sent++];
	size_t size = (size_t)ping_args_of(p)->size;
	uint8_t cookie[SONDE_ICMP_COOKIE];

	ping_cookie_of(s, s->sent, cookie);
	sonde_icmp_build(s->socket.family, s->out, s->socket.id, (uint16_t)s->sent, cookie, size);
	k->sent_at = p->host->now(p);
	k->user_tx = sonde_icmp_wall_ns();
	k->status = PING_PENDING;
	int rc = send_bytes(s, k, SONDE_ICMP_HEADER + size);
	if (rc)
		send_failed(p, k, -rc);
}

static void expire(struct sonde_probe *p, int64_t now)
{
	struct ping_state *s = p->state;
	int64_t wait = ping_args_of(p)->wait;

	while (s->oldest < s->sent) {
		struct ping_packet *k = &s->packets[s->oldest];
		if (k->status == PING_PENDING && now < k->sent_at + wait)
			return;
		if (k->status == PING_PENDING)
			k->status = PING_LOST;
		s->oldest++;
	}
}

static void arm(struct sonde_probe *p, int64_t now)
{
	struct ping_state *s = p->state;
	int64_t at = INT64_MAX;

	if (s->timer)
		p->host->timer_stop(p, s->timer);
	if (s->sent < ping_args_of(p)->packets)
		at = s->due;
	if (s->oldest < s->sent && s->packets[s->oldest].sent_at + ping_args_of(p)->wait < at)
		at = s->packets[s->oldest].sent_at + ping_args_of(p)->wait;
	s->timer = p->host->timer_start(p, at > now ? at - now : 0, tick, NULL);
	if (!s->timer)
		ping_end(p, SONDE_FAIL_OVERLOAD, "no memory for a timer");
}

static void step(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	int64_t now = p->host->now(p);

	if (s->sent < ping_args_of(p)->packets && now >= s->due) {
		send_one(p);
		/* A late loop delays the rest; it does not send a burst. */
		s->due += ping_args_of(p)->interval;
		if (s->due < now)
			s->due = now + ping_args_of(p)->interval;
	}
	expire(p, now);
	if (s->oldest == ping_args_of(p)->packets)
		conclude(p);
	else
		arm(p, now);
}

static void tick(struct sonde_probe *p, void *arg)
{
	struct ping_state *s = p->state;

	s->timer = NULL;
	if (s->done)
		return;
	ping_drain(p); /* what came while the loop was late is not lost */
	step(p);
}

static void readable(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct ping_state *s = p->state;
	unsigned before = s->oldest;

	if (s->done)
		return;
	ping_drain(p);
	expire(p, p->host->now(p));
	if (s->oldest == ping_args_of(p)->packets)
		conclude(p);
	else if (s->oldest != before && s->sent == ping_args_of(p)->packets)
		arm(p, p->host->now(p));
}

/* The way to the first request. */

static void set_options(const struct sonde_probe *p)
{
	const struct ping_args *a = ping_args_of(p);
	const struct ping_state *s = p->state;
	bool v4 = s->socket.family == AF_INET;
	int discover = a->dont_fragment ? MTU_DISCOVER_DO : MTU_DISCOVER_DONT;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	const struct {
		int name, value;
	} options[] = {
		{ v4 ? IP_TTL : IPV6_UNICAST_HOPS, (int)a->ttl },
		{ v4 ? IP_TOS : IPV6_TCLASS, (int)a->tos },
		{ v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, discover },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(s->socket.fd, level, options[i].name, &options[i].value,
		                 sizeof(int));
}

static int take_memory(struct sonde_probe *p)
{
	const struct ping_args *a = ping_args_of(p);
	struct ping_state *s = p->state;

	s->batch = sonde_icmp_batch_new(p, PING_BATCH, (size_t)a->size + 128);
	s->out = p->host->alloc(p, SONDE_ICMP_HEADER + (size_t)a->size);
	s->packets = p->host->alloc(p, (size_t)a->packets * sizeof(*s->packets));
	for (size_t i = 0; i < SONDE_ICMP_COOKIE; i += sizeof(uint64_t)) {
		uint64_t r = p->host->random(p);
		memcpy(s->cookie + i, &r, sizeof(r));
	}
	return s->batch && s->out && s->packets ? 0 : -1;
}

static void resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                     const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                     const char *why)
{
	struct ping_state *s = p->state;
	char text[160];

	if (s->done)
		return;
	if (failure || !count) {
		ping_end(p, failure ? failure : SONDE_FAIL_RESOLVE,
		            why ? why : "the name has no address");
		return;
	}
	if (ping_args_of(p)->protocol == PING_TCP) {
		if (ping_tcp_start(p, addrs, count))
			ping_end(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	sonde_address_order(addrs, count, &s->target, 1);
	sonde_address_text(&s->target, s->address);
	int rc = sonde_icmp_open_from(p, s->target.sa.ss_family,
	                              SONDE_ICMP_WANT_TTL | SONDE_ICMP_WANT_ERRORS, &s->source,
	                              &s->socket);
	if (rc) {
		snprintf(text, sizeof(text), "%s%s", rc == -EADDRNOTAVAIL ? "" : "no ICMP socket: ",
		         rc == -EADDRNOTAVAIL ? sonde_errno_phrase(ENODEV) : strerror(-rc));
		ping_end(p, SONDE_FAIL_INTERNAL, text);
		return;
	}
	set_options(p);
	s->watch = p->host->watch_start(p, s->socket.fd, SONDE_READABLE | SONDE_ERRQUEUE, readable,
	                                NULL);
	if (take_memory(p) || !s->watch) {
		s->packets = NULL;
		ping_end(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	s->started_at = s->due = p->host->now(p) + SONDE_ICMP_SETTLE_NS;
	ping_print_head(p);
	arm(p, p->host->now(p));
}

static void begin(struct sonde_probe *p, void *arg)
{
	struct ping_state *s = p->state;
	int family = sonde_address_family(p, &s->source);

	s->timer = NULL;
	if (family < 0)
		ping_end(p, SONDE_FAIL_INTERNAL,
		         "the source is of another IP version than was asked for");
	else if (p->host->resolve(p, p->target, family, resolved, NULL))
		ping_end(p, SONDE_FAIL_INTERNAL, "the lookup could not be started");
}

static int ping_start(struct sonde_probe *p)
{
	struct ping_state *s = p->state;

	s->socket.fd = -1;
	if (sonde_source_parse(ping_args_of(p)->source, &s->source))
		return -1;
	s->timer = p->host->timer_start(p, 0, begin, NULL);
	return s->timer ? 0 : -1;
}

static void ping_cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct ping_state *s = p->state;

	if (s->series)
		sonde_series_stop(p, s->series);
	if (why == SONDE_WHY_TIMEOUT)
		ping_end(p, SONDE_FAIL_TIMEOUT, "the time for the measurement was over");
	else
		ping_end(p, SONDE_FAIL_CANCELLED, why == SONDE_WHY_SHUTDOWN
		            ? "the node shut down" : "the measurement was cancelled");
}

static void ping_finish(struct sonde_probe *p)
{
	struct ping_state *s = p->state;

	if (s->timer)
		p->host->timer_stop(p, s->timer);
	if (s->watch)
		p->host->watch_stop(p, s->watch);
	if (s->series)
		sonde_series_stop(p, s->series);
	sonde_icmp_close(&s->socket);
}

static int ping_check(const void *args, const char *target, struct sonde_error *e)
{
	const struct ping_args *a = args;

	if (!target || !*target) {
		snprintf(e->path, sizeof(e->path), "target");
		snprintf(e->text, sizeof(e->text), "must be a host name or an address");
		return -1;
	}
	if (a->packets > 16 && a->size > 1472) {
		snprintf(e->path, sizeof(e->path), "size");
		snprintf(e->text, sizeof(e->text), "must be at most 1472 with more than 16 packets");
		return -1;
	}
	if (a->protocol == PING_TCP && a->packets > SONDE_SERIES_MAX) {
		snprintf(e->path, sizeof(e->path), "packets");
		snprintf(e->text, sizeof(e->text), "must be at most %d with TCP", SONDE_SERIES_MAX);
		return -1;
	}
	return sonde_source_check(a->source, e);
}

#define AT(member) offsetof(struct ping_args, member)

static const char *const protocols[] = { "ICMP", "TCP", NULL };

static const struct sonde_param params[] = {
	{ "packets", SONDE_TYPE_INT, AT(packets), "how many requests to send", NULL, "3", NULL,
	  1, 1000, 0 },
	{ "interval", SONDE_TYPE_DURATION, AT(interval), "time between two requests", NULL, "500ms",
	  NULL, 1, 60000, 0 },
	{ "wait", SONDE_TYPE_DURATION, AT(wait), "how long to wait for each reply", NULL, "2s", NULL,
	  1, 60000, 0 },
	{ "size", SONDE_TYPE_INT, AT(size),
	  "payload of a request; below 16 a reply is matched by fewer random bytes", "bytes", "56",
	  NULL, 0, SONDE_ICMP_MAX_SIZE, 0 },
	{ "ttl", SONDE_TYPE_INT, AT(ttl), "time to live, or hop limit, of a request", NULL, "64",
	  NULL, 1, 255, 0 },
	{ "dontFragment", SONDE_TYPE_BOOL, AT(dont_fragment), "forbid fragmentation on the way", NULL,
	  "false", NULL, 0, 0, 0 },
	{ "tos", SONDE_TYPE_INT, AT(tos), "type of service, or traffic class, byte", NULL, "0", NULL,
	  0, 255, 0 },
	{ "protocol", SONDE_TYPE_ENUM, AT(protocol), "how to ping: echo requests or connections",
	  NULL, "ICMP", protocols, 0, 0, 0 },
	{ "port", SONDE_TYPE_INT, AT(port), "port to connect to with TCP", NULL, "80", NULL, 1, 65535,
	  0 },
	{ "source", SONDE_TYPE_STRING, AT(source), "address of the node to send from", NULL, NULL,
	  NULL, 0, 45, 0 },
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	{ "resolvedAddress", SONDE_TYPE_STRING, "the address that was pinged", NULL, 0 },
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address", NULL,
	  0 },
	{ "timestamps", SONDE_TYPE_STRING,
	  "whose clock readings the times are of: kernel, mixed or user", NULL, 0 },
	{ "timings", SONDE_TYPE_ROWS, "the replies in order; a lost request has no entry", NULL, 0 },
	{ "timings[].rtt", SONDE_TYPE_NUMBER, "round-trip time", "ms", 0 },
	{ "timings[].ttl", SONDE_TYPE_INT, "time to live of the reply, ICMP only", NULL, 0 },
	{ "packets", SONDE_TYPE_ROWS, "every request and every duplicate reply", NULL, 0 },
	{ "packets[].seq", SONDE_TYPE_INT, "sequence number, from 1", NULL, 0 },
	{ "packets[].status", SONDE_TYPE_STRING, "reply, lost, error or duplicate", NULL, 0 },
	{ "packets[].rtt", SONDE_TYPE_NUMBER, "round-trip time", "ms", 0 },
	{ "packets[].ttl", SONDE_TYPE_INT, "time to live of the reply", NULL, 0 },
	{ "packets[].note", SONDE_TYPE_STRING, "what the error said", NULL, 0 },
	{ "packets[].stamp", SONDE_TYPE_STRING, "user, where a kernel stamp was missing", NULL, 0 },
	{ "stats", SONDE_TYPE_OBJECT, "sums", NULL, 0 },
	{ "stats.min", SONDE_TYPE_NUMBER, "shortest round trip", "ms", 0 },
	{ "stats.avg", SONDE_TYPE_NUMBER, "mean round trip", "ms", 0 },
	{ "stats.max", SONDE_TYPE_NUMBER, "longest round trip", "ms", 0 },
	{ "stats.stddev", SONDE_TYPE_NUMBER, "standard deviation", "ms", 0 },
	{ "stats.jitter", SONDE_TYPE_NUMBER, "mean difference of neighbouring replies", "ms", 0 },
	{ "stats.total", SONDE_TYPE_INT, "requests", NULL, 0 },
	{ "stats.rcv", SONDE_TYPE_INT, "replies", NULL, 0 },
	{ "stats.drop", SONDE_TYPE_INT, "requests without a reply", NULL, 0 },
	{ "stats.dup", SONDE_TYPE_INT, "duplicate replies", NULL, 0 },
	{ "stats.loss", SONDE_TYPE_NUMBER, "share without a reply", "%", 0 },
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "ping",
	.version = "1.1",
	.summary = "ICMP echo or TCP connections to one target: round-trip times, loss, jitter",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_ICMP | SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct ping_args),
	.state_size = sizeof(struct ping_state),
	.params = params,
	.fields = fields,
	.check = ping_check,
	.start = ping_start,
	.cancel = ping_cancel,
	.finish = ping_finish,
};
