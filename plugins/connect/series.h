/* SPDX-License-Identifier: Apache-2.0 */
/* Several TCP connections to one address, one an interval, each measured by the kernel and closed.
 * Shared by the plugins ping and tcp. The struct may lie anywhere in memory of the probe; start()
 * of a plugin need not touch it. Callbacks come in this order: head() once, when the address is
 * settled; ended() once for each attempt; over() once, after which nothing comes. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "connect/address.h"
#include "connect/stream.h"

enum { SONDE_SERIES_MAX = 64, SONDE_SERIES_ADDRS = 4 };

enum sonde_attempt_status {
	SONDE_ATTEMPT_UNTRIED = 0,
	SONDE_ATTEMPT_PENDING,
	SONDE_ATTEMPT_UP,
	SONDE_ATTEMPT_LOST,  /* nothing within `wait` */
	SONDE_ATTEMPT_ERROR, /* `error` says which */
};

struct sonde_series;

struct sonde_attempt {
	enum sonde_attempt_status status;
	int error; /* errno */
	int fd;    /* -1 = closed */
	bool by_user; /* rtt is of readings of our own, not the kernel's */
	int64_t started; /* host clock */
	int64_t rtt;     /* ns, when UP */
	struct sonde_watch *watch;
	struct sonde_series *series;
};

struct sonde_series_ops {
	void (*head)(struct sonde_probe *);
	/* The socket of an attempt that is UP is closed after this, unless it is taken. */
	void (*ended)(struct sonde_probe *, unsigned i);
	void (*over)(struct sonde_probe *);
};

struct sonde_series {
	const struct sonde_series_ops *ops;
	unsigned count; /* 1 to SONDE_SERIES_MAX */
	uint16_t port;
	int64_t interval, wait; /* ns */
	struct sonde_stream_options options;

	bool started, over;
	struct sonde_addr addrs[SONDE_SERIES_ADDRS];
	unsigned addr, addr_count; /* the one in use */
	char address[SONDE_ADDRESS_TEXT];
	unsigned tried; /* attempts 0..tried-1 */
	int64_t due;
	struct sonde_timer *timer;
	struct sonde_attempt *attempts;
};

/* Begin with what resolve() gave: IPv4 first. The next address stands in when this node has no way
 * to the first at all. ops, count, port, interval, wait and options are set. 0, or -1 when the
 * probe's memory limit is reached; then there is no callback. */
int sonde_series_start(struct sonde_probe *, struct sonde_series *, const struct sonde_addr *,
                       unsigned count);
/* The socket of an attempt, inside its ended(): the caller owns it then. */
int sonde_series_take(struct sonde_series *, unsigned i);
/* Close what is open; attempts still pending become LOST, without a callback. Harmless when it
 * never started or was stopped. */
void sonde_series_stop(struct sonde_probe *, struct sonde_series *);
/* The failed attempt that says most about the target; NULL when all were answered or lost. */
const struct sonde_attempt *sonde_series_worst(const struct sonde_series *);
