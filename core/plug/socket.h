/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets a host gives to plugins. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Which kind serves ICMP: the unprivileged ping socket first and a raw one second, or only one. */
enum sonde_icmp { SONDE_ICMP_ANY, SONDE_ICMP_PING, SONDE_ICMP_RAW };

/* Whether a plugin that declared the SONDE_NEED_ bits `needs` may have such a socket. */
bool sonde_plug_may_open(uint32_t needs, int domain, int type, int protocol);
/* As `socket` of struct sonde_host, for such a plugin: a
 * non-blocking, close-on-exec descriptor, the caller's; -EPERM for a kind that was not declared,
 * -EAFNOSUPPORT for a family that is not the internet's, otherwise -errno. */
int sonde_plug_socket(uint32_t needs, enum sonde_icmp, int domain, int type, int protocol,
                      int *is_raw);
