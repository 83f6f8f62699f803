/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of a probe: text, port, source. Shared by the plugins dns, ping, tcp, udp and ntp. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stdint.h>

enum { SONDE_ADDRESS_TEXT = 64 };

/* The address without its port; returns out. */
const char *sonde_address_text(const struct sonde_addr *, char out[SONDE_ADDRESS_TEXT]);
/* A literal address without a port; false for anything else. */
bool sonde_address_parse(const char *text, struct sonde_addr *out);
void sonde_address_set_port(struct sonde_addr *, uint16_t port);
/* Copies at most `max` addresses, IPv4 ones first and otherwise in the order given; how many. */
unsigned sonde_address_order(const struct sonde_addr *, unsigned count, struct sonde_addr *out,
                             unsigned max);

/* Read a source address: a literal of either family, NULL or "" for none (family AF_UNSPEC).
 * 0, or -1 when it is neither. */
int sonde_source_parse(const char *text, struct sonde_addr *out);
/* The same as a rule of check(): path "source" and a sentence. */
int sonde_source_check(const char *text, struct sonde_error *);
/* Bind a socket of any protocol to a source, with a port of the kernel's choice. Nothing is done
 * for AF_UNSPEC. 0 or -errno; -ENODEV when it is no address of this node. */
int sonde_source_bind(int fd, const struct sonde_addr *source);

/* The family to resolve the target in: what the user asked for, else the source's, else both
 * (AF_UNSPEC); -1 when the two contradict. */
int sonde_address_family(const struct sonde_probe *, const struct sonde_addr *source);
