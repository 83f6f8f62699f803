/* SPDX-License-Identifier: Apache-2.0 */
/* Results on their way into the store: of nodes, and the controller's own for tasks that nobody
 * will answer. The result's stored bytes are the JSON object that the API serves. An ack leaves
 * only after the commit. */
#pragma once
#include "controller/nodes.h"
#include "controller/tasks.h"

struct controller;

struct ingest {
	struct controller *c;
	uint64_t epoch, seq; /* identity of the controller's own results: zero node id */
	uint64_t stored, duplicates, late, refused;
	uint64_t lost;        /* that nodes said they can never send */
	uint64_t quarantined; /* came again with another body */
};

int ingest_init(struct ingest *, struct controller *);
/* Results of a node, as decoded. The node's order must hold. SONDE_EFULL: the node must resend. */
int ingest_results(struct ingest *, struct node *, uint64_t epoch, const struct sonde_msg_result *,
                   unsigned count);
/* A result of the controller's own; fits tasks_close_fn with the controller as arg. */
void ingest_close_task(void *controller, struct task *, unsigned failure, const char *why);
