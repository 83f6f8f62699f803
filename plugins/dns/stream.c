/* SPDX-License-Identifier: Apache-2.0 */
/* A question over a connection: TCP with its length prefix, the same inside TLS, or one HTTP
 * request inside TLS. CONNECTING -> (HANDSHAKE ->) ANSWER. The wait of ask.c bounds all of it, and
 * a message has at most 64 KiB. The socket is ask.c's; the memory belongs to the probe's pool, the
 * TLS session is freed by dns_stream_stop. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dns.h"

enum { CONNECTING, HANDSHAKE, ANSWER };
enum { STRANGERS_MAX = 100 };
enum { BLOCK = 16 << 10, ROOM = 4 << 10, REQUEST_MAX = 2048 + DNS_QUERY_MAX };

static struct dns_ask *ask_of(struct sonde_probe *p)
{
	return &dns_state_of(p)->ask;
}

void dns_stream_stop(struct dns_ask *a)
{
	if (!a->stream)
		return;
	dns_tls_free(a->stream->tls);
	a->stream->tls = NULL;
}

/* All of it: what is sent here is far smaller than the buffer of a fresh connection. */
static bool send_bytes(struct sonde_probe *p, const uint8_t *data, size_t n)
{
	ssize_t sent = send(ask_of(p)->fd, data, n, MSG_NOSIGNAL);

	if (sent == (ssize_t)n)
		return true;
	dns_ask_failed_errno(p, sent < 0 ? errno : ENOBUFS);
	return false;
}

static bool flush(struct sonde_probe *p)
{
	uint8_t block[BLOCK];
	size_t n;

	while ((n = dns_tls_give(ask_of(p)->stream->tls, block, sizeof(block))))
		if (!send_bytes(p, block, n))
			return false;
	return true;
}

static bool make_room(struct sonde_probe *p, size_t size)
{
	struct dns_stream *t = ask_of(p)->stream;

	if (t->message && size <= t->size)
		return true;
	/* A pool gives nothing back: at most twice, whatever lengths the peer announces. */
	size = size <= ROOM ? ROOM : DNS_MESSAGE_MAX;
	t->message = p->host->alloc(p, size);
	t->size = t->message ? size : 0;
	if (!t->message)
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "out of memory");
	return t->message;
}

/* ---- the question ---- */

static const char *peer_name(struct sonde_probe *p, char text[SONDE_ADDRESS_TEXT])
{
	const struct dns_args *args = p->args;

	if (args->name && *args->name)
		return args->name;
	if (args->resolver && *args->resolver)
		return args->resolver;
	return sonde_address_text(&ask_of(p)->to, text);
}

static size_t write_http(struct sonde_probe *p, uint8_t *out, size_t max)
{
	const struct dns_args *args = p->args;
	const struct dns_ask *a = ask_of(p);
	struct dns_text t = { .s = (char *)out, .max = max };
	char text[SONDE_ADDRESS_TEXT], host[300];
	const char *name = peer_name(p, text);
	bool v6 = strchr(name, ':');

	if (dns_port(args) == 443)
		snprintf(host, sizeof(host), v6 ? "[%s]" : "%s", name);
	else
		snprintf(host, sizeof(host), v6 ? "[%s]:%u" : "%s:%u", name, dns_port(args));
	dns_http_request(&t, host, args->path, a->query_len);
	dns_put(&t, (const char *)a->query, a->query_len);
	return t.full ? 0 : t.len;
}

static size_t write_prefixed(const struct dns_ask *a, uint8_t *out)
{
	out[0] = (uint8_t)(a->query_len >> 8);
	out[1] = (uint8_t)a->query_len;
	memcpy(out + 2, a->query, a->query_len);
	return a->query_len + 2;
}

