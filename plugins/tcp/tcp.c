/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connect: one connection an interval, the round trip of each handshake as the kernel measured
 * it (TCP_INFO), because a busy loop would add its own delay. States of a connection: unused ->
 * WAITING -> UP or a failure. The probe ends when no connection is waiting and none is left to
 * start, or when it is told to. Owns its sockets. */
#include "tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct sonde_param params[] = {
	{ "port", SONDE_TYPE_INT, offsetof(struct tcp_args, port), "port to connect to",
	  .def = "80", .min = 1, .max = 65535 },
	{ "count", SONDE_TYPE_INT, offsetof(struct tcp_args, count), "connections to make",
	  .def = "3", .min = 1, .max = TCP_COUNT_MAX },
	{ "interval", SONDE_TYPE_DURATION, offsetof(struct tcp_args, interval),
	  "time between the starts of two connections", .unit = "ms", .def = "500ms", .min = 10,
	  .max = 60000 },
	{ "wait", SONDE_TYPE_DURATION, offsetof(struct tcp_args, wait),
	  "how long to wait for one connection", .unit = "ms", .def = "3s", .min = 10,
	  .max = 60000 },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "resolvedAddress", SONDE_TYPE_STRING, "address that was connected to" },
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address" },
	{ "port", SONDE_TYPE_INT, "port that was connected to" },
	{ "resolveTime", SONDE_TYPE_NUMBER, "time of the name lookup", "ms" },
	{ "timings", SONDE_TYPE_ROWS, "one row a connection that was established" },
	{ "timings[].rtt", SONDE_TYPE_NUMBER, "round trip of the handshake", "ms" },
	{ "stats", SONDE_TYPE_OBJECT, "sums" },
	{ "stats.min", SONDE_TYPE_NUMBER, "shortest round trip", "ms" },
	{ "stats.avg", SONDE_TYPE_NUMBER, "mean round trip", "ms" },
	{ "stats.max", SONDE_TYPE_NUMBER, "longest round trip", "ms" },
	{ "stats.total", SONDE_TYPE_INT, "connections tried" },
	{ "stats.rcv", SONDE_TYPE_INT, "connections established" },
	{ "stats.drop", SONDE_TYPE_INT, "connections not established" },
	{ "stats.loss", SONDE_TYPE_NUMBER, "share not established", "%" },
	{ NULL },
};

static enum sonde_failure failure_of(int error)
{
	static const struct {
		int error;
		enum sonde_failure failure;
	} rows[] = {
		{ 0, SONDE_FAIL_NONE },
		{ ECONNREFUSED, SONDE_FAIL_REFUSED },
		{ ECONNRESET, SONDE_FAIL_REFUSED },
		{ EHOSTUNREACH, SONDE_FAIL_UNREACHABLE },
		{ ENETUNREACH, SONDE_FAIL_UNREACHABLE },
		{ EHOSTDOWN, SONDE_FAIL_UNREACHABLE },
		{ ENETDOWN, SONDE_FAIL_UNREACHABLE },
		{ EADDRNOTAVAIL, SONDE_FAIL_UNREACHABLE },
		{ ETIMEDOUT, SONDE_FAIL_TIMEOUT },
		{ EMFILE, SONDE_FAIL_OVERLOAD },
		{ ENFILE, SONDE_FAIL_OVERLOAD },
		{ ENOBUFS, SONDE_FAIL_OVERLOAD },
		{ ENOMEM, SONDE_FAIL_OVERLOAD },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return rows[i].failure;
	return SONDE_FAIL_CONNECT;
}

static void drop_handles(struct sonde_probe *p, struct tcp_conn *c)
{
	if (c->watch)
		p->host->watch_stop(p, c->watch);
	if (c->timer)
		p->host->timer_stop(p, c->timer);
	if (c->fd >= 0)
		close(c->fd);
	c->watch = NULL;
	c->timer = NULL;
	c->fd = -1;
}

static void end_when_over(struct sonde_probe *p)
{
	struct tcp_state *s = p->state;
	const struct tcp_args *a = p->args;

	if (s->waiting || s->started < (unsigned)a->count)
		return;
	tcp_report(p);
}

static void settle(struct sonde_probe *p, struct tcp_conn *c, int error)
{
	struct tcp_state *s = p->state;

	c->state = error ? TCP_FAILED : TCP_UP;
	c->failure = failure_of(error);
	c->error = error;
	drop_handles(p, c);
	s->waiting--;
	tcp_print_conn(p, c);
	end_when_over(p);
}

/* Nanoseconds. The kernel has no figure when the SYN had to be sent again. */
static int64_t handshake_rtt(int fd, int64_t seen)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_rtt &&
	    !info.tcpi_total_retrans)
		return (int64_t)info.tcpi_rtt * 1000;
	return seen;
}

