/* SPDX-License-Identifier: Apache-2.0 */
/* Reader and writer of echo messages. Every length is checked here and nowhere else; what is
 * short, of another protocol, or quotes something that is no echo request is refused. Nothing is
 * allocated: a parsed message points into the caller's bytes. */
#include "icmp/packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { IPV6_HEADER = 40, V4_HEADER_MIN = 20 };

struct type_row {
	uint8_t type;
	uint8_t kind;
};

static const struct type_row v4_errors[] = {
	{ 3, SONDE_ICMP_UNREACHABLE },
	{ 11, SONDE_ICMP_EXCEEDED },
	{ 4, SONDE_ICMP_OTHER },
	{ 12, SONDE_ICMP_OTHER },
	{ 0, SONDE_ICMP_NONE },
};

static const struct type_row v6_errors[] = {
	{ 1, SONDE_ICMP_UNREACHABLE },
	{ 3, SONDE_ICMP_EXCEEDED },
	{ 2, SONDE_ICMP_TOO_BIG },
	{ 4, SONDE_ICMP_OTHER },
	{ 0, SONDE_ICMP_NONE },
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v & 255;
}

static enum sonde_icmp_kind error_kind(int family, uint8_t type, uint8_t code)
{
	const struct type_row *row = family == AF_INET ? v4_errors : v6_errors;

	if (family == AF_INET && type == 3 && code == 4)
		return SONDE_ICMP_TOO_BIG;
	while (row->kind && row->type != type)
		row++;
	return row->kind;
}

static bool take_echo(const uint8_t *p, size_t len, uint8_t type, struct sonde_icmp_msg *m)
{
	if (len < SONDE_ICMP_HEADER || p[0] != type || p[1] != 0)
		return false;
	m->id = get16(p + 4);
	m->seq = get16(p + 6);
	m->data = p + SONDE_ICMP_HEADER;
	m->len = len - SONDE_ICMP_HEADER;
	return true;
}

/* Length of the IPv4 header at p, 0 when it is broken or the datagram is not ICMP. */
static size_t v4_header(const uint8_t *p, size_t len)
{
	if (len < V4_HEADER_MIN || p[0] >> 4 != 4 || p[9] != IPPROTO_ICMP)
		return 0;
	size_t n = (size_t)(p[0] & 15) * 4;
	return n < V4_HEADER_MIN || n > len ? 0 : n;
}

static bool take_quoted_v4(const uint8_t *p, size_t len, struct sonde_icmp_msg *m)
{
	size_t n = v4_header(p, len);

	/* Only the first fragment has the echo header. */
	if (!n || (get16(p + 6) & 0x1fff))
		return false;
	m->dst = p + 16;
	return take_echo(p + n, len - n, 8, m);
}

static bool take_quoted_v6(const uint8_t *p, size_t len, struct sonde_icmp_msg *m)
{
	if (len < IPV6_HEADER || p[0] >> 4 != 6)
		return false;
	size_t at = IPV6_HEADER;
	uint8_t next = p[6];
	if (next == IPPROTO_FRAGMENT && len - at >= 8) {
		if (get16(p + at + 2) & 0xfff8)
			return false;
		next = p[at];
		at += 8;
	}
	if (next != IPPROTO_ICMPV6)
		return false;
	m->dst = p + 24;
	return take_echo(p + at, len - at, 128, m);
}

static bool refuse(struct sonde_icmp_msg *m)
{
	m->kind = SONDE_ICMP_NONE;
	return false;
}

bool sonde_icmp_parse(int family, bool ip_header, const uint8_t *p, size_t len,
                      struct sonde_icmp_msg *m)
{
	bool v4 = family == AF_INET;

