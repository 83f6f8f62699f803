/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the three protocols, sending on them and reading them. One for all probes (ICMP, UDP),
 * or one each (TCP, where the kernel wants a connection of its own for each; UDP towards routers
 * that quote too little to tell probes of one socket apart). Memory is the probe's pool; closed
 * sockets are used again. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "icmp/control.h"
#include "path/path.h"

#ifndef IP_RECVERR_RFC4884
#define IP_RECVERR_RFC4884 26
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif

enum {
	UDP_PORT = 33434,
	TCP_PORT = 80,
	RX_STAMPS = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
	ALL_STAMPS = RX_STAMPS | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY |
		SOF_TIMESTAMPING_OPT_ID,
};

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static void want_extensions(struct path_socket *so)
{
	bool v4 = so->s.family == AF_INET;

	(void)set_int(so->s.fd, v4 ? SOL_IP : SOL_IPV6,
	              v4 ? IP_RECVERR_RFC4884 : IPV6_RECVERR_RFC4884, 1);
}

static void want_errors(struct path_socket *so)
{
	bool v4 = so->s.family == AF_INET;

	(void)set_int(so->s.fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	want_extensions(so);
}

static int watch(struct sonde_probe *p, struct path_socket *so)
{
	unsigned events = SONDE_READABLE | SONDE_ERRQUEUE;

	if (so->path->config.protocol == PATH_TCP)
		events = SONDE_WRITABLE | SONDE_ERRQUEUE;
	so->watch = p->host->watch_start(p, so->s.fd, events, path_event, so);
	return so->watch ? 0 : ENOMEM;
}

static int open_udp(struct sonde_probe *p, struct path_socket *so)
{
	const struct path *path = so->path;
	int fd = p->host->socket(p, path->family, SOCK_DGRAM, IPPROTO_UDP, NULL);

	if (fd < 0)
		return -fd;
	so->s.fd = fd;
	want_errors(so);
	so->s.stamps = !set_int(fd, SOL_SOCKET, SO_TIMESTAMPING, ALL_STAMPS);
	return connect(fd, (const struct sockaddr *)&path->target.sa, path->target.len) ? errno : 0;
}

static int open_tcp(struct sonde_probe *p, struct path_socket *so)
{
	/* No connection is wanted: what is made by accident goes without a trace. */
	const struct linger reset = { .l_onoff = 1 };
	int fd = p->host->socket(p, so->path->family, SOCK_STREAM, IPPROTO_TCP, NULL);

	if (fd < 0)
		return -fd;
	so->s.fd = fd;
	want_errors(so);
	(void)set_int(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	so->s.stamps = !set_int(fd, SOL_SOCKET, SO_TIMESTAMPING, RX_STAMPS);
	return 0;
}

static int open_icmp(struct sonde_probe *p, struct path_socket *so)
{
	int rc = sonde_icmp_open(p, so->path->family, SONDE_ICMP_WANT_ERRORS, &so->s);

	if (rc)
		return -rc;
	if (!so->s.raw)
		want_extensions(so);
	return 0;
}

static int open_one(struct sonde_probe *p, struct path_socket *so)
{
	static int (*const open_by[])(struct sonde_probe *, struct path_socket *) = {
		[PATH_ICMP] = open_icmp, [PATH_UDP] = open_udp, [PATH_TCP] = open_tcp,
	};

	so->s.fd = -1;
	so->s.family = so->path->family;
	int error = open_by[so->path->config.protocol](p, so);
	if (!error)
		error = watch(p, so);
	if (error)
		path_close(p, so);
	return error;
}

int path_open_main(struct sonde_probe *p, struct path *path)
{
	static const uint16_t usual[] = { [PATH_UDP] = UDP_PORT, [PATH_TCP] = TCP_PORT };
	struct sockaddr_storage *sa = &path->target.sa;

	if (path->config.protocol != PATH_ICMP) {
		if (!path->config.port)
			path->config.port = usual[path->config.protocol];
		if (sa->ss_family == AF_INET)
			((struct sockaddr_in *)sa)->sin_port = htons(path->config.port);
		else
			((struct sockaddr_in6 *)sa)->sin6_port = htons(path->config.port);
	}
	path->main = (struct path_socket){ .path = path, .s.fd = -1 };
	return path->config.protocol == PATH_TCP ? 0 : open_one(p, &path->main);
}

struct path_socket *path_open_own(struct sonde_probe *p, struct path *path, unsigned ttl,
                                  int *error)
{
	struct path_socket *so = path->spare;

	if (so)
		path->spare = so->next;
	else
		so = p->host->alloc(p, sizeof(*so));
	*error = ENOMEM;
	if (!so)
		return NULL;
	*so = (struct path_socket){ .path = path, .ttl = ttl };
	*error = open_one(p, so);
	if (*error) {
		so->next = path->spare;
		path->spare = so;
		return NULL;
	}
	so->next = path->sockets;
	path->sockets = so;
	return so;
}

void path_close(struct sonde_probe *p, struct path_socket *so)
{
	struct path *path = so->path;

	if (so->watch)
		p->host->watch_stop(p, so->watch);
	so->watch = NULL;
	sonde_icmp_close(&so->s);
	for (struct path_socket **at = &path->sockets; *at; at = &(*at)->next) {
		if (*at != so)
			continue;
		*at = so->next;
		so->next = path->spare;
		path->spare = so;
		return;
	}
}

static int set_ttl(struct path_socket *so, unsigned ttl)
{
	bool v4 = so->s.family == AF_INET;

	if (so->set_ttl == ttl)
		return 0;
	so->set_ttl = ttl;
	return set_int(so->s.fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, (int)ttl)
		? errno : 0;
}

static int begin_handshake(struct path *path, struct path_socket *so)
{
	/* Refused at once: the target is this host, and the error is an answer. */
	return connect(so->s.fd, (const struct sockaddr *)&path->target.sa, path->target.len) &&
		errno != EINPROGRESS && errno != ECONNREFUSED ? errno : 0;
}

/* The TTL goes with the datagram by IPv4; by IPv6 older kernels do not look at it on ping sockets. */
static int send_bytes(struct path *path, struct path_socket *so, unsigned ttl, uint16_t seq)
{
	uint8_t out[PATH_ECHO];
	bool udp = path->config.protocol == PATH_UDP;
	struct iovec iov = { out, udp ? PATH_PAYLOAD : PATH_ECHO };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { { CMSG_LEN(sizeof(int)), SOL_IP, IP_TTL } };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	int value = (int)ttl;

	if (so->s.family == AF_INET) {
		memcpy(CMSG_DATA(&control.head), &value, sizeof(value));
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
	}
	if (udp) {
		path_payload(out, seq, path->cookie);
	} else {
		path_echo(path->family, out, so->s.id, seq, path->cookie);
		h.msg_name = &path->target.sa;
		h.msg_namelen = path->target.len;
	}
	return sendmsg(so->s.fd, &h, 0) < 0 ? errno : 0;
}

/* An ICMP error about an earlier probe waits to be told by the next call, and a send that fails by
 * it leaves in doubt whether a key was counted. */
static void clear_error(const struct path_socket *so)
{
	int error;
	socklen_t len = sizeof(error);

	(void)getsockopt(so->s.fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

int path_send(struct path *path, struct path_socket *so, struct path_probe *k, uint16_t seq)
{
	bool tcp = path->config.protocol == PATH_TCP;
	int error = tcp || so->s.family == AF_INET6 ? set_ttl(so, k->ttl) : 0;

	for (int tries = 0; !error && tries < 3; tries++) {
		if (so->used)
			clear_error(so);
		so->used = true;
		k->user_tx = sonde_icmp_wall_ns();
		error = tcp ? begin_handshake(path, so) : send_bytes(path, so, k->ttl, seq);
		if (tcp)
			return error;
		if (!error) {
			k->key = so->s.next_key++;
			return 0;
		}
		/* The error came in between, or is this probe's own. */
		sonde_icmp_rekey(&so->s);
		if (tries < 2 && (error == EHOSTUNREACH || error == ENETUNREACH ||
		                  error == ECONNREFUSED || error == EACCES || error == EPROTO))
			error = 0;
	}
	return error;
}

static bool copy_address(uint8_t out[16], const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		memcpy(out, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	else if (sa->sa_family == AF_INET6)
		memcpy(out, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	return sa->sa_family == AF_INET || sa->sa_family == AF_INET6;
}

static void take_error(const struct cmsghdr *c, struct path_rx *rx)
{
	const struct sock_extended_err *ee = (const void *)CMSG_DATA(c);

	if (ee->ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		rx->kind = PATH_RX_STAMP;
		rx->key = ee->ee_data;
		return;
	}
	if (ee->ee_origin != SO_EE_ORIGIN_ICMP && ee->ee_origin != SO_EE_ORIGIN_ICMP6)
		return;
	rx->kind = PATH_RX_ERROR;
	rx->type = ee->ee_type;
	rx->code = ee->ee_code;
	/* Two 16-bit halves of what the header calls ee_data: offset, then flags. */
	uint16_t told;
	memcpy(&told, &ee->ee_data, sizeof(told));
	rx->extension = told;
	if (c->cmsg_len >= CMSG_LEN(sizeof(*ee) + sizeof(struct sockaddr_in)))
		rx->has_from = copy_address(rx->from, SO_EE_OFFENDER(ee));
}

static void take_control(struct msghdr *h, struct path_rx *rx)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (sonde_control_is_stamp(c))
			rx->stamp = sonde_control_stamp(c);
		else if (sonde_control_is_error(c))
			take_error(c, rx);
	}
}

unsigned path_read(struct path_socket *so, int flags, struct path_batch *b)
{
	int n, tries = 0;

	for (unsigned i = 0; i < PATH_BATCH; i++) {
		b->iov[i] = (struct iovec){ b->data[i], PATH_KEEP };
		b->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &b->peers[i], .msg_namelen = sizeof(b->peers[i]),
			.msg_iov = &b->iov[i], .msg_iovlen = 1,
			.msg_control = b->control[i], .msg_controllen = sizeof(b->control[i]),
		};
	}
	/* A pending ICMP error is told by the first read after it; what is queued comes then. */
	do
		n = recvmmsg(so->s.fd, b->msgs, PATH_BATCH, flags | MSG_DONTWAIT, NULL);
	while (n < 0 && errno != EAGAIN && errno != ENOTCONN && ++tries < 4);
	return n < 0 ? 0 : (unsigned)n;
}

void path_get(struct path_batch *b, int flags, unsigned i, struct path_rx *rx)
{
	struct msghdr *h = &b->msgs[i].msg_hdr;
	const struct sockaddr *peer = h->msg_name;

	rx->kind = flags & MSG_ERRQUEUE ? PATH_RX_NONE : PATH_RX_DATA;
	rx->data = b->data[i];
	rx->len = b->msgs[i].msg_len < PATH_KEEP ? b->msgs[i].msg_len : PATH_KEEP;
	rx->stamp = 0;
	rx->extension = 0;
	rx->has_from = false;
	memset(rx->to, 0, sizeof(rx->to));
	take_control(h, rx);
	if (rx->kind == PATH_RX_DATA && h->msg_namelen)
		rx->has_from = copy_address(rx->from, peer);
	else if (h->msg_namelen)
		(void)copy_address(rx->to, peer);
}
