/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests: from the callbacks of libwebsockets to one call of the handler. Refuses what
 * makes two readers disagree about where a request ends. Owns the session of each connection: it
 * is made with the first request, dies with the connection, or, while a handler still owes an
 * answer, with that answer.
 *
 * IDLE -> BODY or DRAIN (a body that is too long) -> HANDLER -> IDLE. While a handler owes an
 * answer nothing is read from the connection: lws would deliver the end of the body again and
 * again, and spin on a GET. */
#include "net/private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { DRAIN_FACTOR = 16 };

static const char too_long[] = "the body is too long";

static struct sonde_req *session_of(struct lws *wsi, struct listener *l)
{
	struct sonde_req *s = lws_get_opaque_user_data(wsi);

	if (s || !l)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->net = l->net;
	s->listener = l;
	s->wsi = wsi;
	link_init(&s->settle);
	link_init(&s->unread);
	link_init(&s->wait);
	link_init(&s->fresh);
	sonde_buf_init(&s->target, 2 * HEADER_BYTES);
	sonde_buf_init(&s->body, l->net->options.max_body);
	net_peer_text(wsi, s->peer);
	lws_set_opaque_user_data(wsi, s);
	return s;
}

void session_free(struct sonde_req *s)
{
	sonde_buf_deinit(&s->target);
	sonde_buf_deinit(&s->body);
	sonde_buf_deinit(&s->behind);
	free(s);
}

static void connection_gone(struct lws *wsi)
{
	struct sonde_req *s = lws_get_opaque_user_data(wsi);

	if (!s)
		return;
	lws_set_opaque_user_data(wsi, NULL);
	if (s->stream.more || (s->unread_bytes && lws_partial_buffered(wsi)))
		net_reset(wsi);
	unread_done(s);
	patience_stop(s);
	admit_gone(s, s->net);
	s->net->upgraded -= s->conn != NULL;
	if (s->conn)
		conn_gone(s->conn);
	s->conn = NULL;
	stream_gone(s);
	s->wsi = NULL;
	s->net = NULL;
	link_remove(&s->settle);
	if (s->state != SESSION_HANDLER)
		session_free(s);
}

void *sonde_req_room(struct sonde_req *s)
{
	return s->room;
}

const struct sonde_req_view *sonde_req_view(struct sonde_req *s)
{
	return &s->view;
}

static int run_handler(struct sonde_req *s)
{
	memset(s->room, 0, sizeof(s->room));
	s->view.body = s->body.len ? s->body.data : "";
	s->view.body_len = s->body.len;
	s->state = SESSION_HANDLER;
	s->inside = true;
	s->rc = 0;
	if (s->listener->http)
		s->listener->http(s, s->listener->http_arg);
	else
		sonde_req_reply(s, &(struct sonde_reply){ .status = 404 });
	s->inside = false;
	if (s->state != SESSION_HANDLER)
		return s->rc;
	if (s->stream.more) /* lws asks for no more while it must not read */
		return 0;
	lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	return lws_rx_flow_control(s->wsi, 0) ? -1 : 0;
}

static int expect_body(struct sonde_req *s, int64_t length)
{
	int64_t max = (int64_t)s->net->options.max_body;
	char expect[16];

	if (length > max) {
		if (length > max * DRAIN_FACTOR)
			return reply_refuse(s, 413, too_long);
		s->state = SESSION_DRAIN;
	} else {
		s->state = SESSION_BODY;
	}
	patience_start(s, WAIT_BODY);
	if (lws_hdr_copy(s->wsi, expect, sizeof(expect), WSI_TOKEN_HTTP_EXPECT) > 0 &&
	    !strcasecmp(expect, "100-continue")) {
		static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
		unsigned char frame[LWS_PRE + sizeof(go)];
		if (s->state == SESSION_DRAIN)
			return reply_refuse(s, 413, too_long);
		memcpy(frame + LWS_PRE, go, sizeof(go));
		if (lws_write(s->wsi, frame + LWS_PRE, sizeof(go) - 1,
			      LWS_WRITE_HTTP_HEADERS) < 0)
			return -1;
	}
	return 0;
}

static int on_request(struct sonde_req *s, const char *uri, size_t uri_len)
{
	struct head head;
	int rc;

	head_read(s->wsi, &head);
	enum raw_head raw = raw_check(s, head.name, head.length > 0 ? head.length : 0);
	patience_stop(s);
	s->view = (struct sonde_req_view){ .method = head.method, .peer = s->peer,
					   .tls = s->listener->tls, .body = "" };
	/* What nobody has read to the letter is the last that is read. */
	s->keep = head.version == VERSION_1_1 && !head.close && raw == RAW_GOOD;
	/* RFC 9110 9.3.2: the same answer without its body. */
	s->head_only = s->view.method == SONDE_HEAD;
	if (s->head_only)
		s->view.method = SONDE_GET;
	s->came_ns = sonde_boottime_ns();
	s->gzip = head.gzip;
	sonde_buf_reset(&s->body);
	if (raw == RAW_BAD && head.version != VERSION_OTHER)
		return reply_refuse(s, 400, "the head of the request is malformed");
	if (!head_target(s, uri, uri_len))
		return reply_refuse(s, 400, "the URL is malformed");
	if (head.coded)
		return reply_refuse(s, 411, "send a Content-Length instead of Transfer-Encoding");
	if (head.length == LENGTH_BAD)
		return reply_refuse(s, 400, "the Content-Length is malformed");
	if (!head.good_host)
		return reply_refuse(s, 400, "there must be one Host header");
	if (head.version == VERSION_OTHER)
		return reply_refuse(s, 400, "only HTTP/1.1 is spoken");
	if (!s->view.method)
		return reply_refuse(s, 400, "the method is unknown");
	if (head.length > 0)
		return expect_body(s, head.length);
	/* lws takes a missing length for 100 MB to come; after the answer it must close. */
	if (head.length == LENGTH_ABSENT && s->view.method >= SONDE_POST &&
	    s->view.method <= SONDE_PATCH)
		s->keep = false;
	if (s->view.method == SONDE_GET && static_serve(s->listener->files, s, &rc))
		return rc;
	return run_handler(s);
}

