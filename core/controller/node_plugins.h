/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say of their plugins, and asking them and the own directories to look again. */
#pragma once
#include "controller/nodes.h"

struct controller;

/* The description in a hello or a types message; SONDE_EINVAL when it is none,
 * SONDE_EFULL when it is over the quota of a node, which is told as an event; nothing changes then. */
int node_plugins_take(struct controller *, struct node *, struct sonde_text description);
/* A types message of a node. */
int node_plugins_on_types(struct controller *, struct node *, const struct sonde_msg_types *);

/* The node was approved: what it brings may be learned now, so that it is asked when that is news. */
void node_plugins_approved(struct controller *, struct node *);

/* Look at the own directories, then ask a node, or all that are connected, to do the same; answers
 * the request with the nodes asked. node: NULL = all. */
void plugins_reload(struct controller *, struct sonde_req *, const struct node *);
