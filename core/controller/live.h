/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/live: a websocket (sonde.live.v1) that tells what happens. Text messages, JSON objects.
 *
 *   {"op":"auth","token":"..."}                      -> {"ok":"auth"}, or closed with 4401
 *   {"op":"subscribe","id":"a","topic":"results",    -> {"id":"a","ok":"subscribe"}, then
 *    "cursor":17,"filter":{"type":"ping"}}              {"id":"a","results":[...],"next":42} ...
 *   {"op":"unsubscribe","id":"a"}
 *
 * Topics: results (filter: type, target, node, region, measurement, status, failure; cursor: an
 * ingest number, for a backlog), nodes, events, stats (every: seconds), measurement (measurement: its
 * id; no token needed; ends by itself). Roles: nodes and stats viewer, results and events operator;
 * a credential that ends, or whose role changes, closes its connection with 4401 within a second.
 *
 * Results are read from the store when the connection has room, so that a slow reader costs one
 * cursor: one that was up to date and falls LAG_MAX behind is moved to the end and told
 * {"id":"a","missed":N,"from":...,"next":...}: all of it can be had from /v1/results. Of nodes and
 * events only the number that was missed is told. What is wrong is answered
 * {"id":"a","error":"..."}. A connection that says nothing is closed with 4408 after 2.5 s, one without
 * a token and a subscription after a minute. */
#pragma once
#include <uv.h>

#include "net/net.h"

struct controller;
struct live_conn;

enum { LIVE_CONNECTIONS = 1000, LIVE_SUBSCRIPTIONS = 32,
       LIVE_MESSAGE_MAX = 16 << 10, LIVE_FRAMES_S = 200 }; /* over it: 1009; more often: 1008 */

struct live {
	struct controller *c;
	struct live_conn *first;
	uv_timer_t timer;
	unsigned connections; /* that logged in or subscribed */
	uint64_t missed; /* results, nodes and events not told to slow readers */
	bool armed, closed;
};

extern const struct sonde_conn_events live_events;

int live_init(struct live *, struct controller *);
/* Close those that stay silent or whose credential does not hold any more; called every half second. */
void live_check(struct live *);
/* The timer closes; connections are closed by the net. */
void live_stop(struct live *);
