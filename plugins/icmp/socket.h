/* SPDX-License-Identifier: Apache-2.0 */
/* One ICMP socket with kernel time stamps in both directions, and batched reading of it. Shared by
 * the plugins ping and sweep. Stamps are nanoseconds of CLOCK_REALTIME (the kernel's choice). */
#pragma once
#include <netinet/in.h>
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icmp/packet.h"

enum {
	SONDE_ICMP_WANT_TTL = 1u << 0,    /* the reply's TTL or hop limit */
	SONDE_ICMP_WANT_ERRORS = 1u << 1, /* ICMP errors about our requests */
	SONDE_ICMP_BULK = 1u << 2,        /* large buffers */
};

/* The kernel starts stamping what is received a moment after the first socket of the machine asked
 * for it (it patches its code from a work queue). What arrives before has no stamp: a first
 * request should not leave sooner than this after open. */
#define SONDE_ICMP_SETTLE_NS INT64_C(500000)

struct sonde_icmp_socket {
	int fd; /* -1 = closed */
	int family;
	bool raw;
	bool stamps;       /* the kernel agreed to stamp */
	uint16_t id;       /* echo id, host order */
	uint32_t next_key; /* stamp key of the next datagram */
};

/* Open through the host and set all options. 0 or -errno, then nothing is left open. */
int sonde_icmp_open(struct sonde_probe *, int family, unsigned want, struct sonde_icmp_socket *);
/* The same from an address of this node (NULL or AF_UNSPEC: the kernel's choice); -EADDRNOTAVAIL
 * when it is none. */
int sonde_icmp_open_from(struct sonde_probe *, int family, unsigned want,
                         const struct sonde_addr *source, struct sonde_icmp_socket *);
void sonde_icmp_close(struct sonde_icmp_socket *);
/* After a failed send the kernel may or may not have counted a key: start counting anew. Stamps
 * of before may still come; the caller tells them by their time. */
void sonde_icmp_rekey(struct sonde_icmp_socket *);

/* One datagram of a batch. */
struct sonde_icmp_rx {
	const uint8_t *data; /* what was kept of it, at most SONDE_ICMP_KEEP */
	size_t len;          /* kept */
	size_t full;         /* of the datagram */
	int ttl;             /* -1 when the socket did not tell */
	int64_t stamp;       /* kernel receive time, 0 when missing */
	const uint8_t *from; /* address, 4 or 16 bytes by the socket's family; NULL unknown */
};

/* One entry of the error queue. */
struct sonde_icmp_err {
	bool is_stamp;
	uint32_t key; /* stamp: which datagram */
	int64_t stamp;
	uint8_t type, code; /* else: the ICMP error */
	uint32_t mtu;
	const uint8_t *data; /* the quoted request, from its echo header on */
	size_t len;
	const uint8_t *to, *from; /* where the request went, who complains; NULL unknown */
};

enum { SONDE_ICMP_KEEP = 176 };

/* Memory for reading up to `slots` datagrams with one call, from the probe's pool; NULL when its
 * limit is reached. `full` of what is read is true up to `largest` bytes. */
struct sonde_icmp_batch;
struct sonde_icmp_batch *sonde_icmp_batch_new(struct sonde_probe *, unsigned slots, size_t largest);
/* Read what is there, at most one batch; the number of datagrams, 0 when there is none. */
unsigned sonde_icmp_recv(struct sonde_icmp_socket *, struct sonde_icmp_batch *);
unsigned sonde_icmp_recv_errors(struct sonde_icmp_socket *, struct sonde_icmp_batch *);
/* Entry i of the last read. get_error is false for an entry that is of no interest. */
void sonde_icmp_get(const struct sonde_icmp_batch *, unsigned i, struct sonde_icmp_rx *);
bool sonde_icmp_get_error(const struct sonde_icmp_batch *, unsigned i, struct sonde_icmp_err *);

int64_t sonde_icmp_wall_ns(void); /* CLOCK_REALTIME, the clock of the stamps */
