/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `tcp` only. */
#pragma once
#include <sonde/plugin.h>

enum { TCP_COUNT_MAX = 16, TCP_ADDRS_MAX = 8 };

struct tcp_args {
	int64_t port, count;
	int64_t interval, wait; /* ns */
};

enum tcp_conn_state { TCP_UNUSED, TCP_WAITING, TCP_UP, TCP_FAILED };

struct tcp_conn {
	enum tcp_conn_state state;
	enum sonde_failure failure;
	int error; /* errno of a failed one */
	int fd;    /* -1 = closed */
	unsigned seq;
	int64_t started, rtt; /* ns */
	struct sonde_watch *watch;
	struct sonde_timer *timer;
};

struct tcp_state {
	struct sonde_addr addrs[TCP_ADDRS_MAX];
	unsigned addr, addr_count; /* the one in use */
	int64_t resolve_ns;
	unsigned started, waiting;
	struct tcp_conn conns[TCP_COUNT_MAX];
};

/* report.c */
void tcp_print_head(struct sonde_probe *);
void tcp_print_conn(struct sonde_probe *, const struct tcp_conn *);
/* Writes the result and calls done(). */
void tcp_report(struct sonde_probe *);
