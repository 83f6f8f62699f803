/* SPDX-License-Identifier: Apache-2.0 */
/* One connected UDP socket with kernel time stamps in both directions and ICMP errors. The kernel
 * lets only the peer's datagrams in. Shared by the plugins udp and ntp. Stamps are nanoseconds of
 * CLOCK_REALTIME, 0 where one is missing. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connect/address.h"

/* What arrives this soon after the machine's first stamping socket was opened may have no stamp. */
#define SONDE_DATAGRAM_SETTLE_NS INT64_C(500000)

/* Connected to an address the host allowed, from a fresh port. The descriptor or -errno. */
int sonde_datagram_open(struct sonde_probe *, const struct sonde_addr *to,
                        const struct sonde_addr *source);

struct sonde_datagram_rx {
	size_t len, full; /* kept, and of the datagram */
	int64_t stamp;
};

/* The next datagram into buf. 0, or -errno; -EAGAIN when there is none. An error that is not
 * EAGAIN is that of an earlier datagram, and the error queue tells more. */
int sonde_datagram_recv(int fd, void *buf, size_t cap, struct sonde_datagram_rx *);

struct sonde_datagram_error {
	int64_t stamp;          /* of the send, when error is 0 */
	int error;              /* errno of an ICMP error */
	struct sonde_addr from; /* who says so; AF_UNSPEC unknown */
};

/* The next entry of the error queue; false when it is empty. */
bool sonde_datagram_recv_error(int fd, struct sonde_datagram_error *);

int64_t sonde_datagram_wall_ns(void); /* CLOCK_REALTIME, the clock of the stamps */
