/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the link, shared by link.c (connecting, receiving, time) and link_send.c. */
#pragma once
#include "base/spans.h"
#include "node/backoff.h"
#include "node/link.h"

enum sonde_link_state {
	SONDE_LINK_DOWN,      /* no connection; the redial timer runs, or the link is leaving */
	SONDE_LINK_DIALING,   /* until the websocket is open */
	SONDE_LINK_GREETING,  /* hello sent */
	SONDE_LINK_WELCOMED,  /* welcome is here, the spool has not agreed to it yet */
	SONDE_LINK_UP,
};

enum { SONDE_LINK_CODE_LEFT = 4008, SONDE_LINK_CODE_BANNED = 4403, SONDE_LINK_CODE_OUTDATED = 4426 };

/* A range of seqs that is sent in order: first .. last, of them sent up to `sent` and stored, without
 * holes, up to `acked`. */
struct sonde_lane {
	uint64_t first, last, sent, acked;
};

struct sonde_link {
	uv_loop_t *loop;
	struct sonde_net *net;
	struct sonde_spool *spool;
	struct sonde_link_options options;
	struct sonde_link_events events;
	void *arg;

	enum sonde_link_state state;
	struct sonde_conn *conn; /* NULL in DOWN */
	char url[640];
	uv_timer_t redial, tick;
	struct sonde_backoff backoff;
	struct sonde_decoder *decoder;
	struct sonde_buf out;   /* the message being sent */
	struct sonde_buf batch; /* payloads of the results in it */

	struct sonde_msg_welcome welcome;
	int64_t state_ns, seen_ns, beat_ns; /* entered the state; last message; last beat sent */
	int64_t server_ms, server_ns;       /* the controller's clock, and when it came */
	uint64_t schedules;                 /* version */
	struct sonde_spans have;            /* stored there, of the spool's epoch */
	struct sonde_lane lanes[SONDE_LANES];
	unsigned turn;
	int64_t acked_ns;
	int64_t own_beat_ns;                /* 0 = the controller's */
	int64_t server_wall_ms;             /* our wall clock when server_ms came */
	uint64_t config;
	char last_close[160];
	unsigned handles;
	bool leaving, closing;
};

int sonde_link_send(struct sonde_link *, const struct sonde_msg *);
int sonde_link_send_hello(struct sonde_link *);
/* What the controller says to have now. */
void sonde_link_stored(struct sonde_link *, uint64_t seq, struct sonde_text also);
bool sonde_link_unacked(const struct sonde_link *);
