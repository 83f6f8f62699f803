/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of probes and reader of quoted probes and ICMP extensions. Every length is checked here
 * and nowhere else. Nothing is allocated. */
#include "path/wire.h"

#include <string.h>
#include <sys/socket.h>

#include "icmp/packet.h"

enum {
	EXT_HEADER = 4,
	OBJECT_HEADER = 4,
	MPLS_CLASS = 1,
	MPLS_STACK = 1,
	QUOTE_MIN = 128, /* a datagram with an extension behind it is padded to this */
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

/* The first word is the complement of seq. `other` is where the datagram has seq itself, or where
 * it must be put so that the sum stays the same. */
static void fill(uint8_t *out, uint16_t seq, uint16_t other, const uint8_t *cookie)
{
	put16(out, (uint16_t)~seq);
	put16(out + 2, other);
	memcpy(out + 4, cookie, PATH_COOKIE);
	for (unsigned i = 4 + PATH_COOKIE; i < PATH_PAYLOAD; i++)
		out[i] = (uint8_t)(0x40 + i);
}

void path_payload(uint8_t out[PATH_PAYLOAD], uint16_t seq, const uint8_t cookie[PATH_COOKIE])
{
	fill(out, seq, seq, cookie);
}

void path_echo(int family, uint8_t out[PATH_ECHO], uint16_t id, uint16_t seq,
               const uint8_t cookie[PATH_COOKIE])
{
	memset(out, 0, SONDE_ICMP_HEADER);
	out[0] = family == AF_INET ? 8 : 128;
	put16(out + 4, id);
	put16(out + 6, seq);
	fill(out + SONDE_ICMP_HEADER, seq, 0, cookie);
	if (family != AF_INET)
		return; /* the kernel's work: that checksum covers addresses */
	uint16_t check = sonde_icmp_fold(sonde_icmp_sum(0, out, PATH_ECHO));
	memcpy(out + 2, &check, 2);
}

int path_payload_seq(const uint8_t *p, size_t len, const uint8_t cookie[PATH_COOKIE])
{
	if (len < 4 + PATH_COOKIE)
		return 0;
	if (memcmp(p + 4, cookie, PATH_COOKIE))
		return -1;
	uint16_t seq = (uint16_t)~get16(p);
	return seq ? seq : -1;
}

int path_echo_seq(int family, const struct sonde_icmp_msg *m, uint16_t id,
                  const uint8_t cookie[PATH_COOKIE])
{
	uint8_t sent[PATH_ECHO];

	if (m->id != id || !m->seq)
		return -1;
	int seq = path_payload_seq(m->data, m->len, cookie);
	if (seq)
		return seq == m->seq ? seq : -1;
	if (family != AF_INET)
		return -1;
	/* The quoted checksum is over the cookie. */
	path_echo(family, sent, id, m->seq, cookie);
	return memcmp(sent, m->data - SONDE_ICMP_HEADER, SONDE_ICMP_HEADER + m->len) ? -1 : m->seq;
}

static unsigned take_stack(const uint8_t *p, size_t len, struct path_label *out, unsigned n)
{
	for (; len >= 4 && n < PATH_LABELS; p += 4, len -= 4, n++)
		out[n] = (struct path_label){
			.label = (uint32_t)p[0] << 12 | (uint32_t)p[1] << 4 | p[2] >> 4,
			.tc = (p[2] >> 1) & 7,
			.bottom = p[2] & 1,
			.ttl = p[3],
		};
	return n;
}

static bool is_sound(const uint8_t *p, size_t len, bool sure)
{
	if (len < EXT_HEADER + OBJECT_HEADER || p[0] >> 4 != 2)
		return false;
	if (!p[2] && !p[3])
		return sure;
	return sonde_icmp_fold(sonde_icmp_sum(0, p, len)) == 0;
}

unsigned path_labels(const uint8_t *p, size_t len, bool sure, struct path_label out[PATH_LABELS])
{
	unsigned n = 0;

	if (!is_sound(p, len, sure))
		return 0;
	p += EXT_HEADER;
	len -= EXT_HEADER;
	while (len >= OBJECT_HEADER) {
		size_t object = get16(p);
		if (object < OBJECT_HEADER || object > len)
			break;
		if (p[2] == MPLS_CLASS && p[3] == MPLS_STACK)
			n = take_stack(p + OBJECT_HEADER, object - OBJECT_HEADER, out, n);
		p += object;
		len -= object;
	}
	return n;
}

/* Old routers do not say where the structure begins: behind 128 bytes, when it is one. */
static unsigned labels_at(const uint8_t *p, size_t len, size_t told, size_t old,
                          struct path_label *out)
{
	size_t at = told ? told : old;

	return at && at < len ? path_labels(p + at, len - at, told != 0, out) : 0;
}

unsigned path_labels_of_icmp(int family, const uint8_t *p, size_t len,
                             struct path_label out[PATH_LABELS])
{
	bool v4 = family == AF_INET;

	if (len < SONDE_ICMP_HEADER)
		return 0;
	size_t told = v4 ? (size_t)p[5] * 4 : (size_t)p[4] * 8;
	return labels_at(p + SONDE_ICMP_HEADER, len - SONDE_ICMP_HEADER,
	                 told >= (v4 ? QUOTE_MIN : 1) ? told : 0, v4 ? QUOTE_MIN : 0, out);
}

unsigned path_labels_of_quote(int family, const uint8_t *p, size_t len, size_t skipped, size_t told,
                              struct path_label out[PATH_LABELS])
{
	size_t old = family == AF_INET && skipped < QUOTE_MIN ? QUOTE_MIN - skipped : 0;

	return labels_at(p, len, told, old, out);
}
