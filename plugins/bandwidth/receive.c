/* SPDX-License-Identifier: Apache-2.0 */
/* The end that answers. Listens while its probe runs, takes connections only from the booked peer,
 * believes only those that begin with the booked token, and serves one test. Anybody else is hung up
 * on and changes nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bandwidth.h"

static void on_stream(struct sonde_probe *, void *, int, unsigned);
static void on_control(struct sonde_probe *, void *, int, unsigned);

/* ---- the test itself ---- */

static void watch_streams(struct sonde_probe *p, unsigned events)
{
	struct bw_state *s = p->state;

	for (unsigned i = 0; i < (unsigned)s->hello.streams; i++)
		p->host->watch_change(p, s->streams[i].watch, events);
}

static void begin(struct sonde_probe *p)
{
	struct bw_state *s = p->state;

	bw_close(p, &s->listener);
	for (unsigned i = 0; i < BW_STREAMS + 2; i++)
		bw_close(p, &s->callers[i]);
	s->in.open = (unsigned)s->hello.streams;
	watch_streams(p, SONDE_READABLE);
	if (!bw_chunk(p) || !bw_say(&s->control, "go\n"))
		bw_fail(p, SONDE_FAIL_PROTOCOL, "The sender hung up before the test began.");
}

static void tell_and_turn(struct sonde_probe *p)
{
	struct bw_state *s = p->state;
	const struct rate_meter *m = &s->in.meter;
	char line[BW_LINE];

	snprintf(line, sizeof(line), "got %" PRIu64 " %" PRId64 " %.0f\n", m->bytes,
	         m->bytes ? m->last_ns - m->first_ns : 0, rate_meter_steady(m));
	if (!bw_say(&s->control, line)) {
		bw_fail(p, SONDE_FAIL_PROTOCOL, "The sender hung up during the test.");
		return;
	}
	s->out.left = (uint64_t)s->hello.down;
	s->out.until_ns = p->host->now(p) + s->hello.ms * 1000000;
	s->out.open = (unsigned)s->hello.streams;
	watch_streams(p, SONDE_WRITABLE);
}

static void on_stream(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct bw_state *s = p->state;
	struct bw_conn *c = arg;

	if (!c->got_all) {
		if (!bw_drain(p, c, &s->in))
			return;
		p->host->watch_change(p, c->watch, 0);
		if (--s->in.open == 0)
			tell_and_turn(p);
	} else if (s->out.open && bw_pump(p, c, &s->out)) {
		p->host->watch_change(p, c->watch, 0);
		s->out.open--;
	}
}

static void on_control(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct bw_state *s = p->state;
	char line[BW_LINE];
	int n;

	while ((n = bw_read_line(&s->control, line)) > 0)
		if (n == 1 && line[0] == 'p' && !bw_say(&s->control, "p"))
			break;
	if (n >= 0)
		return;
	/* The sender hangs up when it has all that it wanted. */
	if (s->hello.streams && s->named == (unsigned)s->hello.streams && !s->in.open)
		bw_report_receiver(p);
	else
		bw_fail(p, SONDE_FAIL_PROTOCOL, "The sender hung up during the test.");
}

/* ---- who calls ---- */

/* The connection moves from the callers to its place; its watch is made anew there. */
static bool promote(struct sonde_probe *p, struct bw_conn *from, struct bw_conn *to,
                    sonde_watch_fn *fn, unsigned events)
{
	int fd = from->fd;

	if (to->fd >= 0)
		return false;
	p->host->watch_stop(p, from->watch);
	*to = (struct bw_conn){ .fd = fd, .len = from->len };
	memcpy(to->line, from->line, from->len);
	memset(from, 0, sizeof(*from));
	from->fd = -1;
	to->watch = p->host->watch_start(p, fd, events, fn, to);
	return to->watch != NULL;
}

static bool admit(struct sonde_probe *p, struct bw_conn *c, const struct bw_hello *h)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	if (!bw_token_equal(a->token, h->token))
		return false;
	if (h->kind == 'c') {
		if (!promote(p, c, &s->control, on_control, SONDE_READABLE))
			return false;
		s->hello = *h;
		return bw_say(&s->control, "ok\n");
	}
	if (s->control.fd < 0 || h->index >= s->hello.streams ||
	    !promote(p, c, &s->streams[h->index], on_stream, 0))
		return false;
	if (++s->named == (unsigned)s->hello.streams)
		begin(p);
	return true;
}

static void on_caller(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct bw_conn *c = arg;
	struct bw_hello h;
	char line[BW_LINE];
	int n = bw_read_line(c, line);

	if (n == 0)
		return;
	if (n < 0 || !bw_hello_parse(line, (size_t)n, &h) || !admit(p, c, &h))
		bw_close(p, c);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return !memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		               &((const struct sockaddr_in *)b)->sin_addr, 4);
	return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
	               &((const struct sockaddr_in6 *)b)->sin6_addr, 16);
}

/* Those who call and say nothing must not keep the right one out: the oldest gives way. */
static struct bw_conn *free_place(struct sonde_probe *p)
{
	struct bw_state *s = p->state;

	for (unsigned i = 0; i < BW_STREAMS + 2; i++)
		if (s->callers[i].fd < 0)
			return &s->callers[i];
	struct bw_conn *c = &s->callers[s->victim++ % (BW_STREAMS + 2)];
	bw_close(p, c);
	return c;
}

static void on_listener(struct sonde_probe *p, void *arg, int listener, unsigned events)
{
	struct bw_state *s = p->state;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	int one = 1;
	int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!same_host(&from, &s->peer.sa)) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct bw_conn *c = free_place(p);
	c->fd = fd;
	c->watch = p->host->watch_start(p, fd, SONDE_READABLE, on_caller, c);
	if (!c->watch)
		bw_close(p, c);
}

static int listen_on(struct sonde_probe *p)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;
	struct sockaddr_storage any = { .ss_family = s->peer.sa.ss_family };
	int one = 1;
	int fd = p->host->socket(p, any.ss_family, SOCK_STREAM, 0, NULL);

	if (fd < 0)
		return -fd;
	s->listener.fd = fd;
	if (any.ss_family == AF_INET)
		((struct sockaddr_in *)&any)->sin_port = htons((uint16_t)a->port);
	else
		((struct sockaddr_in6 *)&any)->sin6_port = htons((uint16_t)a->port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&any, s->peer.len) || listen(fd, BW_STREAMS + 2))
		return errno;
	s->listener.watch = p->host->watch_start(p, fd, SONDE_READABLE, on_listener, NULL);
	return s->listener.watch ? 0 : ENOMEM;
}

void bw_receive_start(struct sonde_probe *p)
{
	const struct bandwidth_args *a = p->args;
	char why[160];
	int error = listen_on(p);

	if (!error)
		return;
	snprintf(why, sizeof(why), "Cannot listen on port %d: %s.", (int)a->port, strerror(error));
	bw_fail(p, error == EADDRINUSE ? SONDE_FAIL_OVERLOAD : SONDE_FAIL_INTERNAL, why);
}
