/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one address. Over UDP each try has a fresh connected socket, and with it a port
 * of the kernel's choice, and an id of its own; what comes and is no reply to it is counted and
 * dropped. A reply that was cut is asked for again over TCP. States:
 *
 *	IDLE -> WAITING (UDP) -> done, next try, or FAILED
 *	IDLE -> stream.c      -> done or FAILED
 *
 * Owns the socket, its watch and its timer; dns_ask_stop gives them back. */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connect/errno.h"
#include "dns.h"

enum { AT_ONCE = 16, SLACK_NS = 2000000 };
enum { RX_STAMPS = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
       TX_STAMPS = RX_STAMPS | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY };

/* ---- sockets and stamps ---- */

int dns_socket_open(struct sonde_probe *p, int type)
{
	struct dns_ask *a = &dns_state_of(p)->ask;
	int flags = type == SOCK_DGRAM ? TX_STAMPS : RX_STAMPS;
	int fd = p->host->socket(p, a->to.sa.ss_family, type, 0, NULL);

	if (fd < 0)
		return fd;
	/* Without stamps the answer is still an answer. */
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
	return fd;
}

void dns_socket_want_sent_stamp(int fd)
{
	int flags = TX_STAMPS;

	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
}

static void take_stamp(struct msghdr *h, int64_t *stamp)
{
	struct timespec t;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING ||
		    c->cmsg_len < CMSG_LEN(sizeof(t)))
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t)); /* the first of three is the software stamp */
		if (t.tv_sec)
			*stamp = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
	}
}

static long receive(int fd, uint8_t *out, size_t max, int flags, int64_t *stamp)
{
	_Alignas(struct cmsghdr) uint8_t control[160];
	struct iovec iov = { out, max };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = max ? 1 : 0, .msg_control = control,
		            .msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(fd, &h, flags | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		take_stamp(&h, stamp);
	return n;
}

long dns_socket_read(int fd, uint8_t *out, size_t max, int64_t *stamp)
{
	return receive(fd, out, max, 0, stamp);
}

/* One datagram leaves one stamp; of a stream's later ones, each wake-up takes one. */
int64_t dns_socket_sent_stamp(int fd)
{
	int64_t stamp = 0;

	for (unsigned i = 0; i < AT_ONCE && !stamp; i++)
		if (receive(fd, NULL, 0, MSG_ERRQUEUE, &stamp) < 0)
			break;
	return stamp;
}

/* By the kernel's stamps, as long as they agree with our own clock: the wall clock may step. */
int64_t dns_ask_took(const struct dns_ask *a, int *kernel)
{
	int64_t own = a->answered - a->sent, took = a->rx - a->tx;

	*kernel = a->rx && a->tx && took >= 0 && took <= own + SLACK_NS;
	return *kernel ? took : own;
}

/* ---- the exchange ---- */

void dns_ask_stop(struct sonde_probe *p)
{
	struct dns_ask *a = &dns_state_of(p)->ask;

	if (a->watch)
		p->host->watch_stop(p, a->watch);
	if (a->timer)
		p->host->timer_stop(p, a->timer);
	if (a->fd >= 0)
		close(a->fd);
	a->watch = NULL;
	a->timer = NULL;
	a->fd = -1;
	dns_stream_stop(a);
}

static void tell_failure(struct sonde_probe *p, void *arg)
{
	struct dns_ask *a = &dns_state_of(p)->ask;

	a->timer = NULL;
	dns_unanswered(p, a->failure, a->why);
}

void dns_ask_failed(struct sonde_probe *p, enum sonde_failure failure, const char *fmt, ...)
{
	struct dns_ask *a = &dns_state_of(p)->ask;
	va_list ap;

	dns_ask_stop(p);
	a->failure = failure;
	va_start(ap, fmt);
	vsnprintf(a->why, sizeof(a->why), fmt, ap);
	va_end(ap);
	a->timer = p->host->timer_start(p, 0, tell_failure, NULL);
	if (!a->timer)
		p->host->done(p, SONDE_FAIL_OVERLOAD, "out of memory");
}

void dns_ask_failed_errno(struct sonde_probe *p, int error)
{
	char text[SONDE_ADDRESS_TEXT];

	dns_ask_failed(p, sonde_errno_failure(error), "%s: %s", dns_server_text(p, text),
	               error == ECONNREFUSED ? "connection refused" : strerror(error));
}

static void start_udp(struct sonde_probe *p);

static void on_wait_over(struct sonde_probe *p, void *arg)
{
	struct dns_ask *a = &dns_state_of(p)->ask;
	char text[SONDE_ADDRESS_TEXT];

	a->timer = NULL;
	if (a->protocol == DNS_UDP && !a->truncated && a->tried < a->tries) {
		dns_ask_stop(p);
		dns_print_error(p, "timed out");
		start_udp(p);
		return;
	}
	if (a->ignored)
		dns_ask_failed(p, SONDE_FAIL_TIMEOUT,
		               "no answer from %s; %u messages from there did not answer the query",
		               dns_server_text(p, text), a->ignored);
	else
		dns_ask_failed(p, SONDE_FAIL_TIMEOUT, "no answer from %s",
		               dns_server_text(p, text));
}

static bool arm(struct sonde_probe *p)
{
	const struct dns_args *args = p->args;
	struct dns_ask *a = &dns_state_of(p)->ask;

	a->timer = p->host->timer_start(p, args->wait, on_wait_over, NULL);
	if (!a->timer)
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "out of memory");
	return a->timer;
}