	memset(m, 0, sizeof(*m));
	m->ttl = -1;
	if (ip_header) {
		size_t n = v4_header(p, len);
		if (!n)
			return false;
		m->ttl = p[8];
		p += n;
		len -= n;
	}
	if (len < SONDE_ICMP_HEADER)
		return false;
	m->type = p[0];
	m->code = p[1];
	if (take_echo(p, len, v4 ? 0 : 129, m)) {
		m->kind = SONDE_ICMP_REPLY;
		return true;
	}
	m->kind = error_kind(family, p[0], p[1]);
	if (!m->kind)
		return false;
	if (m->kind == SONDE_ICMP_TOO_BIG)
		m->mtu = v4 ? get16(p + 6) : (uint32_t)get16(p + 4) << 16 | get16(p + 6);
	p += SONDE_ICMP_HEADER;
	len -= SONDE_ICMP_HEADER;
	return (v4 ? take_quoted_v4(p, len, m) : take_quoted_v6(p, len, m)) || refuse(m);
}

bool sonde_icmp_parse_quoted(int family, uint8_t type, uint8_t code, const uint8_t *p, size_t len,
                             struct sonde_icmp_msg *m)
{
	memset(m, 0, sizeof(*m));
	m->ttl = -1;
	m->type = type;
	m->code = code;
	m->kind = error_kind(family, type, code);
	return m->kind && (take_echo(p, len, family == AF_INET ? 8 : 128, m) || refuse(m));
}

uint32_t sonde_icmp_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	uint64_t wide = sum;
	uint16_t word;

	for (; len > 1; len -= 2, p += 2) {
		memcpy(&word, p, 2);
		wide += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, 1);
		wide += word;
	}
	wide = (wide >> 32) + (wide & 0xffffffff);
	return (uint32_t)((wide >> 16) + (wide & 0xffff));
}

uint16_t sonde_icmp_fold(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

void sonde_icmp_build(int family, uint8_t *out, uint16_t id, uint16_t seq,
                      const uint8_t cookie[SONDE_ICMP_COOKIE], size_t size)
{
	size_t head = size < SONDE_ICMP_COOKIE ? size : SONDE_ICMP_COOKIE;

	memset(out, 0, SONDE_ICMP_HEADER);
	out[0] = family == AF_INET ? 8 : 128;
	put16(out + 4, id);
	put16(out + 6, seq);
	memcpy(out + SONDE_ICMP_HEADER, cookie, head);
	for (size_t i = head; i < size; i++)
		out[SONDE_ICMP_HEADER + i] = (uint8_t)i;
	if (family != AF_INET)
		return;
	uint16_t check = sonde_icmp_fold(sonde_icmp_sum(0, out, SONDE_ICMP_HEADER + size));
	memcpy(out + 2, &check, 2);
}

const char *sonde_icmp_phrase(int family, uint8_t type, uint8_t code)
{
	static const char *const v4_unreachable[] = {
		"network unreachable", "host unreachable", "protocol unreachable",
		"port unreachable", "fragmentation needed", "source route failed",
		"network unknown", "host unknown", "source host isolated",
		"network prohibited", "host prohibited", "network unreachable for this type of service",
		"host unreachable for this type of service", "communication prohibited",
		"host precedence violation", "precedence cutoff",
	};
	static const char *const v6_unreachable[] = {
		"no route", "administratively prohibited", "beyond scope of source address",
		"address unreachable", "port unreachable", "source address failed policy",
		"route rejected",
	};
	static const char *const by_kind[] = {
		[SONDE_ICMP_NONE] = "unknown error",
		[SONDE_ICMP_REPLY] = "reply",
		[SONDE_ICMP_UNREACHABLE] = "unreachable",
		[SONDE_ICMP_EXCEEDED] = "time to live exceeded",
		[SONDE_ICMP_TOO_BIG] = "packet too big",
		[SONDE_ICMP_OTHER] = "parameter problem",
	};
	size_t n4 = sizeof(v4_unreachable) / sizeof(v4_unreachable[0]);
	size_t n6 = sizeof(v6_unreachable) / sizeof(v6_unreachable[0]);

	if (family == AF_INET && type == 3 && code < n4)
		return v4_unreachable[code];
	if (family == AF_INET6 && type == 1 && code < n6)
		return v6_unreachable[code];
	return by_kind[error_kind(family, type, code)];
}
