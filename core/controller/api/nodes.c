/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of nodes over REST, and the public list. A change is stored first and shows in
 * memory after the commit. */
#include "controller/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"
#include "controller/link.h"
#include "controller/node_plugins.h"

enum { FACTS_POOL = 64 << 10 };

static void put_node(struct call *call, const struct node *node, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	node_describe(&call->c->nodes, node, j, true);
	sonde_json_close(j);
}

static bool is_listed(const struct controller *c, const struct node *node)
{
	return node_status(&c->nodes, node) != NODE_DEREGISTERED ||
	       sonde_wall_ms() - node->facts.goodbye_ms < c->nodes.deregistered_ms;
}

void api_list_nodes(struct call *call)
{
	const struct nodes *nodes = &call->c->nodes;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	for (unsigned i = 0; i < nodes->len; i++)
		if (nodes->all[i] && is_listed(call->c, nodes->all[i]))
			put_node(call, nodes->all[i], &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_get_node(struct call *call)
{
	const struct node *node = nodes_find(&call->c->nodes, call->param);
	struct sonde_buf b;
	struct sonde_json j;

	if (!node) {
		answer_not_found(call, "node");
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	put_node(call, node, &j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

struct change {
	struct sonde_job job;
	struct controller *c;
	struct sonde_req *req;
	struct sonde_id id;
	struct sonde_pool pool;
	struct node_facts facts;
};

static int change_apply(struct sonde_write *w, struct sonde_job *job)
{
	struct change *ch = (struct change *)job;
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 17);
	node_write(&ch->facts, &b);
	int rc = b.failed ? SONDE_ENOMEM :
		 sonde_write_put(w, SONDE_TABLE_NODES,
		                 (struct sonde_slice){ ch->id.b, sizeof(ch->id.b) },
		                 (struct sonde_slice){ b.data, b.len });
	sonde_buf_deinit(&b);
	return rc;
}

static void removed(struct change *ch, struct node *node)
{
	link_close(node, 4403, "The node was removed.");
	if (node->conn)
		link_forget(node);
	tasks_node_removed(&ch->c->tasks, node);
	nodes_remove(&ch->c->nodes, node);
	tasks_flush(&ch->c->tasks);
	answer_empty(ch->c, ch->req, 204);
}

static void changed(struct change *ch, struct node *node)
{
	struct call call = { .c = ch->c };
	struct sonde_buf b;
	struct sonde_json j;

	bool news = ch->facts.approved && !node->facts.approved;

	node_set_facts(&ch->c->nodes, node, &ch->facts);
	if (news)
		node_plugins_approved(ch->c, node);
	tasks_touch(&ch->c->tasks, node);
	tasks_flush(&ch->c->tasks);
	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	put_node(&call, node, &j);
	answer_json(ch->c, ch->req, 200, &b, NULL);
}

static void change_done(struct sonde_job *job, int status)
{
	struct change *ch = (struct change *)job;
	struct node *node = nodes_by_id(&ch->c->nodes, &ch->id);

	if (status != SONDE_OK || !node)
		answer_busy(ch->c, ch->req, status);
	else if (ch->facts.removed)
		removed(ch, node);
	else
		changed(ch, node);
	sonde_pool_deinit(&ch->pool);
	free(ch);
}

static struct change *change_new(struct call *call, const struct node *node)
{
	struct change *ch = calloc(1, sizeof(*ch));

	if (!ch) {
		answer_busy(call->c, call->req, SONDE_ENOMEM);
		return NULL;
	}
	ch->job.apply = change_apply;
	ch->job.done = change_done;
	ch->c = call->c;
	ch->req = call->req;
	ch->id = node->id;
	sonde_pool_init(&ch->pool, FACTS_POOL);
	return ch;
}

static void change_submit(struct change *ch)
{
	int rc = sonde_store_submit(ch->c->store, &ch->job);
	if (rc != SONDE_OK)
		change_done(&ch->job, rc);
}

static json_t *facts_as_json(const struct node *node)
{
	struct sonde_buf b;
	struct sonde_error e;

	sonde_buf_init(&b, 1 << 17);
	node_write(&node->facts, &b);
	json_t *doc = b.failed ? NULL : sonde_json_load(b.data, b.len, &e);
	sonde_buf_deinit(&b);
	return doc;
}

/* Members a PATCH may carry: the public facts, approved, and `enabled`. */
static int check_patch(json_t *patch, struct sonde_error *e)
{
	json_t *enabled = json_object_get(patch, "enabled"), *value;
	struct sonde_param row;
	const char *key;

	if (enabled) {
		if (!json_is_boolean(enabled))
			return sonde_fail(e, SONDE_EINVAL, "enabled", "must be true or false");
		json_object_set_new(patch, "disabled", json_boolean(!json_is_true(enabled)));
		json_object_del(patch, "enabled");
	}
	json_object_foreach(patch, key, value) {
		if (!strcmp(key, "approved") || !strcmp(key, "disabled") ||
		    sonde_row_find(node_public_rows(), key, &row))
			continue;
		return sonde_fail(e, SONDE_EINVAL, key, "is not a thing that can be changed");
	}
	return node_join_tags(patch, e);
}

void api_patch_node(struct call *call)
{
	const struct node *node = nodes_find(&call->c->nodes, call->param);
	struct sonde_error e;

	if (!node) {
		answer_not_found(call, "node");
		return;
	}
	json_t *patch = call_body(call);
	if (!patch)
		return;
	struct change *ch = change_new(call, node);
	json_t *facts = ch ? facts_as_json(node) : NULL;
	int rc = check_patch(patch, &e);
	if (facts && rc == SONDE_OK) {
		json_object_update(facts, patch);
		rc = sonde_rows_fill(node_fact_rows(), facts, &ch->facts, &ch->pool, &e);
	}
	json_decref(facts);
	json_decref(patch);
	if (ch && rc == SONDE_OK) {
		change_submit(ch);
		return;
	}
	if (ch) {
		answer_invalid(call, &e);
		sonde_pool_deinit(&ch->pool);
		free(ch);
	}
}

void api_delete_node(struct call *call)
{
	const struct node *node = nodes_find(&call->c->nodes, call->param);

	if (!node) {
		answer_not_found(call, "node");
		return;
	}
	struct change *ch = change_new(call, node);
	json_t *facts = ch ? facts_as_json(node) : NULL;
	struct sonde_error e;
	if (!ch)
		return;
	sonde_rows_fill(node_fact_rows(), facts, &ch->facts, &ch->pool, &e);
	json_decref(facts);
	ch->facts.removed = 1;
	change_submit(ch);
}

/* ---- public view ---- */

void api_list_probes(struct call *call)
{
	static const struct sonde_header headers[] = {
		{ "Cache-Control", "public, max-age=1, stale-while-revalidate=1, stale-if-error=60" },
		{ NULL },
	};
	const struct nodes *nodes = &call->c->nodes;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	for (unsigned i = 0; i < nodes->len; i++) {
		const struct node *n = nodes->all[i];
		if (!n || node_status(nodes, n) != NODE_ONLINE)
			continue;
		sonde_json_open(&j, NULL, '{');
		sonde_json_str(&j, "version", n->version);
		sonde_json_open(&j, "location", '{');
		node_location(n, &j);
		sonde_json_close(&j);
		node_put_tags(n, &j);
		sonde_json_open(&j, "resolvers", '[');
		sonde_json_close(&j);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, headers);
}
