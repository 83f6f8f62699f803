/* SPDX-License-Identifier: Apache-2.0 */
/* The controller as a whole: what main() makes, what the API and the node link work on. */
#pragma once
#include <uv.h>

#include "controller/accounts.h"
#include "controller/ageing.h"
#include "controller/api/wait.h"
#include "controller/bus.h"
#include "controller/commands.h"
#include "controller/decisions.h"
#include "controller/events.h"
#include "controller/ingest.h"
#include "controller/live.h"
#include "controller/nodes.h"
#include "controller/options.h"
#include "controller/past.h"
#include "controller/placement.h"
#include "controller/notify.h"
#include "controller/policies.h"
#include "controller/problems.h"
#include "controller/rollup.h"
#include "controller/schedules.h"
#include "controller/tasks.h"
#include "controller/tokens.h"
#include "controller/types.h"
#include "controller/verdicts.h"
#include "guard/guard.h"
#include "net/net.h"
#include "script/policy.h"
#include "store/store.h"

struct request_count {
	uint64_t by_class[6]; /* index = status / 100 */
};

struct link;
struct silent_links {
	struct link *first, *last;
};

/* Random numbers for decisions, fetched from the kernel some at a time. */
struct seeds {
	uint64_t left[64];
	unsigned count;
};

struct controller {
	struct controller_options options;
	struct sonde_pool pool; /* the options' texts */
	uv_loop_t loop;
	uv_async_t committed;   /* the store's writer has something to reap */
	uv_timer_t tick;
	uv_signal_t sigterm, sigint, sighup;
	struct sonde_net *net;
	struct sonde_ws_route routes[3]; /* the net reads them as long as it listens */
	struct sonde_store *store;
	struct sonde_guard *guard;
	struct sonde_policies *policies;
	struct sonde_id_maker ids;
	struct seeds seeds;
	struct sonde_decoder *decoder; /* of node messages */
	struct bus bus;
	struct types types;
	struct nodes nodes;
	struct tokens tokens;
	struct accounts accounts;
	struct tasks tasks;
	struct placement placement;
	struct decisions decisions;
	struct policies changes; /* of policies */
	struct sonde_buf trace; /* of the placement now being made */
	struct ingest ingest;
	struct past past; /* what policies know of it */
	struct regions regions;
	struct waits waits;
	struct live live;
	struct rollups rollups;
	struct events events;
	struct problems problems;
	struct verdicts verdicts;
	struct notify *notify; /* NULL = nobody is told */
	struct schedules schedules;
	struct request_count requests;
	int64_t started_ns;
	struct silent_links silent; /* node websockets before hello */
	bool forgetting;            /* a batch of old measurements is at the writer */
	struct commands commands;   /* sent to nodes, not answered yet */
	struct ageing ageing;
	int64_t retained_ns;        /* when old results were last asked to be deleted */
	unsigned connections; /* node websockets, also before hello */
	struct backup *backup; /* that is being made now; NULL = none */
	bool store_full;      /* as it was last told */
	bool stopping;
};

/* Load state, listen; everything is undone by controller_stop. */
int controller_start(struct controller *, struct sonde_error *);
/* Begin the end; uv_run returns when all is closed. Then controller_deinit. */
void controller_stop(struct controller *);
void controller_deinit(struct controller *);