/* Letters only: no byte of a length is one. */
static void mix_case(struct sonde_probe *p, uint8_t *name, unsigned len)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < len; i++, bits >>= 1) {
		uint8_t letter = name[i] | 0x20;
		if (i % 64 == 0)
			bits = p->host->random(p);
		if (letter >= 'a' && letter <= 'z')
			name[i] = bits & 1 ? letter : letter & ~0x20;
	}
}

bool dns_ask_fits(const struct sonde_probe *p, const struct dns_ask *a, const struct dns_message *m)
{
	const struct dns_args *args = p->args;

	return dns_message_answers(m, a->query, a->query_len, args->random_case);
}

static void write_query(struct sonde_probe *p)
{
	const struct dns_args *args = p->args;
	struct dns_ask *a = &dns_state_of(p)->ask;
	struct dns_question q = {
		.name = a->name, .type = a->type, .class = (uint16_t)dns_class_number(args),
		.flags = (a->recursion ? DNS_RD : 0) | (args->authentic ? DNS_AD : 0) |
			(args->checking_disabled ? DNS_CD : 0),
		.edns_size = (uint16_t)args->edns_size,
		.dnssec = args->dnssec, .nsid = args->nsid,
	};

	a->query_len = dns_query_write(&q, (uint16_t)p->host->random(p), a->query);
	if (args->random_case)
		mix_case(p, a->query + DNS_HEADER, a->name->len);
}

void dns_ask_done(struct sonde_probe *p, const struct dns_message *m)
{
	dns_ask_stop(p);
	dns_answered(p, m);
}

static void start_over_tcp(struct sonde_probe *p)
{
	struct dns_ask *a = &dns_state_of(p)->ask;
	int kernel;

	a->truncated = 1;
	a->protocol = DNS_TCP;
	a->before = dns_ask_took(a, &kernel);
	dns_ask_stop(p);
	sonde_say(p, ";; Truncated, retrying in TCP mode.\n");
	write_query(p);
	if (arm(p))
		dns_stream_start(p);
}

/* True when the datagram ended the wait. */
static bool take_datagram(struct sonde_probe *p, const uint8_t *data, size_t len, int64_t stamp)
{
	struct dns_ask *a = &dns_state_of(p)->ask;
	struct dns_message m;
	bool whole = dns_message_read(data, len, &m);

	/* A reply that is cut need not be whole: only its question is looked at. */
	if (!whole && !(len >= DNS_HEADER && (m.flags & DNS_TC))) {
		struct dns_message head = m;
		memset(head.counts + DNS_ANSWER, 0, 3 * sizeof(head.counts[0]));
		if (len < DNS_HEADER || !dns_ask_fits(p, a, &head)) {
			a->ignored++;
			return false;
		}
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the answer is malformed");
		return true;
	}
	if (!dns_ask_fits(p, a, &m)) {
		a->ignored++;
		return false;
	}
	a->answered = p->host->now(p);
	a->rx = stamp;
	if (!a->tx)
		a->tx = dns_socket_sent_stamp(a->fd);
	if (m.flags & DNS_TC)
		start_over_tcp(p);
	else
		dns_ask_done(p, &m);
	return true;
}

static void on_udp(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct dns_ask *a = &dns_state_of(p)->ask;
	uint8_t data[DNS_MESSAGE_MAX];

	if (!a->tx)
		a->tx = dns_socket_sent_stamp(fd);
	/* A flood must not hold the loop. */
	for (unsigned i = 0; i < AT_ONCE; i++) {
		int64_t stamp = 0;
		long n = dns_socket_read(fd, data, sizeof(data), &stamp);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			dns_ask_failed_errno(p, errno);
			return;
		}
		if (take_datagram(p, data, (size_t)n, stamp))
			return;
	}
}

static void start_udp(struct sonde_probe *p)
{
	struct dns_ask *a = &dns_state_of(p)->ask;

	a->tried++;
	a->tx = a->rx = 0;
	write_query(p);
	int fd = dns_socket_open(p, SOCK_DGRAM);
	if (fd < 0) {
		dns_ask_failed_errno(p, -fd);
		return;
	}
	a->fd = fd;
	if (connect(fd, (const struct sockaddr *)&a->to.sa, a->to.len)) {
		dns_ask_failed_errno(p, errno);
		return;
	}
	a->started = a->sent = p->host->now(p);
	if (send(fd, a->query, a->query_len, MSG_NOSIGNAL) != (ssize_t)a->query_len) {
		dns_ask_failed_errno(p, errno);
		return;
	}
	/* Mostly there already: read now, it costs no wake-up. */
	a->tx = dns_socket_sent_stamp(fd);
	a->watch = p->host->watch_start(p, fd, SONDE_READABLE | SONDE_ERRQUEUE, on_udp, NULL);
	if (!a->watch)
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "out of memory");
	else
		arm(p);
}

void dns_ask_start(struct sonde_probe *p)
{
	struct dns_state *s = p->state;
	struct dns_ask *a = &s->ask;

	s->started = 1;
	a->tried = a->ignored = 0;
	a->truncated = 0;
	a->before = 0;
	a->tx = a->rx = a->connected = a->secured = a->connect_rtt = 0;
	a->tls = (struct dns_tls_facts){ NULL };
	if (a->protocol == DNS_UDP) {
		start_udp(p);
		return;
	}
	write_query(p);
	if (arm(p))
		dns_stream_start(p);
}
