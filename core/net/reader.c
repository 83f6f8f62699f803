/* SPDX-License-Identifier: Apache-2.0 */
/* What the peer of a server's websocket says is read here: lws 4.1 takes frames without a mask,
 * answers only the first of several pings, lets half a character through at the end of a message,
 * and tells nobody how many frames come. lws stays the owner of the socket and writes; its own
 * reading is held by flow control, and a duplicate of the socket, which two pollers of one loop
 * need, is polled instead. The reader outlives its connection until its handle is closed.
 *
 * Frames cost from two allowances, messages and control frames, each a clock that may run ahead of
 * the loop's by BURST_S. A connection that was refused gets its close frame, and what the peer still
 * sends is thrown away: closing a socket with unread bytes would reset it, and the peer would not
 * learn why. */
#include "net/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"

enum { FRAMES_BYTES = 65536, /* read at once; not less than a record of TLS */
       ROUNDS = 4,           /* reads before others have their turn */
       CONTROL_S = 100, BURST_S = 2, CODE_NONE = 1005, CODE_PROTOCOL = 1002, CODE_TEXT = 1007,
       CODE_NORMAL = 1000, CODE_POLICY = 1008, CODE_SIZE = 1009 };

struct allowance {
	int64_t cost_ns; /* of one; 0 = free */
	int64_t spent_ns;
};

struct reader {
	uv_poll_t poll;
	struct sonde_net *net;
	struct sonde_conn *conn; /* NULL: gone */
	int fd;
	SSL *tls;                /* NULL: clear text */
	struct frame_reader frames;
	struct allowance messages, controls;
	bool deaf; /* the peer has broken the rules, or said its last word */
	bool over; /* with our close frame everything is said */
	bool half_closed;
};

/* -------- frames -------- */

static struct allowance allowance_of(unsigned per_s)
{
	return (struct allowance){ .cost_ns = per_s ? SONDE_NS_PER_S / per_s : 0 };
}

static bool spend(struct allowance *a, int64_t now)
{
	if (a->spent_ns < now)
		a->spent_ns = now;
	a->spent_ns += a->cost_ns;
	return a->spent_ns - now <= BURST_S * SONDE_NS_PER_S;
}

static bool on_head(void *arg, unsigned opcode)
{
	struct reader *r = arg;
	bool control = opcode & FRAME_CONTROL;
	int64_t now = (int64_t)uv_now(r->net->loop) * SONDE_NS_PER_MS;

	return spend(control ? &r->controls : &r->messages, now) ||
	       frame_refuse(&r->frames, CODE_POLICY, control ? "too many pings, pongs or closes" :
			    "too many frames");
}

static bool on_text(void *arg, char *bytes, size_t len, bool last)
{
	struct reader *r = arg;

	return r->conn->closing || conn_piece(r->conn, bytes, len, last) ||
	       frame_refuse(&r->frames, CODE_SIZE, "out of memory");
}

/* The last word of the peer. */
static bool on_close_frame(struct reader *r, const unsigned char *bytes, size_t len)
{
	struct sonde_conn *c = r->conn;
	unsigned code = len >= 2 ? (unsigned)bytes[0] << 8 | bytes[1] : CODE_NONE;
	const char *reason = (const char *)bytes + 2;
	struct utf8 u = { 0 };

	if (len == 1 || (len >= 2 && !frame_code_valid(code)))
		return frame_refuse(&r->frames, CODE_PROTOCOL, "a close frame is malformed");
	if (len > 2 && (!utf8_go_on(&u, reason, len - 2) || u.missing))
		return frame_refuse(&r->frames, CODE_TEXT, "a text is not UTF-8");
	r->deaf = r->over = true;
	if (c->closing) {
		if (c->close_sent)
			conn_kill(c);
		return false;
	}
	conn_set_reason(c, code, len > 2 ? reason : "", len > 2 ? len - 2 : 0);
	c->answer = code == CODE_NONE ? CODE_NORMAL : code;
	conn_begin_close(c);
	return false;
}

static bool on_control(void *arg, unsigned opcode, const unsigned char *bytes, size_t len)
{
	struct reader *r = arg;

	if (opcode == FRAME_CLOSE)
		return on_close_frame(r, bytes, len);
	/* A peer that does not read its pongs goes without. */
	if (opcode == FRAME_PING && !r->conn->closing &&
	    conn_send_control(r->conn, LWS_WRITE_PONG, bytes, len) == SONDE_EGONE)
		conn_kill(r->conn);
	return true;
}

static const struct frame_sink sink = { on_head, on_text, on_control };

static void take(struct reader *r, char *bytes, size_t len)
{
	struct sonde_conn *c = r->conn;

	if (r->deaf || frame_read(&r->frames, bytes, len))
		return;
	r->deaf = r->over = true;
	if (!r->frames.code)
		return;
	if (c->closing) {
		reader_half_close(c);
		return;
	}
	conn_set_reason(c, r->frames.code, r->frames.why, strlen(r->frames.why));
	conn_begin_close(c);
}

/* -------- the socket -------- */

enum { READ_LATER = -1, READ_BROKEN = -2 };

