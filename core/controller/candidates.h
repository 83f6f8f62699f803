/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes a measurement type may run on in a location: ready and online, with the type, matching
 * the location, with what the request needs (needs.h), with uplink and storage. That is what must hold; what is better says the policy
 * (placement.h). Lists are kept by the text of their filter until a node changes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "controller/needs.h"

struct location;
struct magic;
struct node;
struct nodes;
struct type;

/* Why a node is not among the candidates: the first of these that holds. DROP_TAKEN is not the
 * list's but a placement's: the node was chosen before, or is never to be chosen. */
enum drop { DROP_STATUS, DROP_TYPE, DROP_LOCATION, DROP_FAMILY, DROP_NEED, DROP_UPLINK,
	    DROP_STORAGE, DROP_TAKEN, DROP_COUNT };

enum { DROPPED_MAX = 64 };

struct candidates {
	uint64_t generation; /* of the nodes it was made from */
	uint64_t id;         /* another for each content, never 0: policies remember by it */
	unsigned count, cap;
	unsigned *rows;      /* of struct nodes, ascending */
	unsigned dropped[DROP_COUNT];
	unsigned unmet[NEEDS_MAX]; /* of DROP_NEED, by requirement */
	unsigned named;      /* of the first dropped ones */
	struct {
		unsigned row;
		enum drop why;
		unsigned need; /* DROP_NEED: which of the request's */
	} drop[DROPPED_MAX];
};

struct candidate_lists {
	const struct nodes *nodes;
	struct sonde_map cache;
	struct candidates *uncached; /* of the last filter that is not to be remembered */
	uint64_t last_id;
};

/* The nodes are borrowed and must outlive the lists. */
void candidates_init(struct candidate_lists *, const struct nodes *);
void candidates_deinit(struct candidate_lists *);
/* Borrowed until the next call, which may let go of any list. needs NULL: none. NULL: out of memory. */
const struct candidates *candidates_of(struct candidate_lists *, const struct type *,
                                       const struct location *, const struct needs *);

/* Whether the node is in the location, whatever its state. `magic` is the location's own, read
 * once by the caller who asks about many nodes. */
bool location_fits(const struct location *, const struct magic *, const struct node *);
bool location_matches(const struct nodes *, const struct location *, const struct node *);
