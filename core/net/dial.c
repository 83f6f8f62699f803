/* SPDX-License-Identifier: Apache-2.0 */
/* Websocket client: resolve off the loop, then try each address until one answers. lws gets the
 * address, and the name for the Host header and the certificate check, because its own lookup
 * would block the loop. A connection attempt that fails for any reason ends in the close event.
 *
 * A dialer lives from sonde_net_dial until connected or failed, plus the time its lookup and its
 * timer need to end; it and the connection forget each other when either is done. */
#include "net/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { HOST_TEXT = 256, PATH_TEXT = 512, DEFAULT_TIMEOUT_S = 30, MAX_ADDRESSES = 8 };

struct dialer {
	struct sonde_net *net;   /* NULL once the net has closed */
	struct sonde_conn *conn; /* NULL once connected, failed or given up */
	uv_getaddrinfo_t lookup;
	uv_timer_t timer; /* time limit; next attempt */
	bool looking, timer_open;
	uint64_t until_ms;
	struct addrinfo *addresses, *next;
	unsigned tried;
	struct client_vhost *trust;
	bool tls;
	uint16_t port;
	char host[HOST_TEXT], path[PATH_TEXT], host_port[HOST_TEXT + 8];
	char subprotocol[128];
	char why[REASON_TEXT];
};

static void dialer_free(struct dialer *d)
{
	if (d->looking || d->timer_open)
		return;
	uv_freeaddrinfo(d->addresses);
	free(d);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct dialer *d = h->data;
	struct sonde_net *net = d->net;

	d->timer_open = false;
	d->net = NULL;
	dialer_free(d);
	if (net)
		net_handle_closed(net);
}

/* The connection no longer needs the dialer. */
static void detach(struct sonde_conn *c)
{
	struct dialer *d = c->dialer;

	c->dialer = NULL;
	d->conn = NULL;
	if (d->looking)
		uv_cancel((uv_req_t *)&d->lookup);
	if (!uv_is_closing((uv_handle_t *)&d->timer))
		uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

static void fail(struct sonde_conn *c, const char *why)
{
	if (!c->closing)
		conn_set_reason(c, 1006, why, strlen(why));
	if (c->dialer)
		detach(c);
	conn_gone(c);
}

static void attempt(struct dialer *d);

static void on_timer(uv_timer_t *timer)
{
	struct dialer *d = timer->data;
	struct sonde_conn *c = d->conn;

	if (!c)
		return;
	if (!c->closing && uv_now(timer->loop) < d->until_ms) {
		attempt(d);
		return;
	}
	if (!c->closing)
		conn_set_reason(c, 1006, "no connection in time", 21);
	if (c->wsi)
		conn_kill(c);
	else
		fail(c, "");
}

static void arm(struct dialer *d, bool now)
{
	uint64_t at = uv_now(d->net->loop);

	uv_timer_start(&d->timer, on_timer, now || at >= d->until_ms ? 0 : d->until_ms - at, 0);
}

static void connect_to(struct dialer *d, const char *address)
{
	struct sonde_conn *c = d->conn;
	struct lws_client_connect_info info = {
		.context = d->net->context,
		.vhost = d->trust->vhost,
		.address = address,
		.port = d->port,
		.path = d->path,
		.host = d->host_port,
		.protocol = d->subprotocol[0] ? d->subprotocol : NULL,
		.local_protocol_name = "sonde",
		.ssl_connection = d->tls ? LCCSCF_USE_SSL : 0,
		.ietf_version_or_minus_one = -1,
		.alpn = "http/1.1",
		.retry_and_idle_policy = &net_no_validity,
		.opaque_user_data = c,
		.pwsi = &c->wsi,
	};

	/* The error callback may run inside, and NULL may come without it. */
	d->why[0] = '\0';
	if (!lws_client_connect_via_info(&info) && d->conn == c && !d->why[0]) {
		c->wsi = NULL;
		snprintf(d->why, sizeof(d->why), "cannot connect");
	}
}

/* One address; what comes of it is told by client_callback, or by `why` at once. */
static void attempt(struct dialer *d)
{
	struct addrinfo *a = d->next;
	char address[INET6_ADDRSTRLEN] = "";

	if (!a || d->tried >= MAX_ADDRESSES) {
		fail(d->conn, d->why[0] ? d->why : "the name has no address");
		return;
	}
	d->next = a->ai_next;
	d->tried++;
	if (a->ai_family == AF_INET6)
		uv_ip6_name((struct sockaddr_in6 *)(void *)a->ai_addr, address, sizeof(address));
	else
		uv_ip4_name((struct sockaddr_in *)(void *)a->ai_addr, address, sizeof(address));
	snprintf(d->conn->peer, PEER_TEXT, "%s", address);
	arm(d, false);
	connect_to(d, address);
	if (d->conn && !d->conn->wsi)
		arm(d, true);
	net_wake(d->net);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct dialer *d = req->data;
	char why[REASON_TEXT];

	d->looking = false;
	d->addresses = d->next = list;
	if (!d->conn) {
		dialer_free(d);
		return;
	}
	if (d->conn->closing) {
		fail(d->conn, "");
	} else if (status != 0) {
		snprintf(why, sizeof(why), "cannot resolve %.60s: %s", d->host, uv_strerror(status));
		fail(d->conn, why);
	} else {
		attempt(d);
	}
}

/* -------- calls from lws -------- */

/* What the kernel says of a connection attempt, "" when nothing. */
static const char *socket_error(struct lws *wsi)
{
	int fd = lws_get_socket_fd(wsi), error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || !error)
		return "";
	return uv_strerror(uv_translate_sys_error(error));
}

