/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that nodes were given and have not answered: each has a caller who waits, five seconds at
 * most. */
#pragma once
#include "controller/nodes.h"

struct controller;

enum { COMMANDS_MAX = 64, COMMANDS_WAIT_S = 5 };

/* answer NULL: the node left or did not answer in time; why is a sentence then. Called once. */
typedef void command_fn(struct controller *, void *arg, const struct sonde_msg_answer *answer,
                        const char *why);

struct command {
	uint64_t id; /* 0 = free */
	struct sonde_id node;
	int64_t until_ns;
	command_fn *done;
	void *arg;
};

struct commands {
	struct controller *c;
	struct command rows[COMMANDS_MAX];
	uint64_t last;
};

/* m: what, after, lines. SONDE_EGONE when the node is not connected, SONDE_EFULL when too many wait;
 * then done is not called. */
int commands_send(struct controller *, struct node *, const struct sonde_msg_command *m, command_fn *,
                  void *arg);
/* Ends the command that this answers, if this node was asked it. */
void commands_answer(struct controller *, const struct node *, const struct sonde_msg_answer *);
/* The node's connection is gone: its commands end. */
void commands_node_gone(struct controller *, const struct node *);
/* End those that waited too long; about once a second. */
void commands_tick(struct commands *, int64_t now_ns);
void commands_deinit(struct commands *); /* those who wait are told */
