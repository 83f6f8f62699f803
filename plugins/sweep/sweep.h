/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the sweep plugin share. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "icmp/socket.h"

enum {
	SWEEP_MAX_TARGETS = 65536,
	SWEEP_ADDRESS_TEXT = 46,
	SWEEP_BATCH = 32,
};

/* Consecutive addresses of the target: index first .. first + count - 1. */
struct sweep_range {
	int family;
	uint32_t first, count;
	uint8_t base[16]; /* 4 bytes for AF_INET */
};

struct sweep_set {
	const char *text;
	struct sweep_range *ranges;
	uint32_t n_ranges, n_targets;
	bool v4, v6; /* families it holds */
};

/* How many ranges a target text has at most (its commas). */
uint32_t sweep_set_room(const char *target);
/* Parse "192.0.2.1,198.51.100.0/24,2001:db8::/120". With set->ranges NULL it only checks and
 * counts. 0, or -1 with a sentence. */
int sweep_set_parse(const char *target, struct sweep_set *, struct sonde_error *);
/* Range that holds index i < n_targets; `near` is where the last search ended. */
const struct sweep_range *sweep_set_find(const struct sweep_set *, uint32_t i, uint32_t *near);
/* Bytes of address i; out holds 4 or 16 by its family. Returns their number. */
unsigned sweep_address(const struct sweep_range *, uint32_t i, uint8_t *out);
socklen_t sweep_sockaddr(const struct sweep_range *, uint32_t i, struct sockaddr_storage *);

struct sweep_args {
	int64_t retries, wait, rate, size; /* wait in ns */
	uint32_t list;
};

enum { SWEEP_LIST_ALIVE = 0, SWEEP_LIST_ALL, SWEEP_LIST_NONE };

/* rtt of a target, in ns, or one of these. Real ones end below. */
enum {
	SWEEP_RTT_NONE = 0,           /* not answered */
	SWEEP_RTT_MAX = 4000000000u,
	SWEEP_RTT_UNSENT = 0xffffffffu, /* this host could not send to it */
};

enum { SWEEP_KEYS = 16384 }; /* sends whose stamp may still come */

/* One socket, of one family. */
struct sweep_lane {
	struct sonde_icmp_socket socket;
	struct sonde_watch *watch;
	uint32_t *keys; /* stamp key modulo SWEEP_KEYS -> index of the target */
};

enum sweep_phase {
	SWEEP_GUARD = 0, /* asking the guard about each address */
	SWEEP_SEND,
	SWEEP_WAIT,      /* round sent; replies may come */
};

struct sweep_out;

struct sweep_state {
	struct sweep_set set;
	struct sweep_lane lanes[2]; /* IPv4, IPv6 */
	struct sonde_timer *timer;
	struct sonde_icmp_batch *replies, *errors;
	struct sweep_out *out;
	int64_t *tx;      /* wall clock of the last send to a target; odd = a user-space reading */
	uint32_t *rtt;
	uint64_t cookie;
	uint32_t next;    /* target to be sent to, or asked about, next */
	uint32_t near;    /* for sweep_set_find */
	uint32_t pending; /* of this round: sent and not answered */
	uint32_t alive, duplicates, user_stamps;
	uint64_t packets; /* sent, all rounds */
	int64_t opened_at, started_at, last_send_at; /* host clock */
	int64_t next_due; /* host clock at which the rate allows the next packet */
	uint16_t round;
	enum sweep_phase phase;
	uint8_t done;
};

static inline struct sweep_lane *sweep_lane_of(struct sweep_state *s, int family)
{
	return &s->lanes[family == AF_INET6];
}

/* Sending: prebuilt requests, one batch a call. */
int sweep_out_init(struct sonde_probe *);
/* Send to at most `most` targets from s->next on, passing over those that have answered, and move
 * s->next. The number of targets dealt with; 0 = the socket is full, or all have been. */
unsigned sweep_out_send(struct sonde_probe *, unsigned most);
/* Index of the target whose request of this round the reply answers, or UINT32_MAX. */
uint32_t sweep_out_match(const struct sweep_state *, const struct sonde_icmp_msg *);

/* The result object; tx is used up as working memory. */
void sweep_write_result(struct sonde_probe *);