static void on_connected(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct tcp_conn *c = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (!error)
		c->rtt = handshake_rtt(fd, p->host->now(p) - c->started);
	settle(p, c, error);
}

static void on_wait_over(struct sonde_probe *p, void *arg)
{
	struct tcp_conn *c = arg;

	c->timer = NULL;
	settle(p, c, ETIMEDOUT);
}

/* 0 when connecting or connected, otherwise an errno. */
static int open_conn(struct sonde_probe *p, struct tcp_conn *c)
{
	struct tcp_state *s = p->state;
	const struct tcp_args *a = p->args;
	const struct sonde_addr *to = &s->addrs[s->addr];
	int fd = p->host->socket(p, to->sa.ss_family, SOCK_STREAM, 0, NULL);

	if (fd < 0)
		return -fd;
	c->fd = fd;
	c->started = p->host->now(p);
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len) && errno != EINPROGRESS)
		return errno;
	c->watch = p->host->watch_start(p, fd, SONDE_WRITABLE | SONDE_ERRQUEUE, on_connected, c);
	c->timer = p->host->timer_start(p, a->wait, on_wait_over, c);
	return c->watch && c->timer ? 0 : ENOMEM;
}

static void start_next(struct sonde_probe *p, void *arg)
{
	struct tcp_state *s = p->state;
	const struct tcp_args *a = p->args;
	struct tcp_conn *c = &s->conns[s->started++];

	c->fd = -1;
	c->seq = s->started;
	c->state = TCP_WAITING;
	s->waiting++;
	if (s->started < (unsigned)a->count &&
	    !p->host->timer_start(p, a->interval, start_next, NULL)) {
		p->host->done(p, SONDE_FAIL_OVERLOAD, "out of memory");
		return;
	}
	int error = open_conn(p, c);
	/* An address family without a route here: the next address is the target as well. */
	while ((error == ENETUNREACH || error == EAFNOSUPPORT) && s->started == 1 &&
	       s->addr + 1 < s->addr_count) {
		drop_handles(p, c);
		s->addr++;
		error = open_conn(p, c);
	}
	if (s->started == 1)
		tcp_print_head(p);
	if (error)
		settle(p, c, error);
}

static void set_port(struct sonde_addr *addr, uint16_t port)
{
	if (addr->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&addr->sa)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&addr->sa)->sin6_port = htons(port);
}

static void on_resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	struct tcp_state *s = p->state;
	const struct tcp_args *a = p->args;

	if (failure) {
		p->host->done(p, failure, why);
		return;
	}
	s->addr_count = count < TCP_ADDRS_MAX ? count : TCP_ADDRS_MAX;
	s->resolve_ns = took_ns;
	for (unsigned i = 0; i < s->addr_count; i++) {
		s->addrs[i] = addrs[i];
		set_port(&s->addrs[i], (uint16_t)a->port);
	}
	start_next(p, NULL);
}

static int start(struct sonde_probe *p)
{
	static const int families[] = { [4] = AF_INET, [6] = AF_INET6 };
	int family = p->ip_version == 4 || p->ip_version == 6 ? families[p->ip_version] : AF_UNSPEC;

	return p->host->resolve(p, p->target, family, on_resolved, NULL);
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct tcp_state *s = p->state;

	if (why == SONDE_WHY_TIMEOUT && !s->addr_count) {
		p->host->done(p, SONDE_FAIL_RESOLVE, "the name was not resolved in time");
		return;
	}
	for (unsigned i = 0; i < s->started; i++) {
		if (s->conns[i].state != TCP_WAITING)
			continue;
		s->conns[i].state = TCP_FAILED;
		s->conns[i].error = ETIMEDOUT;
		s->conns[i].failure = SONDE_FAIL_TIMEOUT;
		drop_handles(p, &s->conns[i]);
		if (why == SONDE_WHY_TIMEOUT)
			tcp_print_conn(p, &s->conns[i]);
	}
	if (why == SONDE_WHY_TIMEOUT)
		tcp_report(p);
	else
		p->host->done(p, SONDE_FAIL_CANCELLED, "it was cancelled");
}

static void finish(struct sonde_probe *p)
{
	struct tcp_state *s = p->state;

	for (unsigned i = 0; i < s->started; i++)
		if (s->conns[i].fd >= 0)
			close(s->conns[i].fd);
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "tcp",
	.version = "1.0",
	.summary = "TCP connect: does a port answer, and how fast is the handshake",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct tcp_args),
	.state_size = sizeof(struct tcp_state),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};
