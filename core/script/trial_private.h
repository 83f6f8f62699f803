/* SPDX-License-Identifier: Apache-2.0 */
/* Between the three files of the test bench: trial.c runs a test file, trial_case.c makes nodes and
 * requests of the test's tables, trial_bench.c asks the policy and hands back what it answered. */
#pragma once
#include <lauxlib.h>

#include "base/buf.h"
#include "script/policies.h"
#include "script/sandbox.h"
#include "script/trial.h"

enum {
	TRIAL_NODES_MAX = 4096,
	TRIAL_WORDS_MAX = 64,
	TRIAL_PAIRS_MAX = 65536,
	TRIAL_POLICY_WALL_MS = 2000, /* a test shall not fail because the machine is busy */
};

/* Of the case that runs now. */
struct trial {
	struct sonde_sandbox sandbox;
	struct sonde_policies *policies;
	struct sonde_trial_text bench, policy, test;
	unsigned nodes;
	unsigned all[TRIAL_NODES_MAX], rows[TRIAL_NODES_MAX], current[TRIAL_NODES_MAX];
	struct sonde_peering pairs[TRIAL_PAIRS_MAX];
	const char *near[TRIAL_WORDS_MAX]; /* the request table holds them */
	struct sonde_buf params;
	sonde_trial_fn *report;
	void *arg;
};

/* trial_bench.c: the functions of `bench`, ended by a NULL name; their state's owner is the trial. */
extern const luaL_Reg sonde_trial_functions[];

/* trial_case.c; what is wrong raises */

/* bench.new(nodes): loads the policy anew, with these nodes. */
int sonde_trial_new(lua_State *);
/* The request at index 1. Its texts belong to that table, its lists to the trial. */
struct sonde_request sonde_trial_request(lua_State *, struct trial *);
/* Borrowed until the next sonde_trial_new. */
const char *sonde_trial_node_name(struct trial *, unsigned row);
