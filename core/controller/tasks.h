/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements that are not over yet and their tasks: queues per node, leases, deadlines.
 *
 * A task is QUEUED for a node, SENT (leased) when the node has room, ACCEPTED when the node says
 * so, and DONE when its result is stored. Sent and not accepted within ACCEPT_S, refused for a
 * node-side reason, or its node gone before it accepted: queued again with the next attempt, at
 * another node that fits when there is one, at most RETRIES times. A node that is full and cannot be
 * replaced keeps the task in its queue, and is sent no more than it had until the next tick: its own
 * schedules take room that is not seen here. Attempts are counted in memory: after a start, and after
 * a restore, they begin again, and what nodes say of higher ones tells that they were given before;
 * those are not given anew, since a node never runs an attempt twice. A node that goes away with
 * accepted tasks may still finish them and bring the results later. When the measurement's time
 * is over each task that is not done gets a result of the controller's own (node_lost, timeout or
 * overload), through the same ingest as all results; one that comes later is stored as late. */
#pragma once
#include "base/heap.h"
#include "base/map.h"
#include "controller/nodes.h"
#include "controller/record.h"

enum task_state { TASK_QUEUED, TASK_SENT, TASK_ACCEPTED, TASK_CLOSING, TASK_DONE };

struct measurement;

struct task {
	struct measurement *measurement;
	struct node *node;          /* whose list it is in; NULL when in none */
	struct task *prev, *next;
	int64_t since_ns;           /* when it was sent */
	uint32_t index;
	uint16_t attempt, seen;     /* this one; the highest that a node spoke of */
	uint8_t state, retries;
	bool waits, alone;          /* of a pair: for the slots; its other half has ended */
	char *progress;             /* output so far, NUL-terminated; NULL = none asked or none yet */
	uint32_t progress_len;
};

struct measurement {
	struct sonde_id id;
	struct sonde_heap_entry due; /* boottime ns */
	struct record record;        /* points into bytes */
	char *bytes;
	uint32_t bytes_len, done;
	char *secrets;               /* options with their secrets, for trusted nodes; NULL = none */
	uint32_t secrets_len;
	unsigned *running;           /* how many its user has; NULL = nobody counts */
	struct task tasks[];         /* record.count */
};

/* Makes a result of the controller's own for a task; ingest.c does it. */
typedef void tasks_close_fn(void *arg, struct task *, unsigned failure, const char *why);
/* Sends a list of tasks to a node's connection; false when it cannot be sent now. */
typedef bool tasks_send_fn(void *arg, struct node *, const struct sonde_msg *);
/* Another node for a task whose node failed; NULL when none fits. */
typedef struct node *tasks_replace_fn(void *arg, const struct task *, unsigned failure);

struct tasks {
	struct sonde_map open;
	struct sonde_heap due;
	struct task_list pairs;     /* that wait for the slots of their nodes */
	bool slots_changed;
	struct node *dirty;
	struct nodes *nodes;
	uint64_t waiting; /* queued tasks of all nodes */
	uint64_t created, finished, retried;
	tasks_close_fn *close;
	tasks_send_fn *send;
	tasks_replace_fn *replace;
	void *arg;
};

void tasks_init(struct tasks *, struct nodes *);
void tasks_deinit(struct tasks *);

/* A measurement from its record's bytes (taken, malloc'd); NULL when they are bad. Not open yet. */
struct measurement *measurement_new(const struct sonde_id *, char *bytes, size_t len);
void measurement_free(struct measurement *);
/* Takes the options with their secrets (malloc'd, wiped when the measurement is freed). */
void measurement_secrets(struct measurement *, char *options, size_t len);
/* Count it in *running until it is freed; *running outlives it. */
void measurement_count(struct measurement *, unsigned *running);

/* Open it: nodes[i] is task i's node. Takes the measurement. */
int tasks_open(struct tasks *, struct measurement *);
struct measurement *tasks_find(const struct tasks *, const struct sonde_id *);
/* A task that is neither closing nor done, when this attempt is its present one, or was given before
 * the attempts began again, which is noted; else NULL. */
struct task *tasks_waiting_for(const struct tasks *, const struct sonde_id *, uint32_t index,
                               uint32_t attempt);
/* Why a task of reused nodes ends at once; the very text, so that its result can be told by it. */
extern const char tasks_offline[];
/* End the tasks whose nodes are away; for a measurement that was opened just now. */
void tasks_close_absent(struct tasks *, struct measurement *);
/* End what is not over; how many that were. Nodes that run them are told. */
unsigned tasks_cancel(struct tasks *, struct measurement *);
/* Send what can be sent to nodes that changed. Call after a batch of changes. */
void tasks_flush(struct tasks *);
void tasks_touch(struct tasks *, struct node *); /* its window may have room now */
void tasks_accepted(struct tasks *, struct node *, const struct sonde_msg_accept *);
/* Output of a task as it comes; kept for the first PROGRESS_TASKS tasks, PROGRESS_MAX bytes each. */
void tasks_progress(struct tasks *, struct node *, const struct sonde_msg_progress *);
/* The result of a task was stored. Frees the measurement when it was the last. */
void tasks_done(struct tasks *, const struct sonde_id *, uint32_t index);
/* The node's connection is gone (or the node is to be given nothing more). */
void tasks_node_gone(struct tasks *, struct node *);
/* The node is to be given nothing new: what it has not been sent is queued elsewhere or closed. */
void tasks_node_idle(struct tasks *, struct node *, const char *why);
/* The node will not come back: everything it holds is queued elsewhere or closed. */
void tasks_node_removed(struct tasks *, struct node *);
/* Deadlines and leases; about once a second. */
void tasks_tick(struct tasks *, int64_t now_ns);