static void send_question(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);
	struct dns_stream *t = a->stream;
	uint8_t out[REQUEST_MAX];

	a->step = ANSWER;
	t->prefix_len = 0;
	t->len = t->want = 0;
	if (a->protocol == DNS_DOH) {
		if (!make_room(p, DNS_MESSAGE_MAX))
			return;
		dns_http_init(&t->http, t->message, t->size);
	}
	size_t n = a->protocol == DNS_DOH ? write_http(p, out, sizeof(out))
	                                  : write_prefixed(a, out);
	if (!n || (t->tls && !dns_tls_write(t->tls, out, n))) {
		dns_ask_failed(p, SONDE_FAIL_INTERNAL, "the request could not be written");
		return;
	}
	dns_socket_want_sent_stamp(a->fd);
	a->sent = p->host->now(p);
	if (!(t->tls ? flush(p) : send_bytes(p, out, n)))
		return;
	a->tx = dns_socket_sent_stamp(a->fd);
}

/* ---- the answer ---- */

/* True when the exchange is over. */
static bool take_message(struct sonde_probe *p, const uint8_t *data, size_t len)
{
	struct dns_ask *a = ask_of(p);
	struct dns_message m;

	if (!dns_message_read(data, len, &m)) {
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the answer is malformed");
		return true;
	}
	if (!dns_ask_fits(p, a, &m)) {
		if (++a->ignored < STRANGERS_MAX)
			return false;
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL,
		               "the server sent %u messages, none of which answers the query",
		               a->ignored);
		return true;
	}
	a->answered = p->host->now(p);
	dns_ask_done(p, &m);
	return true;
}

/* Bytes of length-prefixed messages; true when the exchange is over. */
static bool take_prefixed(struct sonde_probe *p, const uint8_t *data, size_t n)
{
	struct dns_stream *t = ask_of(p)->stream;

	while (n) {
		if (t->prefix_len < 2) {
			t->prefix[t->prefix_len++] = *data++;
			n--;
			if (t->prefix_len < 2)
				continue;
			t->want = (size_t)t->prefix[0] << 8 | t->prefix[1];
			t->len = 0;
			if (!make_room(p, t->want))
				return true;
		}
		size_t part = t->want - t->len < n ? t->want - t->len : n;
		memcpy(t->message + t->len, data, part);
		t->len += part;
		data += part;
		n -= part;
		if (t->len < t->want)
			continue;
		t->prefix_len = 0;
		if (take_message(p, t->message, t->len))
			return true;
	}
	return false;
}

static bool end_http(struct sonde_probe *p, enum dns_http_state state)
{
	struct dns_http *h = &ask_of(p)->stream->http;

	if (state == DNS_HTTP_MORE)
		return false;
	if (state == DNS_HTTP_BAD && h->status && h->status != 200)
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the server answered with HTTP status %u",
		               h->status);
	else if (state == DNS_HTTP_BAD)
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the server %s", h->why);
	else if (!take_message(p, h->body, h->len))
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the server answered another question");
	return true;
}

static bool take_bytes(struct sonde_probe *p, const uint8_t *data, size_t n)
{
	if (ask_of(p)->protocol == DNS_DOH)
		return end_http(p, dns_http_feed(&ask_of(p)->stream->http, data, n));
	return take_prefixed(p, data, n);
}

/* ---- TLS ---- */

static bool trusted(struct sonde_probe *p)
{
	const struct dns_args *args = p->args;
	struct dns_ask *a = ask_of(p);

	dns_tls_tell(a->stream->tls, &a->tls);
	if (!a->tls.error || !args->verify)
		return true;
	dns_ask_failed(p, SONDE_FAIL_TLS, "the certificate is not trusted: %s", a->tls.error);
	return false;
}

/* True when the exchange is over. */
static bool shake(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);
	struct dns_tls *tls = a->stream->tls;
	int rc = dns_tls_handshake(tls);

	if (!flush(p))
		return true;
	if (rc < 0) {
		/* The text is the session's, which failing frees. */
		char why[DNS_WHY];
		snprintf(why, sizeof(why), "TLS: %s", dns_tls_error(tls));
		dns_ask_failed(p, SONDE_FAIL_TLS, "%s", why);
		return true;
	}
	if (!rc)
		return false;
	a->secured = p->host->now(p);
	if (!trusted(p))
		return true;
	send_question(p);
	return a->fd < 0;
}

