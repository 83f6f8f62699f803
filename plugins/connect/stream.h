/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections that are measured by the kernel (TCP_INFO), because a busy event loop would add
 * its own delay. Shared by the plugins ping and tcp. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "connect/address.h"

struct sonde_stream_options {
	struct sonde_addr source; /* AF_UNSPEC: the kernel's choice */
	int ttl, tos;             /* 0 = the kernel's */
	bool dont_fragment;
};

/* Begin to connect to an address the host allowed. The descriptor, or -errno and nothing is left
 * open; errors that come at once (no route) are told here. Writable when over. */
int sonde_stream_open(struct sonde_probe *, const struct sonde_addr *to,
                      const struct sonde_stream_options *);
/* How a connect that became writable ended: 0 or an errno. With 0, *rtt is the time of the
 * handshake in nanoseconds: the kernel's figure, or `seen` (of the caller's clock) with *by_user set when the
 * kernel has none because a packet was sent again. */
int sonde_stream_result(int fd, int64_t seen, int64_t *rtt, bool *by_user);
