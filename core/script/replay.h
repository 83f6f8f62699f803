/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions as text: everything that went into one, so that it can be made again, by the same
 * policy for the same answer byte for byte, or by another one to see what it would have done.
 *
 *	{"policy":"regional,least_load","chain":[{"name":"regional","version":1},...],
 *	 "params":{...},"seed":7,"request":{"type":"ping","target":"x","region":"europe","want":2},
 *	 "rows":9,"turns":[3],"nodes":[{"at":0,"name":"a","load":0.25,"tags":["x"]},...],
 *	 "answer":[2,0],"reason":"...","fallback":false,"tookUs":12}
 *
 * "nodes" are the candidates with what differs from an unknown node; "at" and "answer" are rows.
 * With more than max_nodes candidates "nodes" holds only the chosen ones, "complete" is false, and
 * the decision cannot be made again. */
#pragma once
#include <jansson.h>

#include "script/policy.h"

/* The members of an object that is open in j. */
void sonde_decision_record(const struct sonde_policies *, struct sonde_json *j, const char *names,
                           const struct sonde_request *, const unsigned *set, unsigned n,
                           unsigned max_nodes, const struct sonde_decision *);

enum { SONDE_REPLAY_NODES = 4096, SONDE_REPLAY_NEAR = 16 };

/* A recorded decision in a set of policies of its own. Owns everything but the JSON. */
struct sonde_replay {
	const char *policy, *params;  /* params: owned text, NULL = none */
	struct sonde_request request; /* texts are the JSON's */
	struct sonde_turns_tape turns;
	const char *near[SONDE_REPLAY_NEAR];
	unsigned rows[SONDE_REPLAY_NODES];     /* the candidates */
	unsigned answer[SONDE_REPLAY_NODES];   /* the recorded one */
	unsigned n, answered;
};

/* Put the recorded nodes into `ps` (rows that another replay put there are cleared) and fill *r.
 * The JSON is borrowed until sonde_replay_close. SONDE_EINVAL: not a record, or not a complete
 * one. */
int sonde_replay_open(struct sonde_policies *ps, const json_t *record, struct sonde_replay *r,
                      struct sonde_error *);
void sonde_replay_close(struct sonde_replay *);

/* Replays and invented requests, counted; what is left after 20 s is skipped. One JSON object:
 * {"decisions","fallbacks","changed","skipped","us":{"p50","p99","max"},
 *  "regions":{name: share},"nodes":[{"name","share"}...],"changes":[{"recorded","now","reason"}]} */
struct sonde_simulation;
/* `text` decides alone; NULL = each record's own policy, as loaded from dir, decides. */
int sonde_simulation_new(const char *name, const char *text, size_t len, const char *dir,
                         struct sonde_simulation **, struct sonde_error *);
/* params_json: instead of the recorded ones, which may be another policy's; NULL = {} */
void sonde_simulation_params(struct sonde_simulation *, const char *params_json);
/* One recorded decision. */
void sonde_simulation_replay(struct sonde_simulation *, const json_t *record);
/* `count` requests to `nodes` invented nodes. SONDE_EINVAL: nodes over SONDE_REPLAY_NODES. */
int sonde_simulation_invent(struct sonde_simulation *, const struct sonde_request *, unsigned nodes,
                            unsigned count, struct sonde_error *);
void sonde_simulation_report(struct sonde_simulation *, struct sonde_json *, const char *key);
void sonde_simulation_free(struct sonde_simulation *);
