/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated path. One thread owns the TUN descriptor until pathsim_stop; the counters are read
 * by the test after that. Answers that a barrier holds back are kept in one block of memory. */
#include "plug/pathsim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plug/netns.h"
#include "tap.h"

enum { PACKET = 1024, HELD_MAX = 512, EXTENSION = 16, PADDED = 128 };

struct packet {
	size_t len;
	uint8_t data[PACKET];
};

/* A probe taken apart. */
struct probe {
	bool v6;
	const uint8_t *ip, *l4;
	size_t len, l4_len;
	uint8_t proto, ttl;
};

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (; n > 1; n -= 2, p += 2)
		s += (uint32_t)(p[0] << 8 | p[1]);
	if (n)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static bool parse(const uint8_t *p, size_t n, struct probe *k)
{
	if (n < 28)
		return false;
	*k = (struct probe){ .v6 = p[0] >> 4 == 6, .ip = p, .len = n };
	size_t header = k->v6 ? 40 : (size_t)(p[0] & 15) * 4;
	if (n < header + 8)
		return false;
	k->proto = k->v6 ? p[6] : p[9];
	k->ttl = k->v6 ? p[7] : p[8];
	k->l4 = p + header;
	k->l4_len = n - header;
	/* Neither what the kernel says of its own nor what is no probe. */
	return k->proto == IPPROTO_UDP ||
		(k->proto == IPPROTO_TCP && k->l4_len >= 20 && k->l4[13] == 2) ||
		(k->proto == IPPROTO_ICMP && k->l4[0] == 8) ||
		(k->proto == IPPROTO_ICMPV6 && k->l4[0] == 128);
}

/* What routers that spread flows look at: addresses, ports; of ICMP type, code, checksum and id. */
static uint64_t flow_of(const struct probe *k)
{
	uint64_t h = k->proto;

	for (unsigned i = 0; i < (k->proto == IPPROTO_ICMP || k->proto == IPPROTO_ICMPV6 ? 6 : 4); i++)
		h = h * 131 + k->l4[i];
	if (k->v6)
		h = h * 131 + (uint64_t)((k->ip[1] & 15) << 16 | k->ip[2] << 8 | k->ip[3]);
	return h ? h : 1;
}

static void count(struct pathsim *s, const struct probe *k)
{
	uint8_t target[16];
	unsigned i = 0, n = sizeof(s->flow) / sizeof(s->flow[0]);
	uint64_t flow = flow_of(k);

	s->seen[k->ttl]++;
	inet_pton(k->v6 ? AF_INET6 : AF_INET, k->v6 ? PATHSIM_TARGET6 : PATHSIM_TARGET4, target);
	s->strangers += memcmp(k->ip + (k->v6 ? 24 : 16), target, k->v6 ? 16 : 4) != 0;
	while (i < s->flows && s->flow[i] != flow)
		i++;
	if (i == s->flows && i < n)
		s->flow[s->flows++] = flow;
}

/* The outer header: from `last` of network 2 (a router) or of network 3 (the target's). */
static uint8_t *begin(const struct probe *k, struct packet *out, unsigned network, unsigned last,
                      uint8_t proto)
{
	uint8_t *p = out->data;

	memset(p, 0, PACKET);
	if (k->v6) {
		p[0] = 0x60;
		p[6] = proto;
		p[7] = 64;
		p[8] = 0xfd;
		p[9] = (uint8_t)network;
		p[23] = (uint8_t)last;
		memcpy(p + 24, k->ip + 8, 16);
		return p + 40;
	}
	p[0] = 0x45;
	p[8] = 64;
	p[9] = proto;
	p[12] = 10;
	p[13] = (uint8_t)network;
	p[15] = (uint8_t)last;
	memcpy(p + 16, k->ip + 12, 4);
	return p + 20;
}

