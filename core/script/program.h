/* SPDX-License-Identifier: Apache-2.0 */
/* One version of a policy: its text, compiled, in a state of its own. */
#pragma once
#include "script/binding.h"
#include "script/params.h"
#include "script/policy.h"

struct sonde_program {
	struct sonde_binding binding;
	struct sonde_params params;
	const struct sonde_rule *rule; /* picks without Lua; NULL = entry[SONDE_ENTRY_PICK] does */
	int entry[SONDE_ENTRY_COUNT];  /* registry references, LUA_NOREF = none */
	char summary[200];
	char *params_text;             /* the JSON whose values are in params_ref; NULL = {} */
	int params_ref;                /* LUA_NOREF = none made yet */
	bool ignore_priority;
};

/* The state shared by all programs of one sonde_policies. */
struct sonde_program_env {
	struct sonde_past *past;
	struct sonde_scratch *scratch;
	struct sonde_policy_limits limits; /* no zeros */
};

/* Compile and run the text once. SONDE_EINVAL with "file:line: ..." in the error. */
int sonde_program_new(const struct sonde_program_env *, struct sonde_turns *, const char *file,
                      const char *text, size_t len, struct sonde_program **,
                      struct sonde_error *);
void sonde_program_free(struct sonde_program *); /* NULL is fine */
/* It answers this itself; pick may be a rule. */
bool sonde_program_has(const struct sonde_program *, enum sonde_entry);

/* Make the values of params_json current. SONDE_EINVAL: the request's fault, not the policy's. */
int sonde_program_params(struct sonde_program *, const char *params_json, struct sonde_error *);

struct sonde_answer {
	unsigned count;
	unsigned *rows;   /* room for `want`; of peers unused */
	bool refused;     /* admit, retry: false was answered */
	unsigned want;    /* admit: how many nodes */
	char (*regions)[SONDE_REGION_TEXT]; /* route: room for `max` */
	struct sonde_peering *pairs;           /* peers: room for `max` */
	unsigned max;
	unsigned over;                      /* pairs that had no room */
	char reason[SONDE_REASON]; /* the policy's own, "" = none; on failure what went wrong */
	struct sonde_turns_tape *tape;      /* NULL = not of interest */
	const struct json_t *facts;         /* on_result, on_node: what they see */
	struct sonde_actions *actions;      /* and what they want done */
};

/* Ask the entry, which it has; params are current. The set is sorted and within the columns;
 * want <= set.n where the entry answers with nodes, which are at most so many (narrow: all). What it
 * answered is checked. left_ns is the time
 * it may take. SONDE_EDENIED: error, limit, or bad answer. */
int sonde_program_ask(struct sonde_program *, const struct sonde_program_env *, enum sonde_entry,
                      const struct sonde_request *, struct sonde_set, unsigned want,
                      int64_t left_ns, struct sonde_answer *);
