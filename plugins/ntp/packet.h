/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of NTP (RFC 5905, RFC 4330 for version 3): pure functions, no I/O. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NTP_HEADER = 48 };

enum { NTP_LEAP_NONE = 0, NTP_LEAP_ADD, NTP_LEAP_DELETE, NTP_LEAP_UNKNOWN };

/* A header as sent. Times are NTP's: 32 bits of seconds of an era, 32 bits of fraction. */
struct ntp_packet {
	uint8_t leap, version, mode, stratum;
	int8_t poll, precision; /* log2 of seconds */
	uint32_t root_delay, root_dispersion; /* 16 bits of seconds, 16 of fraction */
	uint8_t reference_id[4];
	uint64_t reference, origin, receive, transmit;
};

enum ntp_verdict {
	NTP_GOOD = 0,
	NTP_NOT_OURS,       /* short, no server's answer, or another origin than we sent */
	NTP_KISS,           /* kiss-o'-death: the code is reference_id */
	NTP_UNSYNCHRONISED, /* the server says that it does not know the time */
	NTP_BROKEN,         /* the right origin, but times no server can mean */
};

/* A client's request: all zero but for version, mode and the transmit time, for which `nonce`
 * stands: the server returns it as origin, and nobody who did not see the request can know it. */
void ntp_build(uint8_t out[NTP_HEADER], unsigned version, uint64_t nonce);
/* False when it is shorter than a header; what follows the header is not looked at. */
bool ntp_parse(const uint8_t *, size_t, struct ntp_packet *);
enum ntp_verdict ntp_judge(const struct ntp_packet *, uint64_t nonce);

/* Nanoseconds of CLOCK_REALTIME as an NTP time of its era. */
uint64_t ntp_from_unix(int64_t ns);
/* The time in nanoseconds since 1970 that lies within 68 years of `near`, another such time. */
int64_t ntp_to_unix(uint64_t t, int64_t near);
/* a - b in nanoseconds, for times within 68 years of each other, whatever their eras. */
int64_t ntp_diff(uint64_t a, uint64_t b);
/* 16.16 seconds in nanoseconds. */
int64_t ntp_short_ns(uint32_t);

/* The reference as people read it: a name at stratum 0 and 1, else four bytes as an IPv4 address
 * (for a server on IPv6 they are a hash). Returns out. */
const char *ntp_reference_text(const struct ntp_packet *, char out[20]);