/* Lengths and checksums. */
static void end(const struct probe *k, struct packet *out, size_t l4_len)
{
	static const uint8_t at[256] = { [IPPROTO_ICMP] = 2, [IPPROTO_ICMPV6] = 2, [IPPROTO_TCP] = 16,
	                                 [IPPROTO_UDP] = 6 };
	size_t header = k->v6 ? 40 : 20;
	uint8_t *p = out->data, *l4 = p + header, proto = k->v6 ? p[6] : p[9];
	uint32_t pseudo = 0;

	if (k->v6)
		put16(p + 4, (unsigned)l4_len);
	else
		put16(p + 2, (unsigned)(header + l4_len));
	if (!k->v6) {
		put16(p + 10, 0);
		put16(p + 10, ~sum(0, p, 20) & 0xffff);
	}
	if (proto != IPPROTO_ICMP)
		pseudo = sum((uint32_t)(proto + l4_len), p + (k->v6 ? 8 : 12), k->v6 ? 32 : 8);
	put16(l4 + at[proto], 0);
	put16(l4 + at[proto], ~sum(pseudo, l4, l4_len) & 0xffff);
	out->len = header + l4_len;
}

/* Two labels: 16 bits of 12345, class 5, ttl 1; and 99 at the bottom, ttl 7. */
static size_t add_labels(uint8_t *p)
{
	static const uint8_t stack[] = { 0x20, 0, 0, 0, 0, 12, 1, 1, 0x03, 0x03, 0x9a, 1,
	                                 0x00, 0x06, 0x31, 7 };

	memcpy(p, stack, EXTENSION);
	put16(p + 2, ~sum(0, p, EXTENSION) & 0xffff);
	return EXTENSION;
}

static void forge(const struct pathsim *s, const struct probe *k, uint8_t *ip, uint8_t *l4)
{
	bool icmp = k->proto == IPPROTO_ICMP || k->proto == IPPROTO_ICMPV6;

	if (s->forgery == PATHSIM_COOKIE)
		l4[8 + 7] ^= 1;
	if (s->forgery == PATHSIM_SEQUENCE)
		l4[icmp ? 7 : 8 + 1] ^= 1;
	if (s->forgery == PATHSIM_CHECKSUM)
		l4[2] ^= 1;
	if (s->forgery == PATHSIM_ELSEWHERE && ip)
		ip[k->v6 ? 39 : 19] ^= 2;
}

static void router_says(const struct pathsim *s, const struct probe *k, struct packet *out,
                        unsigned last, uint8_t type, uint8_t code)
{
	bool told = s->labelled >> k->ttl & 1, labels = told || (s->old_labelled >> k->ttl & 1);
	uint8_t *icmp = begin(k, out, 2, last, k->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	size_t header = (size_t)(k->l4 - k->ip);
	size_t quote = s->short_quotes && !k->v6 ? header + 8 : k->len < 500 ? k->len : 500;
	size_t len = 8 + quote;

	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 8, k->ip, quote);
	forge(s, k, icmp + 8, icmp + 8 + header);
	if (labels) {
		len = 8 + PADDED;
		if (told)
			icmp[k->v6 ? 4 : 5] = k->v6 ? PADDED / 8 : PADDED / 4;
		len += add_labels(icmp + len);
	}
	end(k, out, len);
}

static void target_says(const struct pathsim *s, const struct probe *k, struct packet *out)
{
	uint8_t *l4;

	if (k->proto == IPPROTO_UDP) {
		router_says(s, k, out, 0, k->v6 ? 1 : 3, k->v6 ? 4 : 3);
		out->data[k->v6 ? 9 : 13] = 3;
		out->data[k->v6 ? 23 : 15] = 1;
		end(k, out, out->len - (k->v6 ? 40 : 20));
		return;
	}
	l4 = begin(k, out, 3, s->forgery == PATHSIM_SOURCE ? 9 : 1, k->proto);
	if (k->proto != IPPROTO_TCP) {
		memcpy(l4, k->l4, k->l4_len);
		l4[0] = k->v6 ? 129 : 0;
		forge(s, k, NULL, l4);
		end(k, out, k->l4_len);
		return;
	}
	memcpy(l4, k->l4 + 2, 2);
	memcpy(l4 + 2, k->l4, 2);
	memcpy(l4 + 8, k->l4 + 4, 4); /* ack = seq + 1 */
	for (unsigned i = 11; ++l4[i] == 0 && i > 8; i--)
		;
	l4[12] = 5 << 4;
	l4[13] = s->open_port ? 0x12 : 0x14; /* SYN or RST, and ACK */
	put16(l4 + 14, 64000);
	end(k, out, 20);
}

