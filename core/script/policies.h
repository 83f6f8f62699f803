/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind policy.h share. */
#pragma once
#include "base/map.h"
#include "script/program.h"

enum { SONDE_POLICY_NAME = 63 };

struct sonde_policy {
	char name[SONDE_POLICY_NAME + 1];
	struct sonde_program *program;
	struct sonde_turns turns;
	uint32_t version;
	unsigned faults_in_row;
	bool off;
	uint64_t decisions, fallbacks, faults, took_us;
	int64_t logged_ns; /* 0 = never */
	char last_error[160];
};

struct sonde_policies {
	struct sonde_program_env env;
	struct sonde_columns columns;
	struct sonde_scratch scratch;
	struct sonde_map map;
	struct sonde_turns turns; /* of the built-in */
	uint64_t set_id;          /* the set looked at last */
	unsigned set_n;
	unsigned *copy;           /* it in order, when the caller's was not */
	unsigned copy_cap, copy_n;
	bool copied;
};

/* NULL when there is none. */
struct sonde_policy *sonde_policies_find(const struct sonde_policies *, const char *name);
void sonde_policies_remove(struct sonde_policies *, struct sonde_policy *);
