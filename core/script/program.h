/* SPDX-License-Identifier: Apache-2.0 */
/* One version of a policy: its text, compiled, in a state of its own. */
#pragma once
#include "script/binding.h"
#include "script/params.h"
#include "script/policy.h"

struct sonde_program {
	struct sonde_binding binding;
	struct sonde_params params;
	const struct sonde_rule *rule; /* decides without Lua; NULL = pick does */
	int pick, route;               /* registry references, LUA_NOREF = none */
	char summary[200];
	char *params_text;             /* the JSON whose values are in params_ref; NULL = {} */
	int params_ref;                /* LUA_NOREF = none made yet */
	bool ignore_priority;
};

/* The state shared by all programs of one sonde_policies. */
struct sonde_program_env {
	const struct sonde_columns *columns;
	struct sonde_scratch *scratch;
	struct sonde_policy_limits limits; /* no zeros */
};

/* Compile and run the text once. SONDE_EINVAL with "file:line: ..." in the error. */
int sonde_program_new(const struct sonde_program_env *, struct sonde_turns *, const char *file,
                      const char *text, size_t len, struct sonde_program **,
                      struct sonde_error *);
void sonde_program_free(struct sonde_program *); /* NULL is fine */

/* Make the values of params_json current. SONDE_EINVAL: the request's fault, not the policy's. */
int sonde_program_params(struct sonde_program *, const char *params_json, struct sonde_error *);

struct sonde_answer {
	unsigned count;
	unsigned *rows;   /* room for `want` */
	char reason[160]; /* the policy's own, "" = none; on failure what went wrong */
};

/* Decide; params are current. The set is sorted and within the columns; want <= set.n. The rows
 * are checked. SONDE_EDENIED: error, limit, or bad answer. */
int sonde_program_pick(struct sonde_program *, const struct sonde_program_env *,
                       const struct sonde_request *, struct sonde_set, unsigned want,
                       struct sonde_answer *);
int sonde_program_route(struct sonde_program *, const struct sonde_program_env *,
                        const struct sonde_request *, char (*out)[SONDE_REGION_TEXT], unsigned max,
                        struct sonde_answer *);
