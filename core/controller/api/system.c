/* SPDX-License-Identifier: Apache-2.0 */
/* Health, readiness, and the plugins. */
#include <stdlib.h>
#include <string.h>

#include "controller/api/api.h"
#include "controller/node_plugins.h"

static void reply_text(struct call *call, unsigned status, const char *text)
{
	answer_reply(call->c, call->req, &(struct sonde_reply){ .status = status,
		.type = "text/plain; charset=utf-8", .body = text, .len = strlen(text) });
}

void api_health(struct call *call)
{
	if (call->c->stopping)
		reply_text(call, 503, "Received SIGTERM, shutting down");
	else
		reply_text(call, 200, "Alive");
}

void api_ready(struct call *call)
{
	if (call->c->stopping)
		reply_text(call, 503, "stopping");
	else if (sonde_store_full(call->c->store))
		reply_text(call, 503, "store is full");
	else
		reply_text(call, 200, "ready");
}

void api_list_plugins(struct call *call)
{
	char *text = json_dumps(call->c->types.plugins, JSON_COMPACT);
	struct sonde_buf b;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_buf_str(&b, text ? text : "[]");
	free(text);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_reload_plugins(struct call *call)
{
	const struct node *node = *call->param ? nodes_find(&call->c->nodes, call->param) : NULL;

	if (*call->param && !node)
		answer_not_found(call, "node");
	else
		plugins_reload(call->c, call->req, node);
}
