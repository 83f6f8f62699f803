/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a node's stored facts. The writer's transaction reads what is stored, puts the patch over
 * it and writes it back, so that of two changes at the same time neither is lost; memory follows after
 * the commit, in the same order. */
#pragma once
#include <jansson.h>

#include "controller/nodes.h"

struct controller;

/* status SONDE_OK: stored, and in memory already, unless the change removes the node (facts.removed):
 * then node still has the old facts and is the callee's to remove. SONDE_ENOENT: no such node any
 * more. Otherwise what the store said; node may be NULL then. */
typedef void node_change_fn(struct controller *, struct node *, void *arg, int status);

/* patch: members as node_fact_rows() names them, checked by the caller; taken. done is called once, perhaps
 * before this returns; NULL = a failure is logged. */
void node_change(struct controller *, const struct node *, json_t *patch, node_change_fn *done,
                 void *arg);
/* What the node's facts would be: SONDE_EINVAL with the path when the patch does not fit. */
int node_change_check(const struct nodes *, const struct node *, const json_t *patch,
                      struct sonde_error *);
/* Write those anew whose stored form has what is sensitive in clear. */
void nodes_seal(struct controller *);