/* A request that was received together with the one before it waits in a store of lws, and from
 * there lws 4.1 hands over the wrong bytes as its body. */
static bool was_stored(const struct sonde_net *net, const char *in)
{
	return in < net->rx_base || in >= net->rx_base + RX_BYTES;
}

static int on_body(struct sonde_req *s, const void *in, size_t len)
{
	if (len == 0 || (s->state != SESSION_BODY && s->state != SESSION_DRAIN))
		return 0;
	if (was_stored(s->net, in))
		return reply_refuse(s, 400, "a request with a body cannot be pipelined");
	if (s->state == SESSION_BODY)
		sonde_buf_add(&s->body, in, len);
	raw_used(s->net, in, len);
	return s->body.failed ? -1 : 0;
}

static int on_body_end(struct sonde_req *s)
{
	patience_stop(s);
	if (s->state == SESSION_DRAIN)
		return reply_error(s, 413, too_long);
	return s->state == SESSION_BODY ? run_handler(s) : 0;
}

/* After a reply lws waits for a writable event before it goes on: two more changes of the poll set
 * and a turn of the loop. The socket has taken the reply, so the event is given to lws by hand,
 * once its own callbacks have returned. */
void http_settle(struct sonde_net *net)
{
	while (!link_alone(&net->settle) && net->state != NET_DESTROYING) {
		struct sonde_req *s = LINK_OWNER(net->settle.next, struct sonde_req, settle);
		struct lws_pollfd p = { .fd = lws_get_socket_fd(s->wsi),
					.events = LWS_POLLIN | LWS_POLLOUT,
					.revents = LWS_POLLOUT };
		link_remove(&s->settle);
		lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
		patience_start(s, WAIT_NEXT);
		if (p.fd >= 0)
			lws_service_fd(net->context, &p);
	}
	net->kick = true;
	/* Pipelined requests wait in lws, for a turn that follows an event. */
	if (net->state != NET_DESTROYING && !lws_service_adjust_timeout(net->context, 1, 0))
		net_wake(net);
}

/* lws binds the protocol again when a transaction is over, and before each request. */
static void transaction_over(struct lws *wsi)
{
	struct sonde_req *s = lws_get_opaque_user_data(wsi);

	if (!s || !s->answered)
		return;
	s->answered = false;
	link_append(&s->net->settle, &s->settle);
}

static int upgraded(struct sonde_req *s, struct lws *wsi)
{
	if (!s->route)
		return -1;
	s->conn = conn_new(s->net, s->route->events, s->route->arg);
	if (!s->conn)
		return -1;
	s->net->upgraded++;
	if (s->route->max_message)
		sonde_conn_set_max_message(s->conn, s->route->max_message);
	patience_stop(s);
	memcpy(s->conn->peer, s->peer, sizeof(s->peer));
	if (reader_open(s->conn, s->route, wsi) != 0) {
		s->conn->events.close = NULL; /* nobody has heard of it */
		return -1;
	}
	conn_opened(s->conn, wsi);
	return 0;
}

static int ws_event(struct sonde_req *s, enum lws_callback_reasons reason)
{
	if (!s->conn)
		return -1;
	if (reason == LWS_CALLBACK_SERVER_WRITEABLE)
		return conn_writable(s->conn);
	return reader_too_early(s->conn);
}

/* The subprotocol that lws picked from the client's list must be the one of the path. */
static int check_protocol(struct sonde_req *s, struct lws *wsi)
{
	const char *want = s->route ? s->route->subprotocol : NULL;

	return s->route && (!want || !strcmp(lws_get_protocol(wsi)->name, want)) ? 0 : -1;
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
	struct sonde_req *s;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		s = session_of(wsi, lws_get_protocol(wsi)->user);
		if (!s)
			return -1;
		return reason == LWS_CALLBACK_HTTP ? on_request(s, in, len) :
						     upgrade_check(s, wsi);
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		s = session_of(wsi, NULL);
		if (!s)
			return -1;
		return reason == LWS_CALLBACK_HTTP_BODY ? on_body(s, in, len) : on_body_end(s);
	case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
		return admit_arrival(lws_get_vhost_user(lws_get_vhost(wsi)), user);
	case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
		s = session_of(wsi, lws_get_protocol(wsi)->user);
		if (!s)
			return -1;
		admit_made(s);
		patience_made(s);
		return 0;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		s = session_of(wsi, NULL);
		return s ? check_protocol(s, wsi) : -1;
	case LWS_CALLBACK_ESTABLISHED:
		s = session_of(wsi, NULL);
		return s ? upgraded(s, wsi) : -1;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		s = session_of(wsi, NULL);
		return s ? stream_writable(s) : 0;
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		s = session_of(wsi, NULL);
		return s ? ws_event(s, reason) : -1;
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		((struct listener *)lws_vhost_user(in))->ctx = user;
		return 0;
	case LWS_CALLBACK_RAW_RX:
		listener_calibrated(lws_get_protocol(wsi)->user, in);
		return -1;
	case LWS_CALLBACK_HTTP_BIND_PROTOCOL:
		transaction_over(wsi);
		return 0;
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		connection_gone(wsi);
		return 0;
	default:
		return 0;
	}
}