static void on_connect_error(struct sonde_conn *c, struct lws *wsi, const char *in, size_t len)
{
	struct dialer *d = c->dialer;
	unsigned http = lws_http_client_http_response(wsi);
	const char *error = socket_error(wsi), *key = d ? d->trust->pins.why : "";

	c->wsi = NULL;
	if (!d) {
		conn_gone(c);
		return;
	}
	if (*key)
		snprintf(d->why, sizeof(d->why), "%s", key);
	else if (http >= 300 && http < 600)
		snprintf(d->why, sizeof(d->why), "refused with HTTP status %u", http);
	else if (error[0])
		snprintf(d->why, sizeof(d->why), "cannot connect: %s", error);
	else
		snprintf(d->why, sizeof(d->why), "cannot connect: %.*s", (int)len, in ? in : "");
	d->trust->pins.why[0] = '\0';
	if (!uv_is_closing((uv_handle_t *)&d->timer))
		arm(d, true);
}

static int on_established(struct sonde_conn *c, struct lws *wsi)
{
	if (c->dialer)
		detach(c);
	conn_opened(c, wsi);
	return 0;
}

static const char silent[] = "closed during the websocket handshake";

static int client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t len)
{
	struct sonde_conn *c;

	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS:
		client_pins(user, lws_get_vhost_user(lws_get_vhost(wsi)));
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		c = lws_get_opaque_user_data(wsi);
		lws_set_opaque_user_data(wsi, NULL);
		if (c)
			on_connect_error(c, wsi, in, in ? len : 0);
		return 0;
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		c = lws_get_opaque_user_data(wsi);
		lws_set_opaque_user_data(wsi, NULL);
		if (c)
			on_connect_error(c, wsi, silent, sizeof(silent) - 1);
		return 0;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		c = lws_get_opaque_user_data(wsi);
		return c ? on_established(c, wsi) : -1;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		c = lws_get_opaque_user_data(wsi);
		return c ? conn_receive(c, in, len) : -1;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		c = lws_get_opaque_user_data(wsi);
		return c ? conn_writable(c) : -1;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		c = lws_get_opaque_user_data(wsi);
		if (c)
			conn_peer_closes(c, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		c = lws_get_opaque_user_data(wsi);
		lws_set_opaque_user_data(wsi, NULL);
		if (c)
			conn_gone(c);
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols client_protocols[] = {
	{ .name = "sonde", .callback = client_callback, .rx_buffer_size = RX_BYTES,
	  .tx_packet_size = TX_BYTES },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

/* -------- the calls of the contract -------- */

static bool parse_port(const char *s, size_t n, uint16_t *port)
{
	unsigned value = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || n > 5)
			return false;
		value = value * 10 + (unsigned)(s[i] - '0');
	}
	*port = (uint16_t)value;
	return n > 0 && value > 0 && value <= 65535;
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	}
	return true;
}

