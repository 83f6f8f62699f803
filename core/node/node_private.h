/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the node, shared by node.c (start and end) and work.c (tasks and results). */
#pragma once
#include "guard/guard.h"
#include "node/allowance.h"
#include "node/link.h"
#include "node/node.h"
#include "node/recent.h"
#include "node/ring.h"
#include "node/schedule.h"
#include "node/netwatch.h"
#include "node/selftest.h"
#include "node/settings.h"
#include "node/stats.h"
#include "node/super.h"
#include "node/sync.h"

enum sonde_node_phase {
	SONDE_NODE_RUNNING,
	SONDE_NODE_DRAINING, /* no new tasks; the running ones go on */
	SONDE_NODE_SENDING,  /* results leave */
	SONDE_NODE_LEAVING,  /* goodbye was said */
	SONDE_NODE_CLOSING,  /* handles close, the loop ends */
};

/* Accepts that wait for the journal. */
struct sonde_accepts {
	struct {
		struct sonde_msg_accept item;
		uint64_t ticket;
	} *rows;
	unsigned count, room;
};

struct sonde_node {
	const struct sonde_node_options *options;
	uv_loop_t loop;
	uv_signal_t term, interrupt, hangup;
	uv_timer_t step;
	struct sonde_journal *journal;
	struct sonde_spool *spool;
	struct sonde_sync *sync;
	struct sonde_net *net;
	struct sonde_super *super;
	struct sonde_link *link;
	struct sonde_schedule *schedule;
	struct sonde_buf plugins, packed;
	struct sonde_accepts accepts;
	struct sonde_stats stats;
	struct sonde_identity identity; /* its key changes in rotation */
	struct sonde_allowance allowance; /* of packets */
	struct sonde_node_settings settings;
	struct sonde_selftest *selftest;
	struct sonde_netwatch *netwatch; /* NULL: the kernel has no news */
	struct sonde_ring *ring;
	struct sonde_recent recent;
	struct sonde_buf adjusted; /* options of the task that is being taken */
	int64_t started_ns;
	char own[SONDE_GUARD_OWN_TEXT]; /* addresses of this machine and of the controller */
	enum sonde_node_phase phase;
	int64_t phase_ns;
	int exit_code;
};

/* Before the loop runs: attempts that were taken and never finished end as crashed, unless their
 * result is in the spool. */
void sonde_work_recall(struct sonde_node *);
/* Give a task to the runner, with this node's settings in it; as sonde_super_submit. */
int sonde_work_submit(struct sonde_node *, const struct sonde_msg_task *);
void sonde_work_visit(void *node, const struct sonde_record *); /* of each record at open */

void sonde_work_reload(void *node); /* look at the plugin directory again */
/* Into the spool, and over in the journal. */
void sonde_work_keep(struct sonde_node *, const struct sonde_msg_result *);

extern const struct sonde_sync_events sonde_work_sync_events;
extern const struct sonde_super_events sonde_work_super_events;
extern const struct sonde_link_events sonde_work_link_events;

/* ---- life.c: what the controller orders, and what the node tells of itself ---- */
/* Cached settings, log ring, self-test; before the link is there. */
int sonde_life_start(struct sonde_node *, struct sonde_error *);
void sonde_life_up(struct sonde_node *); /* the link is up */
void sonde_life_order(void *node, const struct sonde_msg *);
void sonde_life_beat(struct sonde_node *, struct sonde_msg_beat *);
void sonde_life_stop(struct sonde_node *);
/* Tasks at once, and packets/s (0 = any): the narrower of the owner's and the controller's word. */
int64_t sonde_life_capacity(const struct sonde_node *);
int64_t sonde_life_packets(const struct sonde_node *);

/* Close everything now; the loop ends soon. */
void sonde_node_finish(struct sonde_node *, int exit_code);
