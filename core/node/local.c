/* SPDX-License-Identifier: Apache-2.0 */
/* The local API's listener and its four paths. Owns nothing: the net holds the listener. */
#include "node/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/node_private.h"

enum { REPLY_MAX = 16 << 20, LIMIT_DEFAULT = 20 };

/* ---- address ---- */

static bool split(const char *listen, char host[64], uint16_t *port)
{
	const char *colon = strrchr(listen, ':');
	size_t n = colon ? (size_t)(colon - listen) : 0;
	char *end;

	if (!n || n >= 64)
		return false;
	memcpy(host, listen, n);
	host[n] = '\0';
	long v = strtol(colon + 1, &end, 10);
	if (!colon[1] || *end || v < 0 || v > 65535)
		return false;
	*port = (uint16_t)v;
	return !strcmp(host, "127.0.0.1") || !strcmp(host, "[::1]");
}

int sonde_local_check(const char *listen, struct sonde_error *e)
{
	char host[64];
	uint16_t port;

	if (!listen || !*listen || split(listen, host, &port))
		return SONDE_OK;
	return sonde_fail(e, SONDE_EINVAL, NULL,
	                  "api.listen must be 127.0.0.1:PORT, [::1]:PORT or empty, not \"%s\": the "
	                  "local API asks for no password",
	                  listen);
}

/* ---- answers ---- */

static void reply(struct sonde_req *req, unsigned status, const char *type, const char *body,
                  size_t len)
{
	static const struct sonde_header headers[] = { { "Cache-Control", "no-store" }, { NULL } };

	sonde_req_reply(req, &(struct sonde_reply){ .status = status, .type = type, .body = body,
	                                            .len = len, .headers = headers });
}

static void reply_json(struct sonde_req *req, struct sonde_buf *b)
{
	if (b->failed)
		reply(req, 500, "text/plain", "too large\n", 10);
	else
		reply(req, 200, "application/json; charset=utf-8", b->data, b->len);
	sonde_buf_deinit(b);
}

static void health(struct sonde_node *node, struct sonde_req *req)
{
	if (node->phase == SONDE_NODE_RUNNING)
		reply(req, 200, "text/plain; charset=utf-8", "Alive\n", 6);
	else
		reply(req, 503, "text/plain; charset=utf-8", "Stopping\n", 9);
}

static void metrics(struct sonde_node *node, struct sonde_req *req)
{
	struct sonde_buf b;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_local_metrics(node, &b);
	reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", b.data, b.len);
	sonde_buf_deinit(&b);
}

static void status(struct sonde_node *node, struct sonde_req *req)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_local_status(node, &j);
	reply_json(req, &b);
}

/* -1 when the query is not one of ours. */
static long limit_of(const char *query)
{
	char *end;

	if (!*query)
		return LIMIT_DEFAULT;
	if (strncmp(query, "limit=", 6) || query[6] < '0' || query[6] > '9')
		return -1;
	long v = strtol(query + 6, &end, 10);
	return *end || v > SONDE_RECENT_RESULTS ? -1 : v;
}

static void results(struct sonde_node *node, struct sonde_req *req)
{
	long limit = limit_of(sonde_req_view(req)->query);
	struct sonde_buf b;
	struct sonde_json j;

	if (limit < 0) {
		static const char text[] = "{\"error\":{\"type\":\"validation_error\",\"message\":"
		                           "\"limit must be 0 to 256\"}}";
		reply(req, 400, "application/json; charset=utf-8", text, sizeof(text) - 1);
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	sonde_recent_write(&node->recent, (unsigned)limit, &j);
	sonde_json_close(&j);
	reply_json(req, &b);
}

static void on_request(struct sonde_req *req, void *arg)
{
	static const struct {
		const char *path;
		void (*answer)(struct sonde_node *, struct sonde_req *);
	} routes[] = { { "/health", health }, { "/metrics", metrics }, { "/v1/status", status },
		       { "/v1/results", results } };
	const struct sonde_req_view *view = sonde_req_view(req);
	char origin[256];

	if (view->method != SONDE_GET ||
	    sonde_req_header(req, "origin", origin, sizeof(origin)) >= 0) {
		reply(req, view->method == SONDE_GET ? 403 : 405, "text/plain", "refused\n", 8);
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!strcmp(view->path, routes[i].path)) {
			routes[i].answer(arg, req);
			return;
		}
	}
	reply(req, 404, "text/plain", "no such path\n", 13);
}

void sonde_local_start(struct sonde_node *node)
{
	const char *where = node->options->api_listen;
	struct sonde_error e = { "", "" };
	char host[64];
	uint16_t port;

	if (!where || !*where || !split(where, host, &port))
		return;
	const struct sonde_listen listen = {
		.host = host[0] == '[' ? "::1" : host, .port = port, .http = on_request,
		.http_arg = node,
	};
	if (sonde_net_listen(node->net, &listen, &e))
		sonde_log(SONDE_LOG_WARN, "api", "no local API on %s: %s", where, e.text);
	else
		sonde_log(SONDE_LOG_INFO, "api", "local API on %s", where);
}