/* ws://host[:port][/path], host may be [IPv6]. */
static bool parse_url(struct dialer *d, const char *url)
{
	const char *at, *end, *colon;
	size_t host, path;

	if (strncmp(url, "ws://", 5) && strncmp(url, "wss://", 6))
		return false;
	d->tls = url[2] == 's';
	d->port = d->tls ? 443 : 80;
	at = url + (d->tls ? 6 : 5);
	end = at + strcspn(at, "/?#");
	colon = at[0] == '[' ? memchr(at, ']', (size_t)(end - at)) : at - 1;
	if (!is_printable(url) || !colon || memchr(at, '@', (size_t)(end - at)))
		return false;
	colon = memchr(colon + 1, ':', (size_t)(end - colon - 1));
	if (colon && !parse_port(colon + 1, (size_t)(end - colon - 1), &d->port))
		return false;
	host = (size_t)((colon ? colon : end) - at);
	path = strcspn(end, "#");
	if (host == 0 || host >= sizeof(d->host) || path + 2 > sizeof(d->path))
		return false;
	snprintf(d->host_port, sizeof(d->host_port), "%.*s:%u", (int)host, at, d->port);
	if (at[0] == '[')
		snprintf(d->host, sizeof(d->host), "%.*s", (int)host - 2, at + 1);
	else
		snprintf(d->host, sizeof(d->host), "%.*s", (int)host, at);
	snprintf(d->path, sizeof(d->path), "%s%.*s", end[0] == '/' ? "" : "/", (int)path, end);
	return true;
}

static int prepare(struct sonde_net *net, struct dialer *d, const struct sonde_dial *o,
                   struct sonde_error *e)
{
	struct sonde_pins pins;

	if (net->state != NET_OPEN)
		return sonde_fail(e, SONDE_EGONE, NULL, "the network is closing");
	if (!parse_url(d, o->url))
		return sonde_fail(e, SONDE_EINVAL, "url", "must be ws://host:port/path or wss://…");
	if (o->subprotocol && strlen(o->subprotocol) >= sizeof(d->subprotocol))
		return sonde_fail(e, SONDE_EINVAL, "subprotocol", "is too long");
	if (o->subprotocol)
		memcpy(d->subprotocol, o->subprotocol, strlen(o->subprotocol) + 1);
	if (sonde_pins_parse(&pins, d->tls ? o->pins : NULL, !o->ca_file, e) != SONDE_OK)
		return SONDE_EINVAL;
	d->trust = client_vhost(net, client_protocols, d->tls, o->ca_file, &pins);
	if (!d->trust)
		return sonde_fail(e, SONDE_EIO, "ca_file", "cannot use the certificates of %s",
				  o->ca_file ? o->ca_file : "the system");
	return SONDE_OK;
}

static int start(struct dialer *d, struct sonde_conn *c, unsigned timeout_s)
{
	struct sonde_net *net = c->net;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
	int rc;

	d->net = net;
	d->lookup.data = d;
	rc = uv_getaddrinfo(net->loop, &d->lookup, on_resolved, d->host, NULL, &hints);
	if (rc != 0)
		return rc;
	d->looking = true;
	d->conn = c;
	c->dialer = d;
	uv_timer_init(net->loop, &d->timer);
	d->timer.data = d;
	d->timer_open = true;
	net_handle_opened(net);
	uv_update_time(net->loop);
	d->until_ms = uv_now(net->loop) + (timeout_s ? timeout_s : DEFAULT_TIMEOUT_S) * 1000ULL;
	arm(d, false);
	return 0;
}

int sonde_net_dial(struct sonde_net *net, const struct sonde_dial *o, struct sonde_conn **out,
                   struct sonde_error *e)
{
	struct dialer *d = calloc(1, sizeof(*d));
	struct sonde_conn *c = NULL;
	int rc;

	*out = NULL;
	if (!d)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	rc = prepare(net, d, o, e);
	if (rc == SONDE_OK) {
		c = conn_new(net, o->events, o->arg);
		int why = c ? start(d, c, o->timeout_s) : UV_ENOMEM;
		if (why != 0)
			rc = sonde_fail(e, why == UV_ENOMEM ? SONDE_ENOMEM : SONDE_EINVAL, "url",
					"cannot look up %.100s: %s", d->host, uv_strerror(why));
	}
	if (rc != SONDE_OK) {
		if (c) {
			c->events.close = NULL;
			conn_gone(c);
		}
		free(d);
		return rc;
	}
	*out = c;
	return SONDE_OK;
}

void dialer_abort(struct sonde_conn *c)
{
	if (c->dialer && !uv_is_closing((uv_handle_t *)&c->dialer->timer))
		arm(c->dialer, true);
}

void dialer_drop(struct sonde_conn *c)
{
	struct lws *wsi = c->wsi;

	if (wsi) {
		c->wsi = NULL;
		lws_set_opaque_user_data(wsi, NULL);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
	}
	fail(c, "the program ends");
}
