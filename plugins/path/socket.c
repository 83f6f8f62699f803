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

static void want_errors(struct path_socket *so)
{
	bool v4 = so->s.family == AF_INET;
	int level = v4 ? SOL_IP : SOL_IPV6;

	(void)set_int(so->s.fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	(void)set_int(so->s.fd, level, v4 ? IP_RECVERR_RFC4884 : IPV6_RECVERR_RFC4884, 1);
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
		want_errors(so);
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

static int send_bytes(struct path *path, struct path_socket *so, uint16_t seq)
{
	uint8_t out[PATH_ECHO];
	const struct sockaddr *to = (const struct sockaddr *)&path->target.sa;

	/* Refused at once: the target is this host, and the error is an answer. */
	if (path->config.protocol == PATH_TCP)
		return connect(so->s.fd, to, path->target.len) && errno != EINPROGRESS &&
			errno != ECONNREFUSED ? errno : 0;
	if (path->config.protocol == PATH_UDP) {
		path_payload(out, seq, path->cookie);
		return send(so->s.fd, out, PATH_PAYLOAD, 0) < 0 ? errno : 0;
	}
	path_echo(path->family, out, so->s.id, seq, path->cookie);
	return sendto(so->s.fd, out, PATH_ECHO, 0, to, path->target.len) < 0 ? errno : 0;
}

int path_send(struct path *path, struct path_socket *so, struct path_probe *k, uint16_t seq)
{
	int error = set_ttl(so, k->ttl);

	for (int tries = 0; !error && tries < 3; tries++) {
		k->user_tx = sonde_icmp_wall_ns();
		error = send_bytes(path, so, seq);
		if (path->config.protocol == PATH_TCP)
			return error;
		if (!error) {
			k->key = so->s.next_key++;
			return 0;
		}
		/* The failure may be the report of an earlier probe's ICMP error, and the kernel may
		 * have counted a key for this one. */
		sonde_icmp_rekey(&so->s);
		if (tries < 2 && (error == EHOSTUNREACH || error == ENETUNREACH ||
		                  error == ECONNREFUSED || error == EACCES || error == EPROTO))
			error = 0;
	}
	return error;
}

static int64_t stamp_of(const struct cmsghdr *c)
{
	struct timespec t;

	memcpy(&t, CMSG_DATA(c), sizeof(t)); /* the first of three is the software stamp */
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
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
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct timespec)))
			rx->stamp = stamp_of(c);
		else if (((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
		          (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR)) &&
		         c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err)))
			take_error(c, rx);
	}
}

bool path_read(struct path_socket *so, int flags, struct path_rx *rx)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct sockaddr_storage peer = { 0 };
	struct iovec iov = { rx->data, sizeof(rx->data) };
	struct msghdr h = { .msg_name = &peer, .msg_namelen = sizeof(peer), .msg_iov = &iov,
	                    .msg_iovlen = 1, .msg_control = control,
	                    .msg_controllen = sizeof(control) };
	ssize_t n;
	int tries = 0;

	/* A pending ICMP error is told by the first read after it; what is queued comes then. */
	do
		n = recvmsg(so->s.fd, &h, flags | MSG_DONTWAIT);
	while (n < 0 && errno != EAGAIN && errno != ENOTCONN && ++tries < 4);
	if (n < 0)
		return false;
	rx->kind = flags & MSG_ERRQUEUE ? PATH_RX_NONE : PATH_RX_DATA;
	rx->len = (size_t)n;
	rx->stamp = 0;
	rx->extension = 0;
	rx->has_from = false;
	memset(rx->to, 0, sizeof(rx->to));
	take_control(&h, rx);
	if (rx->kind == PATH_RX_DATA && h.msg_namelen)
		rx->has_from = copy_address(rx->from, (struct sockaddr *)&peer);
	else if (h.msg_namelen)
		(void)copy_address(rx->to, (struct sockaddr *)&peer);
	return true;
}
