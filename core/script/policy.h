/* SPDX-License-Identifier: Apache-2.0 */
/* Placement policies in Lua 5.4: a sandboxed state with node columns that live in it. One
 * sonde_policies holds all policies of a controller, each in a lua_State of its own; the node
 * columns are shared C arrays mirrored into each state when a node changes.
 *
 * A policy file returns a table: api, summary, params, and functions for some of the entries below.
 * It sees positions, 1-based; it answers with positions, which are checked again. An error, a
 * breach of a budget or a bad answer is a fault, and the built-in decides: see
 * sonde_decision.fallback. A policy with limits.faults faults in a minute is quarantined: it is
 * not asked again until it is loaded again.
 *
 * Wherever a policy is named, `names` may be a chain: "regional,least_load". Each but the last
 * narrows the candidates for the next one, and must have narrow(); the last decides. The params of
 * a chain are an object by policy name: {"regional": {"strict": true}}. */
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
	SONDE_COL_SPOOL,      /* results that wait on it */
	SONDE_COL_UPLINK,     /* 1 works, 0 does not, NaN not checked */
	SONDE_COL_DRAINING,   /* 1: it takes no new tasks */
	SONDE_COL_IPV4,       /* 1 has the family, 0 has not, NaN not told */
	SONDE_COL_IPV6,
	SONDE_COL_CPUS,       /* NaN not told */
	SONDE_COL_MEMORY,     /* MiB; NaN not told */
	/* Of the request, see sonde_policy_note: they differ with its type and target. */
	SONDE_COL_PAST_OK,     /* 0..1 */
	SONDE_COL_PAST_RTT,    /* ms */
	SONDE_COL_PAST_SPREAD, /* ms */
	SONDE_COL_PAST_SEEN,   /* results */
	SONDE_COL_REGION,     /* text from here on */
	SONDE_COL_CONTINENT,
	SONDE_COL_COUNTRY,
	SONDE_COL_CITY,
	SONDE_COL_NAME,
	SONDE_COL_COUNT,
	SONDE_COL_FIRST_TEXT = SONDE_COL_REGION,
};

/* The questions a policy may answer; sonde_entry_rows (script/names.h) says their contracts. */
enum sonde_entry {
	SONDE_ENTRY_PICK,
	SONDE_ENTRY_NARROW,
	SONDE_ENTRY_ROUTE,
	SONDE_ENTRY_ADMIT,
	SONDE_ENTRY_RETRY,
	SONDE_ENTRY_ASSIGN,
	SONDE_ENTRY_PEERS,
	SONDE_ENTRY_ON_RESULT,
	SONDE_ENTRY_ON_NODE,
	SONDE_ENTRY_COUNT
};

struct sonde_policy_limits {
	size_t memory;         /* bytes a state may hold, a decision up to half; 0 = 16 MiB */
	uint64_t instructions; /* a decision; 0 = 1,000,000 */
	unsigned wall_ms;      /* a decision, all policies of a chain together; 0 = 2. Time in which
	                          the thread did not run does not count */
	unsigned faults;       /* in a minute that quarantine a policy, at most 8; 0 = 3 */
};

int sonde_policies_new(const struct sonde_policy_limits *, struct sonde_policies **out);
void sonde_policies_free(struct sonde_policies *);

/* Compile `text` (file content) as policy `name`; `file` names it in errors. On error the old
 * version, if any, stays. */
int sonde_policy_load(struct sonde_policies *, const char *name, const char *file, const char *text,
                      size_t len, struct sonde_error *);
/* Take policy `name` over from another set, where it was loaded on another thread: what its text does
 * while it loads then never holds up the decisions of this one. It becomes `version`; `from` has it
 * no more. SONDE_ENOENT, SONDE_ENOMEM. */
int sonde_policy_adopt(struct sonde_policies *, struct sonde_policies *from, const char *name,
                       uint32_t version);
/* Take it over as the shadow of the active one: each time that decides (pick, assign, retry), the
 * shadow is asked the same and its answer only compared. SONDE_ENOENT when there is no active one. A
 * new version ends the shadow. It stops by itself after as many faults as quarantine a policy. */
int sonde_policy_shadow(struct sonde_policies *, struct sonde_policies *from, const char *name);
void sonde_policy_unshadow(struct sonde_policies *, const char *name);
/* "shadow": {counters, the last differences} into an open object; nothing when there is none. */
void sonde_policy_describe_shadow(const struct sonde_policies *, const char *name,
                                  struct sonde_json *);
