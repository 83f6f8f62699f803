/* SPDX-License-Identifier: Apache-2.0 */
/* A listener is one vhost: its address, certificate, websocket routes and static files. Refuses
 * HTTP/2 and extensions by not offering them. Freed with the net. */
#include "net/private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void listener_free(struct listener *l)
{
	if (!l)
		return;
	free(l->extra);
	free(l->cert);
	free(l->key);
	SSL_CTX_free(l->fresh);
	for (unsigned i = 0; i < l->route_count; i++) {
		free((char *)l->routes[i].path);
		free((char *)l->routes[i].subprotocol);
	}
	free(l->origins);
	free(l->routes);
	free(l->protocols);
	static_free(l->files);
	free(l);
}

const struct sonde_ws_route *listener_route(const struct listener *l, const char *path)
{
	for (unsigned i = 0; i < l->route_count; i++) {
		if (!strcmp(l->routes[i].path, path))
			return &l->routes[i];
	}
	return NULL;
}

static unsigned count_routes(const struct sonde_ws_route *r)
{
	unsigned n = 0;

	while (r && r[n].path)
		n++;
	return n;
}

static bool copy_route(struct sonde_ws_route *to, const struct sonde_ws_route *from)
{
	*to = *from;
	to->path = strdup(from->path);
	to->subprotocol = from->subprotocol ? strdup(from->subprotocol) : NULL;
	return to->path && !to->subprotocol == !from->subprotocol;
}

/* lws binds a websocket by its subprotocol; every entry has the same callback. */
static void fill_protocol(struct lws_protocols *p, const char *name, size_t room,
                          struct listener *l)
{
	*p = (struct lws_protocols){
		.name = name,
		.callback = http_callback,
		.rx_buffer_size = room,
		.tx_packet_size = TX_BYTES,
		.user = l,
	};
}

static int copy_routes(struct listener *l, const struct sonde_ws_route *routes)
{
	unsigned n = count_routes(routes), used = 1;

	l->routes = calloc(n + 1, sizeof(*l->routes));
	l->protocols = calloc(n + 2, sizeof(*l->protocols));
	if (!l->routes || !l->protocols)
		return SONDE_ENOMEM;
	fill_protocol(&l->protocols[HTTP_NAME], "http", RX_BYTES, l);
	for (unsigned i = 0; i < n; i++) {
		l->route_count = i + 1;
		if (!copy_route(&l->routes[i], &routes[i]))
			return SONDE_ENOMEM;
		const char *name = l->routes[i].subprotocol;
		bool known = !name;
		for (unsigned k = 1; k < used && !known; k++)
			known = !strcmp(l->protocols[k].name, name);
		if (!known)
			fill_protocol(&l->protocols[used++], name, EARLY_BYTES, l);
	}
	return SONDE_OK;
}

static bool is_ipv4(const char *host)
{
	struct in_addr a;

	return host && inet_pton(AF_INET, host, &a) == 1;
}

static struct lws_vhost *make_vhost(struct listener *l, const struct sonde_listen *o, bool ipv6)
{
	struct sonde_net *net = l->net;
	struct lws_context_creation_info info = {
		.port = o->port,
		.iface = o->host && strcmp(o->host, "::") ? o->host : NULL,
		.protocols = l->protocols,
		.user = l,
		.keepalive_timeout = (int)net->options.idle_timeout_s,
		.timeout_secs = HANDSHAKE_S,
		.timeout_secs_ah_idle = HANDSHAKE_S,
		.retry_and_idle_policy = &net_no_validity,
		.alpn = "http/1.1",
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};

	if (!ipv6)
		info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
	if (l->tls) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = l->cert;
		info.ssl_private_key_filepath = l->key;
		info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION |
				       SSL_OP_NO_COMPRESSION;
		/* Of TLS 1.2; all of 1.3 are like that. */
		info.ssl_cipher_list = "ECDHE+AESGCM:ECDHE+CHACHA20";
	}
	net_log_loud(true);
	struct lws_vhost *vhost = lws_create_vhost(net->context, &info);
	net_log_loud(false);
	return vhost;
}

/* A SYN that is never answered is forgotten after 7 s instead of 63, and of an answer that nobody
 * reads the kernel keeps little; what is accepted inherits that. lws tells the sockets it listens on
 * to nobody but the loop. */
