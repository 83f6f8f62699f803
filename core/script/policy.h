/* SPDX-License-Identifier: Apache-2.0 */
/* Placement policies in Lua 5.4: a sandboxed state with node columns that live in it. One
 * sonde_policies holds all policies of a controller, each in a lua_State of its own; the node
 * columns are shared C arrays mirrored into each state when a node changes.
 *
 * A policy file returns a table: api, summary, params, pick(req, set, view) and optionally
 * route(req, view). It sees positions, 1-based; it answers with positions, which are checked
 * again. An error, a breach of a budget or a bad answer makes the caller use the built-in order:
 * see sonde_decision.fallback. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct sonde_policies;

/* Columns of the view. Numbers are doubles, texts are interned. */
enum sonde_column {
	SONDE_COL_LOAD,       /* 0..1 and above */
	SONDE_COL_RTT,        /* controller to node, ms */
	SONDE_COL_ERROR_RATE, /* 0..1 */
	SONDE_COL_RESPONSE,   /* average task time, ms */
	SONDE_COL_PRIORITY,   /* 1..100 */
	SONDE_COL_ACTIVE,     /* tasks now running or waiting on it */
	SONDE_COL_CAPACITY,   /* tasks it takes at once */
	SONDE_COL_LATITUDE,
	SONDE_COL_LONGITUDE,
	SONDE_COL_ASN,
	SONDE_COL_REGION,     /* text from here on */
	SONDE_COL_COUNTRY,
	SONDE_COL_CITY,
	SONDE_COL_NAME,
	SONDE_COL_COUNT,
	SONDE_COL_FIRST_TEXT = SONDE_COL_REGION,
};

struct sonde_policy_limits {
	size_t memory;         /* bytes a state may hold; 0 = 16 MiB */
	uint64_t instructions; /* a decision; 0 = 1,000,000 */
	unsigned wall_ms;      /* a decision; 0 = 10 */
	unsigned faults;       /* in a row that switch a policy off; 0 = 3 */
};

int sonde_policies_new(const struct sonde_policy_limits *, struct sonde_policies **out);
void sonde_policies_free(struct sonde_policies *);

/* Compile `text` (file content) as policy `name`; `file` names it in errors. On error the old
 * version, if any, stays. */
int sonde_policy_load(struct sonde_policies *, const char *name, const char *file, const char *text,
                      size_t len, struct sonde_error *);
/* Every *.lua of a directory but *.t.lua; an error names the first bad file, the rest load. */
int sonde_policy_load_dir(struct sonde_policies *, const char *dir, struct sonde_error *);
bool sonde_policy_exists(const struct sonde_policies *, const char *name);
/* {"name","summary","version","params":[...],"stats":{...}} rows into an open array. */
void sonde_policies_describe(const struct sonde_policies *, struct sonde_json *);

/* Row `at` (0-based) of the columns; rows grow as needed. Unknown numbers are NAN: rtt, response
 * and the place are so until set; capacity starts at 1, priority at 50 (1..100, else
 * SONDE_EINVAL). load, active and capacity also make view.pressure, load + active / capacity. A
 * removed node's row is reused by the caller after sonde_column_clear. */
int sonde_column_number(struct sonde_policies *, unsigned at, enum sonde_column, double);
int sonde_column_text(struct sonde_policies *, unsigned at, enum sonde_column, const char *);
/* Tags and plugins of a node, for lb.has(set, view.tags, "x"). In Lua: comma-joined texts. */
int sonde_column_tags(struct sonde_policies *, unsigned at, const char *const *tags, unsigned n);
int sonde_column_types(struct sonde_policies *, unsigned at, const char *const *types, unsigned n);
void sonde_column_clear(struct sonde_policies *, unsigned at);
/* Borrowed until the row changes; "" when not set. */
const char *sonde_column_peek_text(const struct sonde_policies *, unsigned at, enum sonde_column);

struct sonde_request {
	const char *type, *target;
	const char *region;      /* asked for, NULL = anywhere */
	unsigned want;           /* nodes */
	uint64_t seed;           /* the only randomness a policy sees */
	const char *params_json; /* object for the policy's own params, NULL = {} */
	/* The caller's name for this very set of candidates: while it stays the same (and not 0) so
	 * do the rows, and what was found out about them is used again. 0 = look at them. */
	uint64_t set_id;
};

struct sonde_decision {
	unsigned count;
	unsigned *rows;        /* 0-based; caller's array of at least `want` */
	bool fallback;         /* the built-in decided; reason says why */
	char reason[160];
	uint32_t took_us;
	uint32_t version;      /* of the policy, counts up on each load */
};

/* Whether `params_json` (NULL = {}) is right for the policy; the error's path is in it. To be asked
 * before a request is accepted: a pick with wrong params falls back. */
int sonde_policy_check_params(struct sonde_policies *, const char *name, const char *params_json,
                              struct sonde_error *);

/* Let policy `name` choose at most req->want of the candidates `set` (0-based rows, any order).
 * The answer has no duplicates and only members of the set; it may be empty where the policy finds
 * no node good enough. Never fails: the built-in is highest priority first, then least load, ties
 * broken by the seed. After limits.faults faults in a row the policy is off until it is loaded
 * again. */
void sonde_policy_pick(struct sonde_policies *, const char *name, const struct sonde_request *,
                       const unsigned *set, unsigned n, struct sonde_decision *);

/* Regions that stand in for req->region, best first, by the policy's route(); 0 when it has none,
 * is switched off or failed. */
enum { SONDE_REGION_TEXT = 64 };
unsigned sonde_policy_route(struct sonde_policies *, const char *name, const struct sonde_request *,
                            char (*out)[SONDE_REGION_TEXT], unsigned max);