/* Every *.lua of a directory but *.t.lua; an error names the first bad file, the rest load. */
int sonde_policy_load_dir(struct sonde_policies *, const char *dir, struct sonde_error *);
bool sonde_policy_exists(const struct sonde_policies *, const char *name);
/* Whether one policy (no chain) has a function, or for pick a rule, of its own. */
bool sonde_policy_has(const struct sonde_policies *, const char *name, enum sonde_entry);
/* Its source as loaded, borrowed until it is loaded again; NULL when there is none. */
const char *sonde_policy_peek_text(const struct sonde_policies *, const char *name, size_t *len,
                                   uint32_t *version);
/* Count versions from here on: after a restart they go on where they ended. */
void sonde_policy_set_version(struct sonde_policies *, const char *name, uint32_t version);
/* Called when a policy is quarantined; `why` is its last fault. */
typedef void sonde_quarantine_fn(void *arg, const char *name, const char *why);
void sonde_policies_on_quarantine(struct sonde_policies *, sonde_quarantine_fn *, void *arg);
/* {"name","summary","version","params":[...],"stats":{...}} rows into an open array. */
void sonde_policies_describe(const struct sonde_policies *, struct sonde_json *);

/* A line of `sonde policy logs`: what the policy said (lb.log) or what befell it. Borrowed. */
struct sonde_policy_line {
	uint64_t number; /* from 1 on, since the start */
	int64_t at_ms;
	const char *kind; /* "log", "fault", "quarantined", "version", "shadow" */
	const char *text;
};
typedef void sonde_line_fn(void *arg, const struct sonde_policy_line *);
/* Those after line `after` that are still there, at most the last `most`, oldest first; answers the
 * number of the last one there is, 0 when there is none. */
uint64_t sonde_policy_lines(const struct sonde_policies *, const char *name, uint64_t after,
                            unsigned most, sonde_line_fn *, void *arg);

/* Counters of each policy, by name. */
struct sonde_policy_stats {
	const char *name;
	uint32_t version;
	uint64_t decisions, fallbacks, faults, took_us;
	uint64_t shadow_decisions, shadow_differs, shadow_faults;
	size_t memory; /* bytes of its state now */
	bool quarantined;
};
void sonde_policies_each(const struct sonde_policies *,
                         void (*fn)(void *, const struct sonde_policy_stats *), void *arg);

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

struct sonde_outcome; /* script/history.h */
/* How a result went, for the past columns of later decisions about the same type and target. Of a row
 * that was cleared nothing is known any more. SONDE_EINVAL, SONDE_ENOMEM: it is not noted. */
int sonde_policy_note(struct sonde_policies *, const struct sonde_outcome *);

/* What a policy is asked about. Texts may be NULL. */
struct sonde_request {
	const char *type, *target;
	const char *region;      /* asked for, NULL = anywhere */
	unsigned want;           /* nodes */
	uint64_t seed;           /* the only randomness a policy sees */
	const char *params_json; /* object for the policy's own params, NULL = {} */
	/* The caller's name for this very set of candidates: while it stays the same (and not 0) so
	 * do the rows, and what was found out about them is used again. 0 = look at them. */
	uint64_t set_id;
	const char *const *near; /* regions by measured round trip from `region`, nearest first */
	unsigned near_n;
	const char *tier;        /* of who asks */
	const char *schedule;    /* id; assign and peers */
	const unsigned *current; /* rows that have the schedule now; assign and peers */
	unsigned current_n;
	unsigned attempt;        /* retry: how many there were, from 1 on */
	const char *failure;     /* retry: name of the last one's failure */
	unsigned failed;         /* retry: row of its node + 1, 0 = gone */
	const struct sonde_turns_tape *replay; /* turns of the recorded decision, NULL = live */
};

/* Where round robin stood, in the order it was asked: part of what a replay needs. */
enum { SONDE_TAPE = 8 };
struct sonde_turns_tape {
	unsigned n; /* may be more than SONDE_TAPE: then the decision cannot be replayed */
	unsigned at[SONDE_TAPE];
};

enum { SONDE_REASON = 160 };

struct sonde_decision {
	unsigned count;
	unsigned *rows;        /* 0-based; caller's array of at least `want` */
	bool fallback;         /* the built-in decided; reason says why */
	char reason[SONDE_REASON];
	uint32_t took_us;
	uint32_t version;      /* of the last policy of the chain, counts up on each load */
	struct sonde_turns_tape turns;
};

