/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes: of those that may (candidates.h) the policy chooses who is better, location by
 * location. */
#pragma once
#include "controller/candidates.h"
#include "controller/nodes.h"
#include "controller/regions.h"
#include "controller/types.h"

enum { LOCATIONS_MAX = 128, LOCATION_TAGS = 32, PLACE_MAX = 500, CURRENT_MAX = 4096 };

/* One entry of `locations`; empty texts ask nothing. Texts are borrowed from the request. */
struct location {
	const char *continent, *region, *country, *state, *city, *network, *magic;
	const char *node; /* ours: id or name of one node */
	const char *tags[LOCATION_TAGS];
	unsigned tag_count;
	int64_t asn;
	double latitude, longitude, radius_km; /* radius 0 = not given */
	unsigned limit; /* 0 = not given */
};

struct placement_request {
	const struct type *type;
	const char *target;
	const struct location *locations;
	unsigned location_count;
	unsigned limit; /* nodes in all; 0 = the sum of the locations' own limits */
	const char *policy; /* a chain */
	const char *params; /* JSON of the policy's params, NULL = {} */
	unsigned admitted;  /* nodes the policy admits; 0 = all */
	const struct node *except; /* never chosen; NULL = none */
	const struct location *exclude; /* nodes that match one of these are never chosen */
	unsigned exclude_count;
	const struct needs *needs; /* what each node must have; NULL = nothing */
	/* Of a schedule: the policy is asked to assign, and sees which nodes have it. */
	const char *schedule; /* id; NULL = a measurement */
	struct node *const *current;
	unsigned current_count;
	uint64_t seed;
	struct sonde_buf *trace; /* JSON of how it came about is appended; NULL = not asked for */
	struct node *const *leave_out; /* have it already */
	unsigned leave_out_count;
};

struct placement_answer {
	struct node *nodes[PLACE_MAX];
	unsigned count;
	char reason[160];
	uint32_t version, took_us;
	bool fallback;
};

/* A task whose node failed. */
struct placement_failure {
	const struct node *node; /* NULL = gone */
	const char *failure;
	unsigned attempt;
};

struct placement {
	struct nodes *nodes;
	const struct regions *regions; /* NULL = nothing is measured */
	const char *near[REGION_NEAR]; /* of the request that is being answered */
	struct sonde_policies *policies;
	struct candidate_lists lists;
	uint64_t *taken; /* bitset over rows, all zero between calls */
	unsigned taken_words;
	unsigned *scratch;
	unsigned scratch_cap;
	uint64_t decisions, fallbacks;
	unsigned trace_nodes; /* candidates and others a trace names, each; 0 = none */
};

void placement_init(struct placement *, struct nodes *, struct sonde_policies *);
void placement_deinit(struct placement *);
/* SONDE_OK with count >= 1, SONDE_ENOENT when no node fits. */
int placement_choose(struct placement *, const struct placement_request *,
                     struct placement_answer *);
/* Whether the policy takes it: at most admission->want nodes. */
void placement_admit(struct placement *, const struct placement_request *,
                     struct sonde_admission *);
/* Another node for one task, by the policy's retry(). SONDE_OK with count 1; SONDE_EDENIED: the
 * policy gives up; SONDE_ENOENT: no other node fits. */
int placement_retry(struct placement *, const struct placement_request *,
                    const struct placement_failure *, struct placement_answer *);
/* Who of these nodes probes whom, by the policy's peers(): at most max pairs of rows into `out`,
 * see sonde_policy_peers. Locations and limit of the request are not looked at. */
unsigned placement_peers(struct placement *, const struct placement_request *,
                         struct node *const *nodes, unsigned n, struct sonde_peering *out, unsigned max,
                         struct sonde_decision *);
