/* SPDX-License-Identifier: Apache-2.0 */
/* What every node of a measurement must have: the family of addresses that its target asks for, and
 * the `requirements` of the request. One table of rows says which there are. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"

struct node;
struct nodes;

enum { NEEDS_MAX = 16, NEED_WORDS = 32, NEED_FAMILY = -1 };

struct need {
	unsigned row; /* of the table */
	double number; /* a bool is 0 or 1 */
	const char *words[NEED_WORDS]; /* of a list; the version with its sign */
	unsigned word_count;
};

struct needs {
	uint8_t family;   /* 4, 6, or 0: none in particular */
	bool moves;       /* one of them changes while the node stays the same: not to be remembered */
	const char *text; /* the requirements, normalised JSON; NULL = none */
	unsigned count;
	struct need items[NEEDS_MAX];
};

/* The requirements from a JSON object; values may be texts, as the client sends them. Texts live in
 * the pool; family stays. SONDE_EINVAL with "requirements" or "requirements.KEY". */
int needs_read(struct needs *, const json_t *object, struct sonde_pool *, struct sonde_error *);
/* The first that the node does not meet: NEED_FAMILY or an index of items; needs->count when it
 * meets all. A node that has not told of its machine has both families, and nothing else of it. */
int needs_unmet(const struct needs *, const struct node *);
/* Of an item. */
const char *need_name(const struct need *);
/* Of the nodes that could be given something now and do not meet all: by which requirement how many, as
 * "capacity: 2 nodes; version: 1 node"; "" when each meets all. */
void needs_missed(const struct needs *, const struct nodes *, char *out, size_t len);
