/* SPDX-License-Identifier: Apache-2.0 */
/* The node's local API, so that somebody at a site that is cut off can still look: GET /health,
 * /metrics, /v1/status, /v1/results?limit=N. No authentication: it listens on loopback only, and
 * refuses whatever a browser sends for another page. */
#pragma once
#include "base/error.h"
#include "base/json.h"

struct sonde_node;
struct sonde_req;

/* "" or a loopback address with a port; SONDE_EINVAL otherwise. NULL is "". */
int sonde_local_check(const char *listen, struct sonde_error *);
/* Another program on the port is logged and is no failure. */
void sonde_local_start(struct sonde_node *);

/* ---- local_answers.c: the bodies ---- */
void sonde_local_status(const struct sonde_node *, struct sonde_json *);
void sonde_local_metrics(const struct sonde_node *, struct sonde_buf *);
