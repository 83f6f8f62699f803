/* SPDX-License-Identifier: Apache-2.0 */
/* The socket under ping and sweep. A ping socket and a raw one look the same from above, but for
 * `raw`: raw IPv4 delivers the IP header and everybody's replies, so that a kernel filter keeps
 * those of our id. Kernel stamps come as ancillary data (receive) and through the error queue
 * (send, by key). The batch memory belongs to the probe's pool; the caller closes the socket. */
#include "icmp/socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/net_tstamp.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "icmp/control.h"

enum { CONTROL = 160, BULK_BYTES = 8 << 20 };

enum {
	STAMP_FLAGS = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
		SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY,
};

struct slot {
	struct sockaddr_storage from;
	uint8_t data[SONDE_ICMP_KEEP];
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
};

struct sonde_icmp_batch {
	unsigned slots;
	unsigned used;  /* slots whose lengths the last read changed */
	bool named;     /* the kernel is asked for the peer's address */
	bool ip_header; /* what was read begins with an IPv4 header */
	struct mmsghdr *msgs;
	struct iovec *iov;
	struct slot *slot;
};

int64_t sonde_icmp_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static const uint8_t *address_bytes(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr;
	return sa->sa_family == AF_INET6
		? (const uint8_t *)&((const struct sockaddr_in6 *)sa)->sin6_addr : NULL;
}

static void set_int(int fd, int level, int name, int value)
{
	/* Each option only adds knowledge; a kernel without it still answers pings. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int take_id(struct sonde_probe *p, const struct sonde_addr *source,
                   struct sonde_icmp_socket *s)
{
	bool bound = source && source->sa.ss_family == s->family;
	struct sockaddr_storage any = { .ss_family = (sa_family_t)s->family };
	socklen_t len = s->family == AF_INET ? sizeof(struct sockaddr_in)
	                                     : sizeof(struct sockaddr_in6);

	if (bound)
		any = source->sa;
	if (s->raw) {
		s->id = (uint16_t)p->host->random(p);
		return bound && bind(s->fd, (struct sockaddr *)&any, len) ? -errno : 0;
	}
	/* The kernel writes the port of a ping socket into the id. */
	if (bind(s->fd, (struct sockaddr *)&any, len) ||
	    getsockname(s->fd, (struct sockaddr *)&any, &len))
		return -errno;
	s->id = ntohs(s->family == AF_INET ? ((struct sockaddr_in *)&any)->sin_port
	                                   : ((struct sockaddr_in6 *)&any)->sin6_port);
	return 0;
}

static void filter_types(const struct sonde_icmp_socket *s, bool errors)
{
	if (s->family == AF_INET) {
		uint32_t pass = 1u << 0; /* echo reply */
		if (errors)
			pass |= 1u << 3 | 1u << 4 | 1u << 11 | 1u << 12;
		struct icmp_filter f = { .data = ~pass };
		(void)setsockopt(s->fd, SOL_RAW, ICMP_FILTER, &f, sizeof(f));
		return;
	}
	struct icmp6_filter f;
	ICMP6_FILTER_SETBLOCKALL(&f);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
	for (int type = ICMP6_DST_UNREACH; errors && type <= ICMP6_PARAM_PROB; type++)
		ICMP6_FILTER_SETPASS(type, &f);
	(void)setsockopt(s->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof(f));
}

/* Replies with another id are other sockets' replies: without this each of n probes on raw sockets
 * would be woken by the replies to all n. Errors pass; they are matched by what they quote. */