/* What has come in clear text; true when the exchange is over. */
static bool read_clear(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);
	uint8_t block[BLOCK];
	int n;

	if (a->step == HANDSHAKE && (shake(p) || a->step == HANDSHAKE))
		return a->fd < 0;
	while ((n = dns_tls_read(a->stream->tls, block, sizeof(block))) > 0)
		if (take_bytes(p, block, (size_t)n))
			return true;
	if (!n)
		return !flush(p);
	if (a->protocol == DNS_DOH)
		return end_http(p, dns_http_close(&a->stream->http));
	dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the server closed the connection before the answer");
	return true;
}

/* ---- the socket ---- */

static void on_closed(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);

	if (a->step == HANDSHAKE)
		dns_ask_failed(p, SONDE_FAIL_TLS, "the server closed the connection in the handshake");
	else if (a->protocol == DNS_DOH)
		end_http(p, dns_http_close(&a->stream->http));
	else
		dns_ask_failed(p, SONDE_FAIL_PROTOCOL,
		               "the server closed the connection before the answer");
}

static void on_readable(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);
	uint8_t block[BLOCK];
	int64_t stamp = 0;

	if (a->step == ANSWER) {
		int64_t sent = dns_socket_sent_stamp(a->fd);
		a->tx = a->tx ? a->tx : sent;
	}
	/* One block a turn: the descriptor is reported again while more is there. */
	long n = dns_socket_read(a->fd, block, sizeof(block), &stamp);
	if (n < 0) {
		if (errno == ECONNRESET)
			dns_ask_failed(p, SONDE_FAIL_PROTOCOL, "the server reset the connection");
		else if (errno != EAGAIN && errno != EWOULDBLOCK)
			dns_ask_failed_errno(p, errno);
		return;
	}
	if (!n) {
		on_closed(p);
		return;
	}
	a->rx = stamp;
	if (!a->stream->tls)
		take_bytes(p, block, (size_t)n);
	else if (!dns_tls_take(a->stream->tls, block, (size_t)n))
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "out of memory");
	else
		read_clear(p);
}

static int64_t handshake_rtt(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_total_retrans)
		return 0;
	return (int64_t)info.tcpi_rtt * 1000;
}

static void on_connected(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);
	char text[SONDE_ADDRESS_TEXT];
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error) {
		dns_ask_failed_errno(p, error);
		return;
	}
	a->connected = p->host->now(p);
	a->connect_rtt = handshake_rtt(a->fd);
	if (p->host->watch_change(p, a->watch, SONDE_READABLE | SONDE_ERRQUEUE)) {
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "the socket cannot be watched");
		return;
	}
	if (a->protocol == DNS_TCP) {
		send_question(p);
		return;
	}
	a->step = HANDSHAKE;
	a->stream->tls = dns_tls_new(peer_name(p, text), a->protocol == DNS_DOH ? "http/1.1" : "dot");
	if (!a->stream->tls)
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "TLS could not be set up");
	else
		shake(p);
}

static void on_event(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	if (ask_of(p)->step == CONNECTING)
		on_connected(p);
	else
		on_readable(p);
}

void dns_stream_start(struct sonde_probe *p)
{
	struct dns_ask *a = ask_of(p);

	if (!a->stream)
		a->stream = p->host->alloc(p, sizeof(*a->stream));
	if (!a->stream) {
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "out of memory");
		return;
	}
	a->step = CONNECTING;
	a->tx = a->rx = 0;
	int fd = dns_socket_open(p, SOCK_STREAM);
	if (fd < 0) {
		dns_ask_failed_errno(p, -fd);
		return;
	}
	a->fd = fd;
	a->started = p->host->now(p);
	if (connect(fd, (const struct sockaddr *)&a->to.sa, a->to.len) && errno != EINPROGRESS) {
		dns_ask_failed_errno(p, errno);
		return;
	}
	a->watch = p->host->watch_start(p, fd, SONDE_WRITABLE | SONDE_ERRQUEUE, on_event, NULL);
	if (!a->watch)
		dns_ask_failed(p, SONDE_FAIL_OVERLOAD, "out of memory");
}
