/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and reads, never waits. The caller watches and closes the descriptor. */
#include "connect/datagram.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "icmp/control.h"

enum { CONTROL = 256 };

int64_t sonde_datagram_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void set_options(int fd, int family)
{
	bool v4 = family == AF_INET;
	const int on = 1;
	const int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
	                   SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;

	/* Each only adds knowledge: without it the plugin still gets its answer. */
	(void)setsockopt(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on,
	                 sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps));
}

int sonde_datagram_open(struct sonde_probe *p, const struct sonde_addr *to,
                        const struct sonde_addr *source)
{
	int fd = p->host->socket(p, to->sa.ss_family, SOCK_DGRAM, 0, NULL);

	if (fd < 0)
		return fd;
	set_options(fd, to->sa.ss_family);
	int rc = sonde_source_bind(fd, source);
	if (!rc && connect(fd, (const struct sockaddr *)&to->sa, to->len))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static ssize_t receive(int fd, struct msghdr *h, int flags)
{
	ssize_t n;

	do
		n = recvmsg(fd, h, flags | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n;
}

int sonde_datagram_recv(int fd, void *buf, size_t cap, struct sonde_datagram_rx *rx)
{
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
	struct iovec iov = { buf, cap };
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CONTROL,
	};
	ssize_t n = receive(fd, &h, MSG_TRUNC);

	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	*rx = (struct sonde_datagram_rx){ (size_t)n < cap ? (size_t)n : cap, (size_t)n, 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (sonde_control_is_stamp(c))
			rx->stamp = sonde_control_stamp(c);
	return 0;
}

static void take_error(const struct cmsghdr *c, struct sonde_datagram_error *e)
{
	const struct sock_extended_err *ee = (const void *)CMSG_DATA(c);
	const struct sockaddr *from = (const void *)(ee + 1);
	size_t room = c->cmsg_len - CMSG_LEN(sizeof(*ee));

	if (ee->ee_origin != SO_EE_ORIGIN_ICMP && ee->ee_origin != SO_EE_ORIGIN_ICMP6 &&
	    ee->ee_origin != SO_EE_ORIGIN_LOCAL)
		return;
	e->error = (int)ee->ee_errno;
	if (room >= sizeof(struct sockaddr_in) && from->sa_family == AF_INET)
		e->from.len = sizeof(struct sockaddr_in);
	else if (room >= sizeof(struct sockaddr_in6) && from->sa_family == AF_INET6)
		e->from.len = sizeof(struct sockaddr_in6);
	memcpy(&e->from.sa, from, e->from.len);
}

bool sonde_datagram_recv_error(int fd, struct sonde_datagram_error *e)
{
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
	uint8_t quoted[64];
	struct iovec iov = { quoted, sizeof(quoted) };
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CONTROL,
	};

	memset(e, 0, sizeof(*e));
	if (receive(fd, &h, MSG_ERRQUEUE) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (sonde_control_is_stamp(c))
			e->stamp = sonde_control_stamp(c);
		else if (sonde_control_is_error(c))
			take_error(c, e);
	}
	return true;
}