/* False when nobody answers. */
static bool answer(const struct pathsim *s, const struct probe *k, struct packet *out)
{
	unsigned last = k->ttl, ttl = k->ttl < s->distance ? k->ttl : s->distance;

	if ((s->silent >> ttl & 1) || ((s->once >> ttl & 1) && s->seen[k->ttl] % 2 == 0))
		return false;
	if (s->stop && k->ttl > s->stop) {
		router_says(s, k, out, s->stop, k->v6 ? 1 : 3, k->v6 ? 3 : 1);
		return true;
	}
	if (k->ttl >= s->distance) {
		target_says(s, k, out);
		return true;
	}
	if (s->loop && ttl > s->loop)
		last = s->loop + (ttl - s->loop) % 2;
	if ((s->parted >> ttl & 1) && flow_of(k) % 2)
		last += 128;
	router_says(s, k, out, last, k->v6 ? 3 : 11, 0);
	return true;
}

static void send_out(struct pathsim *s, const struct packet *p)
{
	if (write(s->fd, p->data, p->len) != (ssize_t)p->len)
		printf("# pathsim: write: %s\n", strerror(errno));
}

static void take(struct pathsim *s, const uint8_t *data, size_t n)
{
	struct packet *held = s->held, now;
	struct probe k;

	if (!parse(data, n, &k) || (k.v6 && k.ip[24] == 0xff))
		return;
	count(s, &k);
	if (answer(s, &k, s->barrier && s->n_held < HELD_MAX ? &held[s->n_held] : &now)) {
		if (s->barrier && s->n_held < HELD_MAX)
			s->n_held++;
		else
			send_out(s, &now);
	}
	if (!s->barrier || k.ttl < s->barrier)
		return;
	s->barrier = 0;
	for (unsigned i = 0; i < s->n_held; i++)
		send_out(s, &held[i]);
}

static void *run(void *arg)
{
	struct pathsim *s = arg;
	struct pollfd fds[] = { { .fd = s->fd, .events = POLLIN },
	                        { .fd = s->stop_fd, .events = POLLIN } };
	uint8_t data[2048];

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		ssize_t n = read(s->fd, data, sizeof(data));
		if (n > 0)
			take(s, data, (size_t)n);
	}
	return NULL;
}

static int open_tun(void)
{
	struct ifreq r = { .ifr_name = "path0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		tap_skip("no TUN device");
	return fd;
}

void pathsim_start(struct pathsim *s)
{
	pthread_t *thread = malloc(sizeof(*thread));

	s->fd = open_tun();
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	s->held = calloc(HELD_MAX, sizeof(struct packet));
	EXPECT(thread && s->held && s->stop_fd >= 0);
	netns_run((const char *const[]){ "ip", "link", "set", "path0", "up", NULL });
	netns_run((const char *const[]){ "ip", "address", "add", "10.1.0.1/32", "dev", "path0", NULL });
	netns_run((const char *const[]){ "ip", "route", "add", "10.0.0.0/8", "dev", "path0", NULL });
	netns_run((const char *const[]){ "ip", "address", "add", "fd01::1/128", "dev", "path0",
	                                 "nodad", NULL });
	netns_run((const char *const[]){ "ip", "route", "add", "fd00::/8", "dev", "path0", NULL });
	s->thread = thread;
	EXPECT_INT(pthread_create(thread, NULL, run, s), 0);
}

void pathsim_stop(struct pathsim *s)
{
	const uint64_t one = 1;

	EXPECT_INT(write(s->stop_fd, &one, sizeof(one)), sizeof(one));
	pthread_join(*(pthread_t *)s->thread, NULL);
	close(s->fd);
	close(s->stop_fd);
	free(s->thread);
	free(s->held);
	EXPECT_INT(s->strangers, 0);
}
