/* SPDX-License-Identifier: Apache-2.0 */
/* Websockets of either side: reassembly, sending with a bounded queue, closing with a reason. A
 * message goes straight to the socket when nothing waits before it; what the kernel does not take
 * lws keeps, and everything after that waits in our queue. Refuses binary messages, messages over
 * the limit or in too many pieces. A connection is freed after its close event.
 *
 * Nothing here ends a connection inside a call of its user: closing is done from the writable
 * callback, killing by a timer of lws. */
#include "net/private.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "base/clock.h"

enum { KEEP_MESSAGE = 8192, CODE_NONE = 1005, CODE_BROKEN = 1006, CODE_TYPE = 1003,
       CODE_POLICY = 1008, CODE_SIZE = 1009 };

struct sonde_conn *conn_new(struct sonde_net *net, const struct sonde_conn_events *events, void *arg)
{
	struct sonde_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->net = net;
	c->events = *events;
	c->arg = arg;
	c->code = CODE_BROKEN;
	c->tail = &c->head;
	link_init(&c->all);
	link_init(&c->busy);
	link_append(&net->conns, &c->all);
	c->max_message = net->options.max_message;
	sonde_buf_init(&c->message, c->max_message);
	return c;
}

static void pop_packet(struct sonde_conn *c)
{
	struct packet *p = c->head;

	c->head = p->next;
	if (!c->head)
		c->tail = &c->head;
	c->queued -= p->len;
	free(p);
}

void conn_gone(struct sonde_conn *c)
{
	link_remove(&c->all);
	link_remove(&c->busy);
	c->wsi = NULL;
	c->open = false;
	c->closing = true;
	if (c->events.close)
		c->events.close(c, c->arg, c->code, c->reason);
	while (c->head)
		pop_packet(c);
	reader_close(c->reader);
	sonde_buf_deinit(&c->message);
	free(c);
}

/* The last bytes of a cut text may be half a character, which must not go into a close frame. */
static size_t whole_characters(const char *text, size_t len)
{
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void conn_set_reason(struct sonde_conn *c, unsigned code, const char *reason, size_t len)
{
	c->code = code;
	if (len >= sizeof(c->reason))
		len = whole_characters(reason, sizeof(c->reason) - 1);
	memcpy(c->reason, reason, len);
	c->reason[len] = '\0';
}

void conn_opened(struct sonde_conn *c, struct lws *wsi)
{
	c->wsi = wsi;
	c->open = true;
	if (c->closing)
		lws_callback_on_writable(wsi);
	else if (c->events.open)
		c->events.open(c, c->arg);
}

static void make_busy(struct sonde_conn *c)
{
	if (link_alone(&c->busy))
		c->progress_ns = sonde_boottime_ns();
	link_append(&c->net->busy, &c->busy);
}

void conn_kill(struct sonde_conn *c)
{
	c->closing = true;
	if (!c->wsi)
		return;
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	net_wake(c->net);
}

void conns_tick(struct sonde_net *net, int64_t now)
{
	for (struct link *l = net->busy.next, *next; l != &net->busy; l = next) {
		struct sonde_conn *c = LINK_OWNER(l, struct sonde_conn, busy);
		int64_t limit = c->close_sent ? CLOSE_ACK_MS : (c->closing ? HANDSHAKE_S : STALL_S) * 1000;
		next = l->next;
		if (now - c->progress_ns < limit * SONDE_NS_PER_MS)
			continue;
		link_remove(&c->busy);
		if (!c->closing)
			conn_set_reason(c, CODE_BROKEN, "the peer reads nothing", 22);
		if (c->wsi && !c->close_sent)
			net_reset(c->wsi);
		conn_kill(c);
	}
}

/* -------- receiving -------- */

static void prepare_close(struct sonde_conn *c)
{
	c->closing = c->close_sent = true;
	lws_close_reason(c->wsi, (enum lws_close_status)c->code, (unsigned char *)c->reason,
			 strlen(c->reason));
}

/* From the writable callback. Returning -1 there would close twice in a debug build of lws, which
 * Debian's is, and the second time skips the close frame. */
static int close_when_writable(struct sonde_conn *c)
{
	struct lws *wsi = c->wsi;

	prepare_close(c);
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
	/* A broken socket ended at once, and with it the connection. */
	return lws_get_opaque_user_data(wsi) ? 0 : -1;
}

static int refuse(struct sonde_conn *c, unsigned code, const char *why)
{
	conn_set_reason(c, code, why, strlen(why));
	prepare_close(c);
	return -1;
}

static void deliver(struct sonde_conn *c, char *text, size_t len)
{
	if (c->events.message)
		c->events.message(c, c->arg, text, len);
}

bool conn_piece(struct sonde_conn *c, char *in, size_t len, bool last)
{
	if (last && c->pieces == 0) {
		deliver(c, in, len);
		return true;
	}
	c->pieces++;
	sonde_buf_add(&c->message, in, len);
	if (c->message.failed)
		return false;
	if (!last)
		return true;
	deliver(c, c->message.len ? c->message.data : in, c->message.len);
	c->pieces = 0;
	sonde_buf_reset(&c->message);
	if (c->message.cap > KEEP_MESSAGE)
		sonde_buf_deinit(&c->message);
	return true;
}

/* From lws, which reads for a client. */
int conn_receive(struct sonde_conn *c, char *in, size_t len)
{
	struct lws *wsi = c->wsi;
	bool last = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);

	if (c->closing)
		return 0;
	if (lws_frame_is_binary(wsi))
		return refuse(c, CODE_TYPE, "only text messages are understood");
	if (c->message.len + len > c->max_message)
		return refuse(c, CODE_SIZE, "the message is too long");
	if (c->pieces >= MAX_FRAGMENTS)
		return refuse(c, CODE_POLICY, "the message comes in too many pieces");
	return conn_piece(c, in, len, last) ? 0 : refuse(c, CODE_SIZE, "the message is too long");
}

