/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of path probes and of what routers say about them: pure functions, no I/O. Shared by the
 * plugins traceroute and mtr.
 *
 * All probes of a flow look the same to a router that spreads flows: ports and id are constant, and
 * so is the checksum, because the payload holds the complement of what varies. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icmp/packet.h"

enum {
	PATH_PAYLOAD = 32,
	PATH_COOKIE = 8,
	PATH_ECHO = 8 + PATH_PAYLOAD,
	PATH_LABELS = 4, /* labels kept of one answer */
};

/* One entry of an MPLS label stack (RFC 3032). */
struct path_label {
	uint32_t label; /* 20 bits */
	uint8_t tc, bottom, ttl;
};

/* Payload of a UDP probe, 16-bit sums of which are equal for every seq. */
void path_payload(uint8_t out[PATH_PAYLOAD], uint16_t seq, const uint8_t cookie[PATH_COOKIE]);
/* A whole echo request; the checksum is filled for AF_INET and equal for every seq. */
void path_echo(int family, uint8_t out[PATH_ECHO], uint16_t id, uint16_t seq,
               const uint8_t cookie[PATH_COOKIE]);

/* Which probe a payload, or the start of one, is of: its seq, 0 when it is too short to say, -1
 * when it is not ours. */
int path_payload_seq(const uint8_t *, size_t, const uint8_t cookie[PATH_COOKIE]);
/* The same of an echo message, or of the start of a request that an error quotes, by the whole
 * cookie or, where eight bytes of ICMP are quoted, by the checksum over it. Never 0. */
int path_echo_seq(int family, const struct sonde_icmp_msg *, uint16_t id,
                  const uint8_t cookie[PATH_COOKIE]);

/* Labels in an extension structure (RFC 4884, RFC 4950) that is all of the given bytes; 0 when it
 * is broken or has none. `sure` accepts a structure without a checksum. */
unsigned path_labels(const uint8_t *, size_t, bool sure, struct path_label out[PATH_LABELS]);
/* The same in an ICMP error message, from its ICMP header on (raw sockets). */
unsigned path_labels_of_icmp(int family, const uint8_t *, size_t,
                             struct path_label out[PATH_LABELS]);
/* The same in what the error queue returns: the quoted datagram from `skipped` bytes after its IP
 * header's start. told is the offset the kernel found the structure at, 0 when it found none. */
unsigned path_labels_of_quote(int family, const uint8_t *, size_t, size_t skipped, size_t told,
                              struct path_label out[PATH_LABELS]);
