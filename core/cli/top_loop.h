/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the loop of `sonde top` share: top.c (time, keys, signals, the end) and
 * top_contact.c (asking, the websocket). All calls are on the loop's thread. */
#pragma once
#include <signal.h>
#include <stdatomic.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/top.h"
#include "net/net.h"

enum { TOP_RETRY_MS = 500, TOP_MESSAGE_MAX = 16 << 20 };

enum top_state { ASKING, DIALING, LIVE, LOST };

struct top_answers {
	json_t *nodes, *schedules, *problems, *stats; /* NULL = not asked, or no answer */
	char why[CLI_WHY];
	bool known; /* the figures come on the websocket */
};

struct top {
	struct cli *cli;
	struct top_model model;
	struct top_view view;
	struct top_terminal terminal;
	struct sonde_buf screen;
	bool full;         /* the whole screen, else lines */
	bool dirty, told;  /* told: the first lines were printed */
	uint64_t every_ms;
	unsigned count;    /* 0 = no end */
	uint64_t caught_up; /* ingest number at which the backlog is over */
	enum top_state state;
	unsigned pause_ms;
	uint64_t heard_ms, asked_ms, drawn_ms, typed_ms;
	uint64_t cost_ms; /* of drawing the last screen */
	int code;
	bool stopping, asking;
	atomic_bool stop;
	struct top_answers answers; /* the worker's while asking */
	uv_loop_t loop;
	uv_work_t work;
	uv_poll_t input;
	uv_timer_t tick, retry;
	uv_signal_t signals[5];
	struct sonde_net *net;
	struct sonde_conn *conn;
	char url[1024];
};


/* The first answers, waited for: a wrong address or token is an error like that of any command. */
int top_ask_first(struct top *);
int top_make_url(struct top *);
/* Follow the controller from now on, and whenever contact is lost, try again. */
void top_dial(struct top *);
/* Now and then: what does not come by itself, and whether the controller still says something. */
void top_contact_tick(struct top *, uint64_t now_ms);