static void filter_id(const struct sonde_icmp_socket *s)
{
	uint32_t reply = s->family == AF_INET ? 0 : ICMP6_ECHO_REPLY;
	struct sock_filter code[] = {
		s->family == AF_INET ? (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
		                     : (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, reply, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, s->id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	(void)setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static void want_large_buffers(int fd)
{
	int bytes = BULK_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		set_int(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

/* Requests carry DF and the kernel need not draw an IP id for each, a tenth of a request's cost. */
static void want_no_ip_id(const struct sonde_icmp_socket *s)
{
	if (s->family == AF_INET)
		set_int(s->fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

static void want_options(struct sonde_icmp_socket *s, unsigned want)
{
	bool v4 = s->family == AF_INET;
	int flags = STAMP_FLAGS | SOF_TIMESTAMPING_OPT_ID;

	if (s->raw) {
		filter_types(s, want & SONDE_ICMP_WANT_ERRORS);
		filter_id(s);
	} else if (want & SONDE_ICMP_WANT_ERRORS) {
		set_int(s->fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	}
	if ((want & SONDE_ICMP_WANT_TTL) && !(v4 && s->raw))
		set_int(s->fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
	if (want & SONDE_ICMP_BULK) {
		want_large_buffers(s->fd);
		want_no_ip_id(s);
	}
	s->stamps = !setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
}

int sonde_icmp_open(struct sonde_probe *p, int family, unsigned want, struct sonde_icmp_socket *s)
{
	return sonde_icmp_open_from(p, family, want, NULL, s);
}

int sonde_icmp_open_from(struct sonde_probe *p, int family, unsigned want,
                         const struct sonde_addr *source, struct sonde_icmp_socket *s)
{
	int is_raw = 0;
	int protocol = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	*s = (struct sonde_icmp_socket){ .fd = -1, .family = family };
	int fd = p->host->socket(p, family, 0, protocol, &is_raw);
	if (fd < 0)
		return fd;
	s->fd = fd;
	s->raw = is_raw;
	int rc = take_id(p, source, s);
	if (rc)
		sonde_icmp_close(s);
	else
		want_options(s, want);
	return rc;
}

void sonde_icmp_close(struct sonde_icmp_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void sonde_icmp_rekey(struct sonde_icmp_socket *s)
{
	if (!s->stamps)
		return;
	set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPING, STAMP_FLAGS);
	set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPING, STAMP_FLAGS | SOF_TIMESTAMPING_OPT_ID);
	s->next_key = 0;
}

struct sonde_icmp_batch *sonde_icmp_batch_new(struct sonde_probe *p, unsigned slots, size_t largest)
{
	struct sonde_icmp_batch *b = p->host->alloc(p, sizeof(*b));
	/* A ping socket does not tell the length of what it cuts; a second piece, which nobody
	 * reads and all slots share, takes the rest. */
	size_t rest = largest > SONDE_ICMP_KEEP ? largest - SONDE_ICMP_KEEP : 0;
	uint8_t *dump = rest ? p->host->alloc(p, rest) : NULL;

	if (!b || (rest && !dump))
		return NULL;
	b->slots = slots;
	b->msgs = p->host->alloc(p, slots * sizeof(*b->msgs));
	b->iov = p->host->alloc(p, 2 * slots * sizeof(*b->iov));
	b->slot = p->host->alloc(p, slots * sizeof(*b->slot));
	if (!b->msgs || !b->iov || !b->slot)
		return NULL;
	for (unsigned i = 0; i < slots; i++) {
		b->iov[2 * i] = (struct iovec){ b->slot[i].data, SONDE_ICMP_KEEP };
		b->iov[2 * i + 1] = (struct iovec){ dump, rest };
		b->msgs[i].msg_hdr.msg_iov = &b->iov[2 * i];
		b->msgs[i].msg_hdr.msg_iovlen = rest ? 2 : 1;
		b->msgs[i].msg_hdr.msg_control = b->slot[i].control;
		b->msgs[i].msg_hdr.msg_controllen = CONTROL;
	}
	return b;
}

static void prepare(struct sonde_icmp_batch *b, bool named)
{
	bool change = b->named != named;

	/* The kernel wrote the lengths of the messages it returned, and only of those. */
	for (unsigned i = 0; i < (change ? b->slots : b->used); i++) {
		b->msgs[i].msg_hdr.msg_name = named ? &b->slot[i].from : NULL;
		b->msgs[i].msg_hdr.msg_namelen = named ? sizeof(b->slot[i].from) : 0;
		b->msgs[i].msg_hdr.msg_controllen = CONTROL;
	}
	b->named = named;
}

static unsigned read_batch(struct sonde_icmp_socket *s, struct sonde_icmp_batch *b, int flags)
{
	int n;

	do
		n = recvmmsg(s->fd, b->msgs, b->slots, flags | MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	b->used = n < 0 ? 1 : (unsigned)n; /* a failed read may have touched the first */
	return n < 0 ? 0 : (unsigned)n;
}

unsigned sonde_icmp_recv(struct sonde_icmp_socket *s, struct sonde_icmp_batch *b)
{
	b->ip_header = s->raw && s->family == AF_INET;
	prepare(b, !b->ip_header);
	unsigned n = read_batch(s, b, MSG_TRUNC);
	if (n || s->raw)
		return n;
	/* A pending ICMP error is told by the first read after it; what is queued comes then. */
	prepare(b, true);
	return read_batch(s, b, MSG_TRUNC);
}

unsigned sonde_icmp_recv_errors(struct sonde_icmp_socket *s, struct sonde_icmp_batch *b)
{
	b->ip_header = false;
	prepare(b, !s->raw);
	return read_batch(s, b, MSG_ERRQUEUE);
}

static bool is_ttl(const struct cmsghdr *c)
{
	return c->cmsg_len >= CMSG_LEN(sizeof(int)) &&
		((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
	         (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT));
}

static void kept(const struct sonde_icmp_batch *b, unsigned i, const uint8_t **data, size_t *len)
{
	*data = b->slot[i].data;
	*len = b->msgs[i].msg_len < SONDE_ICMP_KEEP ? b->msgs[i].msg_len : SONDE_ICMP_KEEP;
}

void sonde_icmp_get(const struct sonde_icmp_batch *b, unsigned i, struct sonde_icmp_rx *rx)
{
	struct msghdr *h = &b->msgs[i].msg_hdr;

	kept(b, i, &rx->data, &rx->len);
	rx->full = b->msgs[i].msg_len;
	rx->ttl = -1;
	rx->stamp = 0;
	rx->from = b->ip_header ? rx->len >= 16 ? rx->data + 12 : NULL
	                        : address_bytes((struct sockaddr *)&b->slot[i].from);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (sonde_control_is_stamp(c))
			rx->stamp = sonde_control_stamp(c);
		else if (is_ttl(c))
			memcpy(&rx->ttl, CMSG_DATA(c), sizeof(rx->ttl));
	}
}

static void take_error(const struct cmsghdr *c, struct sonde_icmp_err *e, uint8_t *origin)
{
	const struct sock_extended_err *ee = (const void *)CMSG_DATA(c);

	*origin = ee->ee_origin;
	e->key = ee->ee_data;
	e->type = ee->ee_type;
	e->code = ee->ee_code;
	e->mtu = ee->ee_info;
	if (c->cmsg_len >= CMSG_LEN(sizeof(*ee) + sizeof(struct sockaddr_in)))
		e->from = address_bytes(SO_EE_OFFENDER(ee));
}

bool sonde_icmp_get_error(const struct sonde_icmp_batch *b, unsigned i, struct sonde_icmp_err *e)
{
	struct msghdr *h = &b->msgs[i].msg_hdr;
	uint8_t origin = SO_EE_ORIGIN_NONE;

	memset(e, 0, sizeof(*e));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (sonde_control_is_stamp(c))
			e->stamp = sonde_control_stamp(c);
		else if (sonde_control_is_error(c))
			take_error(c, e, &origin);
	}
	e->is_stamp = origin == SO_EE_ORIGIN_TIMESTAMPING;
	if (e->is_stamp)
		return e->stamp != 0;
	kept(b, i, &e->data, &e->len);
	if (b->named)
		e->to = address_bytes((struct sockaddr *)&b->slot[i].from);
	return origin == SO_EE_ORIGIN_ICMP || origin == SO_EE_ORIGIN_ICMP6;
}