/* Whether the names are policies that can stand so, and `params_json` (NULL = {}) is right for
 * them; the error's path is in it. To be asked before a request is accepted: a decision with wrong
 * params falls back. */
int sonde_policy_check_params(struct sonde_policies *, const char *names, const char *params_json,
                              struct sonde_error *);

/* The members of an object that is open: the used rows as sonde_replay_open (script/replay.h) reads them,
 * with the past of one type and target (NULL = none); at most `most` rows, then "truncated" is true. */
void sonde_policies_snapshot(struct sonde_policies *, struct sonde_json *, const char *type,
                             const char *target, unsigned most);

/* pick: at most req->want of the candidates `set` (0-based rows, any order). The answer has no
 * duplicates and only members of the set; it may be empty where the policy finds no node good
 * enough. Never fails: the built-in is highest priority first, then least load, ties broken by the
 * seed. */
void sonde_policy_pick(struct sonde_policies *, const char *names, const struct sonde_request *,
                       const unsigned *set, unsigned n, struct sonde_decision *);

/* assign: the nodes that shall run a schedule, as pick. A policy without assign() is asked to
 * pick; then nodes of req->current stay where the seed is the schedule's own and nothing changed. */
void sonde_policy_assign(struct sonde_policies *, const char *names, const struct sonde_request *,
                         const unsigned *set, unsigned n, struct sonde_decision *);

/* retry: another node for a task whose node failed, from the candidates; the caller leaves the
 * failed one out. count 0 without fallback: give up. A policy without retry() picks one. */
void sonde_policy_retry(struct sonde_policies *, const char *names, const struct sonde_request *,
                        const unsigned *set, unsigned n, struct sonde_decision *);

/* Regions that stand in for req->region, best first, by the first route() of the chain; 0 when
 * there is none, its policy is quarantined or failed. */
enum { SONDE_REGION_TEXT = 64 };
unsigned sonde_policy_route(struct sonde_policies *, const char *names,
                            const struct sonde_request *, char (*out)[SONDE_REGION_TEXT],
                            unsigned max);

/* admit: every admit() of the chain is asked, and each may only narrow. A fault, or a quarantined
 * policy that has admit(), refuses. */
struct sonde_admission {
	bool refused;
	unsigned want; /* at most req->want */
	char reason[SONDE_REASON];
	uint32_t took_us;
};
void sonde_policy_admit(struct sonde_policies *, const char *names, const struct sonde_request *,
                        struct sonde_admission *);

/* peers: who probes whom among the nodes `set`, as pairs in the order of `from` then of the
 * answer, without repeats and without a node that probes itself. Returns how many were written, at
 * most max. A policy without peers() or with a fault gives every ordered pair (d->fallback then);
 * what is over max is left out and d->reason says so. d->rows is not used and may be NULL. */
struct sonde_peering {
	unsigned from, to; /* rows */
};
unsigned sonde_policy_peers(struct sonde_policies *, const char *names,
                            const struct sonde_request *, const unsigned *set, unsigned n,
                            struct sonde_peering *out, unsigned max, struct sonde_decision *d);

/* What on_result() and on_node() want done, in the order of their calls. */
enum sonde_action_kind { SONDE_ACTION_RAISE, SONDE_ACTION_CLEAR, SONDE_ACTION_DEEPEN };
enum { SONDE_ACTIONS = 8, SONDE_ACTION_KEY = 128, SONDE_DEEPEN_NODES = 16 };

struct sonde_action {
	enum sonde_action_kind kind;
	char key[SONDE_ACTION_KEY]; /* deepen: the type */
	const char *severity;       /* raise: "info", "warning", "error" */
	char text[240];             /* clear: may be "" */
	char cause[96];             /* "policies/x.lua:7" */
	char options[1024];         /* deepen: JSON object, "" = none */
	char nodes[SONDE_DEEPEN_NODES][64]; /* deepen: names; none: the node of the result */
	unsigned node_count;
};

struct sonde_actions {
	unsigned n;
	struct sonde_action all[SONDE_ACTIONS];
};

struct json_t;
/* Ask one policy, which has the entry (ON_RESULT or ON_NODE), about facts named by
 * sonde_result_rows or sonde_change_rows (script/facts.h). SONDE_OK with its actions; SONDE_EDENIED
 * after a fault, while it is quarantined, or with wrong params: then there are none. */
int sonde_policy_observe(struct sonde_policies *, const char *name, enum sonde_entry,
                         const struct sonde_request *, const struct json_t *facts,
                         struct sonde_actions *);