void conn_peer_closes(struct sonde_conn *c, const unsigned char *in, size_t len)
{
	c->closing = c->close_sent = true;
	if (len < 2)
		conn_set_reason(c, CODE_NONE, "", 0);
	else
		conn_set_reason(c, (unsigned)in[0] << 8 | in[1], (const char *)in + 2, len - 2);
	make_busy(c);
	c->progress_ns = sonde_boottime_ns();
}

/* -------- sending -------- */

static int write_frame(struct sonde_conn *c, enum lws_write_protocol kind, void *data, size_t len)
{
	if (lws_write(c->wsi, data, len, kind) < 0)
		return -1;
	if (lws_partial_buffered(c->wsi)) {
		c->in_lws = len;
		make_busy(c);
	}
	return 0;
}

int conn_writable(struct sonde_conn *c)
{
	struct lws *wsi = c->wsi;
	size_t max = c->net->options.max_send_queue;

	c->progress_ns = sonde_boottime_ns();
	if (c->close_sent) {
		reader_half_close(c);
		return 0;
	}
	c->in_lws = 0;
	while (c->head && !lws_partial_buffered(wsi)) {
		int rc = write_frame(c, c->head->kind, c->head->text, c->head->len);
		pop_packet(c);
		if (rc != 0)
			return -1;
	}
	if (c->refused && !c->closing && sonde_conn_queued(c) < max / 4) {
		c->refused = false;
		if (c->events.drain)
			c->events.drain(c, c->arg);
	}
	if (c->head)
		lws_callback_on_writable(wsi);
	else if (c->closing)
		return c->reader ? reader_say_goodbye(c) : close_when_writable(c);
	else if (!c->in_lws)
		link_remove(&c->busy);
	return 0;
}

static int enqueue(struct sonde_conn *c, enum lws_write_protocol kind, const void *text, size_t len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (!p)
		return SONDE_ENOMEM;
	p->next = NULL;
	p->kind = kind;
	p->len = len;
	memcpy(p->text, text, len);
	*c->tail = p;
	c->tail = &p->next;
	c->queued += len;
	make_busy(c);
	lws_callback_on_writable(c->wsi);
	return SONDE_OK;
}

int sonde_conn_send(struct sonde_conn *c, struct sonde_buf *b)
{
	if (!c->open || c->closing)
		return SONDE_EGONE;
	if (b->failed || b->head < LWS_PRE)
		return SONDE_EINVAL;
	if (!c->head && !lws_partial_buffered(c->wsi)) {
		if (write_frame(c, LWS_WRITE_TEXT, b->data, b->len) == 0)
			return SONDE_OK;
		conn_kill(c);
		return SONDE_EGONE;
	}
	if (sonde_conn_queued(c) + b->len > c->net->options.max_send_queue) {
		c->refused = true;
		return SONDE_EFULL;
	}
	return enqueue(c, LWS_WRITE_TEXT, b->data, b->len);
}

int conn_send_control(struct sonde_conn *c, enum lws_write_protocol kind, const void *data, size_t len)
{
	unsigned char frame[LWS_PRE + 2 + FRAME_CONTROL_MAX];

	if (c->head || lws_partial_buffered(c->wsi))
		return sonde_conn_queued(c) + len > c->net->options.max_send_queue ?
			SONDE_EFULL : enqueue(c, kind, data, len);
	memcpy(frame + LWS_PRE, data, len);
	return write_frame(c, kind, frame + LWS_PRE, len) == 0 ? SONDE_OK : SONDE_EGONE;
}

void conn_begin_close(struct sonde_conn *c)
{
	c->closing = true;
	make_busy(c);
	c->progress_ns = sonde_boottime_ns();
	lws_callback_on_writable(c->wsi);
}

void sonde_conn_close(struct sonde_conn *c, unsigned code, const char *reason)
{
	if (c->closing)
		return;
	conn_set_reason(c, code, reason ? reason : "", reason ? strlen(reason) : 0);
	if (c->open) {
		conn_begin_close(c);
		return;
	}
	c->closing = true;
	dialer_abort(c);
}

void sonde_conn_set_arg(struct sonde_conn *c, void *arg)
{
	c->arg = arg;
}

void sonde_conn_set_max_message(struct sonde_conn *c, size_t max)
{
	size_t most = c->net->options.max_message;

	c->max_message = max < most ? max : most;
	if (c->reader)
		reader_allow(c->reader, c->max_message);
}

void *sonde_conn_arg(struct sonde_conn *c)
{
	return c->arg;
}

const char *sonde_conn_peer(struct sonde_conn *c)
{
	return c->peer;
}

void sonde_conn_local(struct sonde_conn *c, char out[SONDE_NET_ADDRESS])
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

	out[0] = '\0';
	if (!c->wsi || getsockname(lws_get_socket_fd(c->wsi), (struct sockaddr *)&sa, &len) ||
	    getnameinfo((struct sockaddr *)&sa, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST))
		return;
	/* A scope means something on this machine only. */
	text[strcspn(text, "%")] = '\0';
	bool mapped = !strncmp(text, "::ffff:", 7) && strchr(text, '.');
	snprintf(out, SONDE_NET_ADDRESS, "%s", text + (mapped ? 7 : 0));
}

size_t sonde_conn_queued(struct sonde_conn *c)
{
	return c->queued + c->in_lws;
}
