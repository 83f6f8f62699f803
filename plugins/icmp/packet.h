/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of ICMP and ICMPv6 echo: pure functions, no I/O. Shared by the plugins ping and sweep. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SONDE_ICMP_HEADER = 8,
	SONDE_ICMP_COOKIE = 16,     /* bytes at the start of the payload that a reply must return */
	SONDE_ICMP_MAX_SIZE = 65000, /* payload */
};

enum sonde_icmp_kind {
	SONDE_ICMP_NONE = 0, /* not an echo reply and not an error about an echo request */
	SONDE_ICMP_REPLY,
	SONDE_ICMP_UNREACHABLE,
	SONDE_ICMP_EXCEEDED,
	SONDE_ICMP_TOO_BIG,
	SONDE_ICMP_OTHER, /* parameter problem, source quench */
};

/* What a datagram says. For an error, id, seq, dst and data are those of the echo request that
 * the error quotes; data may be cut to nothing. Borrows from the parsed bytes. */
struct sonde_icmp_msg {
	enum sonde_icmp_kind kind;
	uint8_t type, code;
	uint16_t id, seq;
	int ttl;             /* of the datagram itself, -1 when its IP header was not given */
	uint32_t mtu;        /* TOO_BIG: of the next hop, 0 when not told */
	const uint8_t *dst;  /* errors: 4 or 16 bytes, NULL when not quoted */
	const uint8_t *data; /* payload after the echo header */
	size_t len;
};

/* Parse what a socket of `family` (AF_INET, AF_INET6) received. ip_header: the bytes begin with an
 * IPv4 header (raw IPv4 sockets). False and kind NONE when it is nothing of interest. */
bool sonde_icmp_parse(int family, bool ip_header, const uint8_t *, size_t,
                      struct sonde_icmp_msg *);

/* Parse the quoted request that the error queue of a ping socket returns (it begins with the echo
 * header); type and code are those of the error. */
bool sonde_icmp_parse_quoted(int family, uint8_t type, uint8_t code, const uint8_t *, size_t,
                             struct sonde_icmp_msg *);

/* Write an echo request: header, `cookie` (cut to size), then a counting pattern. out holds
 * SONDE_ICMP_HEADER + size bytes. The checksum is filled for AF_INET only (the kernel fills it for
 * ICMPv6, which covers addresses, and on ping sockets). */
void sonde_icmp_build(int family, uint8_t *out, uint16_t id, uint16_t seq,
                      const uint8_t cookie[SONDE_ICMP_COOKIE], size_t size);

/* Internet checksum: `sum` is a running sum of 16-bit words as they lie in memory. */
uint32_t sonde_icmp_sum(uint32_t sum, const uint8_t *, size_t);
uint16_t sonde_icmp_fold(uint32_t sum);

/* One lower-case phrase for an error, as "host unreachable"; never NULL. */
const char *sonde_icmp_phrase(int family, uint8_t type, uint8_t code);
