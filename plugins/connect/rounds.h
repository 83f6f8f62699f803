/* SPDX-License-Identifier: Apache-2.0 */
/* Several requests over UDP, one an interval, each from a socket and port of its own, so that an
 * answer belongs to the request whose port it came to. What a request says and which datagram
 * answers it is the plugin's business. Shared by the plugins udp and ntp.
 *
 * A plugin's state begins with a struct sonde_rounds; start() fills the first group of members and
 * calls sonde_rounds_start(). Callbacks come in this order: head() once the address is known; for
 * each request build(), take() for each datagram, ended() once; report() once, then the probe is
 * done. A probe that ends before head() has no report(). */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connect/address.h"
#include "connect/out.h"

enum { SONDE_ROUNDS_MAX = 32 };

enum sonde_round_status {
	SONDE_ROUND_UNSENT = 0,
	SONDE_ROUND_PENDING,
	SONDE_ROUND_REPLY,
	SONDE_ROUND_LOST,
	SONDE_ROUND_ERROR, /* failure and note say which */
};

struct sonde_round {
	enum sonde_round_status status;
	enum sonde_failure failure;
	const char *note;
	char says[SONDE_ADDRESS_TEXT]; /* who reported an ICMP error */
	int fd; /* -1 = closed */
	struct sonde_watch *watch;
	bool taken;     /* rtt is known */
	bool by_user;   /* rtt is of readings of our own, not of two kernel stamps */
	int64_t sent_at;                 /* host clock */
	int64_t user_tx, tx, user_rx, rx; /* wall clock; tx and rx 0 = no stamp */
	int64_t rtt;                     /* ns */
};

enum sonde_round_verdict {
	SONDE_ROUND_IGNORE, /* not the answer; wait on */
	SONDE_ROUND_TAKE,   /* the answer */
	SONDE_ROUND_FAIL,   /* the answer, and it is bad: the plugin has set failure and note */
};

struct sonde_rounds_ops {
	/* Writes request i into out (room for `largest`); its length. */
	size_t (*build)(struct sonde_probe *, unsigned i, uint8_t *out);
	/* data holds `len` bytes, of a datagram of `full`. */
	enum sonde_round_verdict (*take)(struct sonde_probe *, unsigned i, const uint8_t *data,
	                                 size_t len, size_t full);
	void (*head)(struct sonde_probe *); /* may be NULL */
	void (*ended)(struct sonde_probe *, unsigned i);
	/* The fields of the result. failure is what the requests came to, NONE when one was answered
	 * well; the return value is what the probe ends with, *why may be set. */
	enum sonde_failure (*report)(struct sonde_probe *, enum sonde_failure failure,
	                             const char **why);
};

struct sonde_rounds {
	const struct sonde_rounds_ops *ops;
	unsigned count; /* 1 to SONDE_ROUNDS_MAX */
	uint16_t port;
	int64_t interval, wait; /* ns */
	const char *source;     /* NULL = none */
	size_t largest;         /* request, and what is kept of an answer, in bytes */

	struct sonde_addr target, from;
	char address[SONDE_ADDRESS_TEXT];
	int64_t resolve_ns;
	bool stop;     /* the plugin may set it: no more requests */
	bool over;
	unsigned sent; /* requests 0..sent-1 were tried */
	unsigned ignored; /* datagrams that answered nothing */
	int64_t started_at, due;
	struct sonde_timer *timer;
	uint8_t *buf;
	char why[200];
	struct sonde_round rounds[SONDE_ROUNDS_MAX];
};

int sonde_rounds_start(struct sonde_probe *); /* for start() */
void sonde_rounds_cancel(struct sonde_probe *, enum sonde_why); /* for cancel() */
void sonde_rounds_finish(struct sonde_probe *); /* for finish() */

/* For report(): sums of what was answered, requests still pending left out; "kernel", "mixed" or
 * "user" (NULL without an answer); the name of a status. */
struct sonde_sums sonde_rounds_sums(const struct sonde_rounds *);
const char *sonde_rounds_stamps(const struct sonde_rounds *);
const char *sonde_round_status_name(enum sonde_round_status);

/* Rows of what all plugins over this have. */
#define SONDE_ROUNDS_PARAMS(wait_at, source_at) \
	{ "wait", SONDE_TYPE_DURATION, wait_at, "how long to wait for each answer", .unit = "ms", \
	  .def = "2s", .min = 10, .max = 60000 }, \
	{ "source", SONDE_TYPE_STRING, source_at, "address of the node to send from", .max = 45 }
#define SONDE_ROUNDS_FIELDS \
	{ "resolvedAddress", SONDE_TYPE_STRING, "the address that was asked", NULL, 0 }, \
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address", NULL, \
	  0 }, \
	{ "resolveTime", SONDE_TYPE_NUMBER, "time of the name lookup, null for an address", "ms", 0 }, \
	{ "timestamps", SONDE_TYPE_STRING, \
	  "whose clock readings the times are of: kernel, mixed or user", NULL, 0 }

