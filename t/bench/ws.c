/* SPDX-License-Identifier: Apache-2.0 */
/* Frames by RFC 6455 for a load generator. A mask of zeros is a mask like any other and costs the
 * client nothing. Answers pings; an end of the connection that nobody asked for ends the program
 * with the peer's reason. */
#include "bench/ws.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load.h"

enum { QUEUE_MAX = 64 << 20, HANDSHAKE_MS = 10000, MASK = 4 };
enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

static void put_frame(struct ws *w, unsigned op, const char *data, size_t len)
{
	unsigned char head[10 + MASK] = { (unsigned char)(0x80 | op) };
	size_t n = len < 126 ? 2 : len < 65536 ? 4 : 10;

	head[1] = (unsigned char)(0x80 | (n == 2 ? len : n == 4 ? 126 : 127));
	for (size_t i = 2; i < n; i++)
		head[i] = (unsigned char)((uint64_t)len >> (8 * (n - 1 - i)));
	sonde_buf_add(&w->out, head, n + MASK);
	sonde_buf_add(&w->out, data, len);
	if (w->out.failed)
		load_die("too much waits for the peer");
}

void ws_put(struct ws *w, const char *text, size_t len)
{
	put_frame(w, OP_TEXT, text, len);
}

bool ws_flush(struct ws *w)
{
	size_t sent = 0;

	while (sent < w->out.len) {
		ssize_t n = send(w->fd, w->out.data + sent, w->out.len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			load_die("send: %s", strerror(errno));
		sent += (size_t)n;
	}
	sonde_buf_shift(&w->out, sent);
	return !w->out.len;
}

/* One frame at *at: its length with header, 0 while incomplete. */
static size_t frame_at(const struct sonde_buf *b, size_t at, unsigned *op, size_t *head)
{
	const unsigned char *p = (const unsigned char *)b->data + at;
	size_t have = b->len - at, len;

	if (have < 2)
		return 0;
	*op = p[0];
	len = p[1];
	*head = len < 126 ? 2 : len == 126 ? 4 : 10;
	if (p[1] & 0x80)
		load_die("a server must not mask");
	if (have < *head)
		return 0;
	if (*head > 2) {
		len = 0;
		for (size_t i = 2; i < *head; i++)
			len = len << 8 | p[i];
	}
	return have - *head < len ? 0 : *head + len;
}

static void on_frame(struct ws *w, unsigned op, char *data, size_t len, ws_message_fn *fn, void *arg)
{
	if (op == (0x80 | OP_TEXT))
		fn(arg, data, len);
	else if (op == (0x80 | OP_PING))
		put_frame(w, OP_PONG, data, len);
	else if (op == (0x80 | OP_CLOSE))
		load_die("closed by the server: %.*s", (int)(len > 2 ? len - 2 : 0), data + 2);
	else
		load_die("a frame of kind %02x", op);
}

void ws_read(struct ws *w, ws_message_fn *fn, void *arg)
{
	size_t at = 0, head, n;
	unsigned op;

	char *room = sonde_buf_reserve(&w->in, 65536);
	if (!room)
		load_die("a message is too long");
	ssize_t got = recv(w->fd, room, 65536, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		load_die("the server closed a websocket");
	w->in.len += (size_t)got;
	while ((n = frame_at(&w->in, at, &op, &head))) {
		on_frame(w, op, w->in.data + at + head, n - head, fn, arg);
		at += n;
	}
	sonde_buf_shift(&w->in, at);
}

static void shake_hands(struct ws *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	char *end;

	while (!(end = w->in.len ? memmem(w->in.data, w->in.len, "\r\n\r\n", 4) : NULL)) {
		char *room = sonde_buf_reserve(&w->in, 4096);
		ssize_t n = poll(&p, 1, HANDSHAKE_MS) == 1 ? recv(w->fd, room, 4096, 0) : -1;
		if (n <= 0)
			load_die("no answer to the upgrade");
		w->in.len += (size_t)n;
	}
	if (strncmp(w->in.data, "HTTP/1.1 101 ", 13))
		load_die("upgrade refused: %.40s", sonde_buf_cstr(&w->in));
	sonde_buf_shift(&w->in, (size_t)(end - w->in.data) + 4);
}

void ws_open(struct ws *w, const char *host, uint16_t port, const char *path,
             const char *subprotocol)
{
	sonde_buf_init(&w->in, QUEUE_MAX);
	sonde_buf_init(&w->out, QUEUE_MAX);
	w->fd = load_connect(host, port);
	sonde_buf_printf(&w->out,
	                 "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\n"
	                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	                 "Sec-WebSocket-Key: c29uZGUgYmVuY2ggbm9kZQ==\r\n"
	                 "Sec-WebSocket-Protocol: %s\r\n\r\n",
	                 path, host, port, subprotocol);
	if (!ws_flush(w))
		load_die("the upgrade request does not fit a socket");
	shake_hands(w);
}

void ws_close(struct ws *w)
{
	close(w->fd);
	sonde_buf_deinit(&w->in);
	sonde_buf_deinit(&w->out);
}
