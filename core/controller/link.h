/* SPDX-License-Identifier: Apache-2.0 */
/* The node websocket, controller side: hello and its check, heartbeats, tasks out, results in. A
 * connection that says nothing for HELLO_MS, or something wrong, is closed with a reason
 * that the node logs. Codes: 4400 bad message, 4401 not known (any more), 4403 banned, 4408 silent, 4409 replaced by a
 * newer connection, 4413 over a quota, 4426 too old, 1013 try again later. */
#pragma once
#include "controller/nodes.h"
#include "controller/tasks.h"

struct controller;

enum { LINK_HELLO_MAX = 320 << 10 }; /* bytes of a first message; later ones SONDE_MSG_MAX */
extern const struct sonde_conn_events link_events;

bool link_send_tasks(void *controller, struct node *, const struct sonde_msg *);
/* Any message to a connected node; false when it cannot be sent now. */
bool link_send(struct node *, const struct sonde_msg *);
void link_ack(struct controller *, struct node *, uint64_t epoch, const struct sonde_spans *have);
/* Close a node's connection, if it has one. */
void link_close(struct node *, unsigned code, const char *reason);
/* The connection's close callback will not touch the node any more. */
void link_forget(struct node *);
/* Close what is silent: no hello in time, no heartbeat for three intervals. */
void link_tick(struct controller *, int64_t now_ns);
