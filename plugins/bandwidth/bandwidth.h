/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `bandwidth` only.
 *
 * Two probes of the type meet: the one that measures ("send") connects to the one that answers
 * ("receive"). One control connection and 1 to 8 data connections, all to the same port. Each begins
 * with one line, "SONDE-BW1 <token> <kind> ...":
 *
 *	c  bytes-up bytes-down milliseconds streams     the control connection
 *	d  index                                        a data connection
 *
 * On the control connection the receiver says "ok", then "go" when all streams are there. Then the
 * sender sends on the streams until its bytes or its time are used up and ends its side; the
 * receiver tells what came ("got bytes ns rate") and sends the same way back. A limit of zero bytes
 * skips that direction. At any time the sender may write "p" and gets "p" back: the round trip
 * while the link is busy. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>

#include "rate/meter.h"

enum {
	BW_STREAMS = 8,
	BW_TOKEN = 64,         /* longest token */
	BW_LINE = 192,         /* longest line of the protocol, with its end */
	BW_CHUNK = 1 << 20,    /* bytes of one call */
	BW_AT_ONCE = 4 << 20,  /* bytes of one callback, so that other probes get their turn */
};

enum bw_direction { BW_UP, BW_DOWN, BW_BOTH };
enum bw_role { BW_NONE, BW_SEND, BW_RECEIVE };

struct bandwidth_args {
	uint32_t direction;
	int64_t size;          /* bytes each way */
	int64_t duration;      /* ns each way, at most */
	int64_t streams, port;
	/* filled by the controller */
	uint32_t role;
	const char *peer, *token;
};

/* ---- lines (line.c), pure ---- */

struct bw_hello {
	char kind; /* 'c' or 'd' */
	char token[BW_TOKEN + 1];
	int64_t up, down, ms, streams; /* c */
	int64_t index;                 /* d */
};

/* A line without its newline; false when it is not one. */
bool bw_hello_parse(const char *line, size_t len, struct bw_hello *);
/* "got <bytes> <ns> <bits per second>" */
struct bw_got {
	int64_t bytes, ns, rate;
};
bool bw_got_parse(const char *line, size_t len, struct bw_got *);
/* In a time that does not tell how much of it was right. */
bool bw_token_equal(const char *secret, const char *said);

/* ---- connections (stream.c) ---- */

struct bw_conn {
	int fd; /* -1 = none */
	struct sonde_watch *watch;
	bool sent_all, got_all;
	bool lazy;  /* wakes for many bytes only */
	unsigned len;
	char line[BW_LINE];
};

/* One direction of the test at one end. */
struct bw_flow {
	uint64_t left;        /* bytes still to be sent */
	int64_t until_ns;
	unsigned open;        /* streams whose sending or reading is not over */
	struct rate_meter meter;
};

/* Round trips, ns. */
struct bw_rtt {
	int64_t min, max, sum;
	unsigned count;
};

struct bw_state {
	struct sonde_addr peer;
	struct bw_conn listener, control, streams[BW_STREAMS];
	struct bw_conn callers[BW_STREAMS + 2]; /* accepted, not named yet */
	struct bw_hello hello;
	struct bw_flow out, in;
	struct bw_got got;
	struct sonde_timer *timer;
	char *chunk;          /* received into, by count only */
	int file;             /* BW_CHUNK random bytes to send; -1 = none */
	unsigned phase, named, retries, victim;
	int64_t asked_ns;       /* when the last "p" went out, 0 = none is out */
	struct bw_rtt idle, loaded;
	int64_t retransmits_up;
};

void bw_close(struct sonde_probe *, struct bw_conn *);
void bw_close_all(struct sonde_probe *);
/* A socket connecting to the peer's port; 0 or an errno. */
int bw_connect(struct sonde_probe *, struct bw_conn *, sonde_watch_fn *, void *arg);
/* Make what is sent and received into, once; false when there is no memory. */
bool bw_chunk(struct sonde_probe *);
/* Send on a stream what the flow still wants; true when this stream's sending is over now. */
bool bw_pump(struct sonde_probe *, struct bw_conn *, struct bw_flow *);
/* Read and count what came; true when the other side has ended this stream. */
bool bw_drain(struct sonde_probe *, struct bw_conn *, struct bw_flow *);
/* Write a short line at once; false when the connection cannot take it. */
bool bw_say(struct bw_conn *, const char *text);
/* Next whole line (its length, newline dropped and terminated) or single "p"; 0 = none yet, -1 = the
 * connection is over or the line is too long. */
int bw_read_line(struct bw_conn *, char out[BW_LINE]);
void bw_fail(struct sonde_probe *, enum sonde_failure, const char *why);

/* ---- the two ends ---- */
void bw_send_start(struct sonde_probe *);    /* send.c */
void bw_receive_start(struct sonde_probe *); /* receive.c */
/* Writes the sender's result and calls done(); report.c. */
void bw_report(struct sonde_probe *);
void bw_report_receiver(struct sonde_probe *);
