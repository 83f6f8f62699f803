/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the ping plugin share: the probe's state and its packets. */
#pragma once
#include <sonde/plugin.h>
#include <stdint.h>

#include "connect/series.h"
#include "icmp/socket.h"

enum { PING_ADDRESS_TEXT = 64, PING_MAX_DUPLICATES = 64, PING_BATCH = 8 };

struct ping_args {
	int64_t packets, interval, size, ttl, tos, wait, port; /* durations in ns */
	uint32_t protocol; /* enum ping_protocol */
	uint8_t dont_fragment;
	const char *source;
};

enum ping_protocol { PING_ICMP, PING_TCP };

enum ping_status {
	PING_UNSENT = 0,
	PING_PENDING, /* sent, may still be answered */
	PING_ARRIVED, /* answered, its send stamp may still be in the error queue */
	PING_REPLY,
	PING_LOST,
	PING_ERROR,
};

struct ping_packet {
	uint8_t status;
	uint8_t user_stamp;    /* rtt is of user-space or one-sided stamps */
	int16_t ttl;           /* of the reply, -1 unknown */
	uint32_t bytes;        /* ICMP bytes of the reply */
	uint32_t key;          /* of its kernel send stamp */
	int64_t sent_at;       /* host clock */
	int64_t arrived_at;
	int64_t user_tx, tx, rx; /* wall clock, 0 = missing */
	int64_t rtt;           /* ns, valid for PING_REPLY */
	const char *note;      /* PING_ERROR: what was said */
};

struct ping_duplicate {
	uint16_t seq;
	int16_t ttl;
	int64_t rtt;
};

struct ping_state {
	struct sonde_icmp_socket socket;
	struct sonde_series *series; /* of TCP; NULL with ICMP */
	struct sonde_addr source;
	struct sonde_icmp_batch *batch;
	struct sonde_watch *watch;
	struct sonde_timer *timer;
	struct sonde_addr target;
	char address[PING_ADDRESS_TEXT];
	char says[PING_ADDRESS_TEXT]; /* who reported that the target is unreachable */
	const char *unreachable;      /* the phrase, NULL when nobody did */
	const char *refused;          /* why this host could not send */
	struct ping_packet *packets;  /* packets[seq - 1] */
	struct ping_duplicate duplicates[PING_MAX_DUPLICATES];
	unsigned n_duplicates;        /* all of them, also those over the array */
	unsigned sent, oldest;        /* seqs 1..sent were tried; all before oldest are over */
	int64_t started_at, due;      /* host clock: first packet, next packet */
	uint8_t *out;                 /* the request */
	uint8_t cookie[SONDE_ICMP_COOKIE];
	uint8_t done;
};

static inline const struct ping_args *ping_args_of(const struct sonde_probe *p)
{
	return p->args;
}

/* The cookie of a request: the probe's, mixed with the sequence number. */
void ping_cookie_of(const struct ping_state *, unsigned seq, uint8_t out[SONDE_ICMP_COOKIE]);
/* Read all that has come. Replies first, then the error queue, then the sums: a reply's send stamp
 * was queued before the reply was, so that by then it has been read. */
void ping_drain(struct sonde_probe *);

/* tcp.c: connections in place of echo requests. 0, or -1 when there is no memory. */
int ping_tcp_start(struct sonde_probe *, const struct sonde_addr *, unsigned count);
/* ping.c: write the result, once, and end. */
void ping_end(struct sonde_probe *, enum sonde_failure, const char *why);

/* rawOutput as it happens. */
void ping_print_head(struct sonde_probe *);
void ping_print_reply(struct sonde_probe *, unsigned seq, const struct ping_packet *, int duplicate);
void ping_print_error(struct sonde_probe *, unsigned seq, const char *from, const char *phrase);

/* The result object and the closing lines of rawOutput. Packets still pending do not count. */
void ping_write_result(struct sonde_probe *);