/* Bytes, 0 at the end, or one of the above. */
static ssize_t read_some(struct reader *r)
{
	ssize_t n;

	if (!r->tls) {
		n = recv(r->fd, r->net->frames, FRAMES_BYTES, 0);
		if (n >= 0)
			return n;
		return errno == EAGAIN || errno == EINTR ? READ_LATER : READ_BROKEN;
	}
	ERR_clear_error();
	n = SSL_read(r->tls, r->net->frames, FRAMES_BYTES);
	if (n > 0)
		return n;
	int error = SSL_get_error(r->tls, (int)n);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return READ_LATER;
	return error == SSL_ERROR_ZERO_RETURN ? 0 : READ_BROKEN;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct reader *r = poll->data;
	ssize_t n = status < 0 ? READ_BROKEN : READ_LATER;

	for (int i = 0; i < ROUNDS && r->conn && status == 0; i++) {
		n = read_some(r);
		if (n <= 0)
			break;
		take(r, r->net->frames, (size_t)n);
		/* A short read of a socket has emptied it; of TLS it was one record. */
		if (!r->tls && n < FRAMES_BYTES)
			break;
	}
	/* What TLS has taken from the socket wakes nobody any more. */
	while (n > 0 && r->conn && r->tls && SSL_pending(r->tls) > 0 && (n = read_some(r)) > 0)
		take(r, r->net->frames, (size_t)n);
	if (n == 0 || n == READ_BROKEN) {
		uv_poll_stop(&r->poll);
		if (r->conn)
			conn_kill(r->conn);
	}
}

static void on_closed(uv_handle_t *h)
{
	struct reader *r = h->data;
	struct sonde_net *net = r->net;

	close(r->fd);
	free(r);
	net_handle_closed(net);
}

static int poll_socket(struct reader *r, struct lws *wsi)
{
	r->fd = fcntl(lws_get_socket_fd(wsi), F_DUPFD_CLOEXEC, 0);
	if (r->fd < 0)
		return -1;
	if (uv_poll_init(r->net->loop, &r->poll, r->fd) != 0) {
		close(r->fd);
		return -1;
	}
	r->poll.data = r;
	uv_unref((uv_handle_t *)&r->poll);
	net_handle_opened(r->net);
	return 0;
}

static int begin(struct reader *r, struct lws *wsi)
{
	if (!r->net->frames)
		r->net->frames = malloc(FRAMES_BYTES);
	return r->net->frames && poll_socket(r, wsi) == 0 ? 0 : -1;
}

int reader_open(struct sonde_conn *c, const struct sonde_ws_route *route, struct lws *wsi)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -1;
	r->net = c->net;
	r->conn = c;
	r->tls = lws_is_ssl(wsi) ? lws_get_ssl(wsi) : NULL;
	frame_reader_init(&r->frames, &sink, r, c->max_message, MAX_FRAGMENTS);
	r->messages = allowance_of(route->max_frames_s);
	r->controls = allowance_of(CONTROL_S);
	if (begin(r, wsi) != 0) {
		free(r);
		return -1;
	}
	c->reader = r;
	return lws_rx_flow_control(wsi, 0) || uv_poll_start(&r->poll, UV_READABLE, on_readable) ?
		-1 : 0;
}

void reader_allow(struct reader *r, size_t max)
{
	r->frames.max_message = max;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	r->conn = NULL;
	uv_close((uv_handle_t *)&r->poll, on_closed);
}

int reader_too_early(struct sonde_conn *c)
{
	struct reader *r = c->reader;

	r->deaf = r->over = true;
	if (c->closing)
		return 0;
	conn_set_reason(c, CODE_PROTOCOL, "bytes came before the answer to the upgrade", 43);
	conn_begin_close(c);
	return 0;
}

/* -------- the end -------- */

void reader_half_close(struct sonde_conn *c)
{
	struct reader *r = c->reader;

	if (!r || !r->over || !c->close_sent || r->half_closed)
		return;
	if (lws_partial_buffered(c->wsi)) {
		lws_callback_on_writable(c->wsi);
		return;
	}
	r->half_closed = true;
	if (r->tls)
		SSL_shutdown(r->tls);
	shutdown(r->fd, SHUT_WR);
}

int reader_say_goodbye(struct sonde_conn *c)
{
	unsigned code = c->answer ? c->answer : c->code;
	size_t len = c->answer ? 0 : strlen(c->reason);
	/* With its header: lws_write has no public kind for close frames, but one for raw bytes. */
	unsigned char frame[4 + REASON_TEXT] = { 0x80 | FRAME_CLOSE, (unsigned char)(2 + len),
		                                 (unsigned char)(code >> 8), (unsigned char)code };

	if (lws_partial_buffered(c->wsi)) {
		lws_callback_on_writable(c->wsi);
		return 0;
	}
	memcpy(frame + 4, c->reason, len);
	c->close_sent = true;
	if (conn_send_control(c, LWS_WRITE_HTTP, frame, 4 + len) != SONDE_OK)
		return -1;
	reader_half_close(c);
	return 0;
}