static void harden(uv_handle_t *h, void *arg)
{
	int listens = 0, tries = 2, unsent = UNSENT_BYTES;
	socklen_t len = sizeof(listens);
	uv_os_fd_t fd;

	(void)arg;
	if (h->type != UV_POLL || uv_fileno(h, &fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) || !listens)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

/* lws would let both share the socket and choose by the Host header. */
static bool port_taken(const struct listener *l, int port)
{
	for (; l; l = l->next) {
		if (port && lws_get_vhost_listen_port(l->vhost) == port)
			return true;
	}
	return false;
}

static int open_vhost(struct listener *l, const struct sonde_listen *o, struct sonde_error *e)
{
	bool v4 = is_ipv4(o->host);

	if (port_taken(l->net->listeners, o->port))
		return sonde_fail(e, SONDE_EEXIST, NULL, "port %u is listened on already", o->port);
	l->vhost = make_vhost(l, o, !v4);
	if (!l->vhost && !o->host)
		l->vhost = make_vhost(l, o, false);
	if (!l->vhost)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot listen on %s port %u%s",
				  o->host ? o->host : "any address", o->port,
				  l->tls ? " with this certificate and key" : "");
	uv_walk(l->net->loop, harden, NULL);
	return SONDE_OK;
}

/* Once: CONNECT makes a connection raw as well, and then what it says stands anywhere. */
void listener_calibrated(struct listener *l, const char *rx_base)
{
	if (l->net->rx_base)
		return;
	l->net->rx_base = rx_base;
	l->net->rx_dirty = true;
}

/* Learns where lws reads to, by a byte over a socket pair; http.c needs to know. */
static int calibrate(struct listener *l, struct sonde_error *e)
{
	lws_sock_file_fd_type fd;
	int pair[2];

	if (l->net->rx_base)
		return SONDE_OK;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make a socket pair");
	fd.sockfd = pair[0];
	if (write(pair[1], "x", 1) == 1 &&
	    lws_adopt_descriptor_vhost(l->vhost, LWS_ADOPT_SOCKET, fd, "http", NULL)) {
		struct lws_pollfd p = { .fd = pair[0], .events = LWS_POLLIN, .revents = LWS_POLLIN };
		lws_service_fd(l->net->context, &p);
	}
	close(pair[1]);
	if (!l->net->rx_base)
		return sonde_fail(e, SONDE_EVERSION, NULL, "this version of libwebsockets behaves "
				  "in an unknown way");
	return SONDE_OK;
}

int sonde_net_listen(struct sonde_net *net, const struct sonde_listen *o, struct sonde_error *e)
{
	struct listener *l;
	int rc;

	if (!o->cert != !o->key)
		return sonde_fail(e, SONDE_EINVAL, o->cert ? "key" : "cert",
				  "a certificate and its key are given together");
	l = calloc(1, sizeof(*l));
	if (!l)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	l->net = net;
	l->http = o->http;
	l->http_arg = o->http_arg;
	l->tls = o->cert != NULL;
	l->origins = o->origins ? strdup(o->origins) : NULL;
	rc = o->origins && !l->origins ? SONDE_ENOMEM : copy_routes(l, o->routes);
	if (l->tls && (!(l->cert = strdup(o->cert)) || !(l->key = strdup(o->key))))
		rc = SONDE_ENOMEM;
	if (rc == SONDE_OK && o->headers && !(l->extra = strdup(o->headers)))
		rc = SONDE_ENOMEM;
	if (rc != SONDE_OK)
		sonde_fail(e, rc, NULL, "out of memory");
	if (rc == SONDE_OK && o->static_dir)
		rc = static_load(o->static_dir, o->static_url, &l->files, e);
	if (rc == SONDE_OK)
		rc = open_vhost(l, o, e);
	if (rc == SONDE_OK)
		rc = calibrate(l, e);
	if (rc != SONDE_OK && l->vhost)
		lws_vhost_destroy(l->vhost);
	if (rc != SONDE_OK) {
		listener_free(l);
		return rc;
	}
	l->next = net->listeners;
	net->listeners = l;
	net_wake(net);
	return SONDE_OK;
}

uint16_t sonde_net_port(struct sonde_net *net)
{
	int port = net->listeners ? lws_get_vhost_listen_port(net->listeners->vhost) : 0;

	return port > 0 ? (uint16_t)port : 0;
}
