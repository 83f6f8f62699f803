/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `tcp` only. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>

#include "connect/out.h"
#include "connect/series.h"
#include "tcp/dialogue.h"
#include "tcp/tls.h"

enum { TCP_COUNT_MAX = 16, TCP_NAME_TEXT = 256 };

struct tcp_args {
	int64_t port, count, tos;
	int64_t interval, wait, talk_wait; /* ns */
	const char *source, *dialogue, *server_name, *ca;
	uint8_t tls, verify, banner;
};

enum tcp_talk_stage { TCP_TALK_NONE, TCP_TALK_HANDSHAKE, TCP_TALK_DIALOGUE, TCP_TALK_OVER };

/* What is said on the first connection that is established. */
struct tcp_talk {
	enum tcp_talk_stage stage;
	int fd; /* -1 = closed */
	unsigned events;
	struct sonde_watch *watch;
	struct sonde_timer *timer;
	struct tls *tls;
	bool secured; /* facts and tls_ns are known */
	struct tls_facts facts;
	char name[TCP_NAME_TEXT]; /* that the certificate is held against */
	int64_t started, tls_started, tls_ns;
	size_t sent; /* of the step's bytes */
	struct dialogue_run *run; /* NULL when there is nothing to say or to hear */
	enum sonde_failure failure;
	char why[240];
};

struct tcp_state {
	struct sonde_series series;
	struct sonde_timer *timer; /* of the beginning */
	struct dialogue dialogue;
	struct tcp_talk talk;
	int64_t resolve_ns;
	bool done;
	char why[240];
};

/* tcp.c: the talk or the connections are over; ends the probe when both are. */
void tcp_end_when_over(struct sonde_probe *);

/* talk.c */
bool tcp_wants_talk(const struct tcp_args *);
/* Owns the descriptor from now on. */
void tcp_talk_start(struct sonde_probe *, int fd);
/* Ends it, when it is under way, as a failure. */
void tcp_talk_abort(struct sonde_probe *, enum sonde_failure, const char *why);
void tcp_talk_close(struct sonde_probe *); /* of finish(); harmless at any time */

/* report.c */
void tcp_print_head(struct sonde_probe *);
void tcp_print_attempt(struct sonde_probe *, unsigned i);
void tcp_print_talk(struct sonde_probe *);
void tcp_put_result(struct sonde_probe *);
