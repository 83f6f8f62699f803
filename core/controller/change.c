/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that change a node's facts. A job owns its patch and the pool of the facts it wrote; the
 * writer's thread has both alone from submission to done. */
#include "controller/change.h"

#include <stdlib.h>

#include "base/log.h"
#include "controller/controller.h"
#include "controller/node_plugins.h"

enum { CHANGE_POOL = 128 << 10, VALUE_MAX = 1 << 17 };

struct change {
	struct sonde_job job;
	struct controller *c;
	struct sonde_id id;
	struct sonde_pool pool;
	struct node_facts facts; /* as written */
	json_t *patch;
	node_change_fn *done;
	void *arg;
};

static int merge(const struct nodes *nodes, const void *stored, size_t len, const json_t *patch,
                 struct sonde_pool *pool, struct node_facts *out, struct sonde_error *e)
{
	json_t *doc = node_stored(nodes, stored, len, e);

	*out = (struct node_facts){ 0 };
	int rc = doc && !json_object_update(doc, (json_t *)patch) ?
		sonde_rows_fill(node_fact_rows(), doc, out, pool, e) : SONDE_EINVAL;
	json_decref(doc);
	return rc;
}

int node_change_check(const struct nodes *nodes, const struct node *node, const json_t *patch,
                      struct sonde_error *e)
{
	struct node_facts facts;
	struct sonde_pool pool;
	struct sonde_buf b;

	sonde_pool_init(&pool, CHANGE_POOL);
	sonde_buf_init(&b, VALUE_MAX);
	node_write(nodes, &node->facts, &b);
	int rc = b.failed ? SONDE_ENOMEM : merge(nodes, b.data, b.len, patch, &pool, &facts, e);
	sonde_buf_deinit(&b);
	sonde_pool_deinit(&pool);
	return rc;
}

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct change *ch = (struct change *)job;
	struct sonde_slice key = { ch->id.b, sizeof(ch->id.b) }, value;
	struct sonde_buf b;

	int rc = sonde_write_get(w, SONDE_TABLE_NODES, key, &value);
	if (rc != SONDE_OK)
		return rc;
	/* It may run again. */
	sonde_pool_deinit(&ch->pool);
	sonde_pool_init(&ch->pool, CHANGE_POOL);
	rc = merge(&ch->c->nodes, value.data, value.len, ch->patch, &ch->pool, &ch->facts, NULL);
	if (rc != SONDE_OK)
		return rc;
	sonde_buf_init(&b, VALUE_MAX);
	node_write(&ch->c->nodes, &ch->facts, &b);
	rc = b.failed ? SONDE_ENOMEM :
		sonde_write_put(w, SONDE_TABLE_NODES, key, (struct sonde_slice){ b.data, b.len });
	sonde_buf_deinit(&b);
	return rc;
}

static void done(struct sonde_job *job, int status)
{
	struct change *ch = (struct change *)job;
	struct node *node = nodes_by_id(&ch->c->nodes, &ch->id);

	if (status == SONDE_OK && !node)
		status = SONDE_ENOENT;
	bool news = status == SONDE_OK && ch->facts.approved && !node->facts.approved;
	if (status == SONDE_OK && !ch->facts.removed)
		node_set_facts(&ch->c->nodes, node, &ch->facts);
	if (news)
		node_plugins_approved(ch->c, node);
	if (ch->done)
		ch->done(ch->c, node, ch->arg, status);
	else if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "nodes", "a node's state was not stored: %s",
		          sonde_strstatus(status));
	json_decref(ch->patch);
	sonde_pool_deinit(&ch->pool);
	free(ch);
}

void node_change(struct controller *c, const struct node *node, json_t *patch, node_change_fn *fn,
                 void *arg)
{
	struct change *ch = patch ? calloc(1, sizeof(*ch)) : NULL;

	if (!ch) {
		json_decref(patch);
		if (fn)
			fn(c, NULL, arg, SONDE_ENOMEM);
		return;
	}
	*ch = (struct change){ .job = { .apply = apply, .done = done }, .c = c, .id = node->id,
		               .patch = patch, .done = fn, .arg = arg };
	sonde_pool_init(&ch->pool, CHANGE_POOL);
	int rc = sonde_store_submit(c->store, &ch->job);
	if (rc != SONDE_OK)
		done(&ch->job, rc);
}

void nodes_seal(struct controller *c)
{
	for (unsigned i = 0; i < c->nodes.len; i++)
		if (c->nodes.all[i] && c->nodes.all[i]->unsealed)
			node_change(c, c->nodes.all[i], json_object(), NULL, NULL);
}
