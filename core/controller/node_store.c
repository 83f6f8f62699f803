/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes in the store: JSON by rows, the sensitive rows as one encrypted member. A value from before
 * there was encryption is read as it is and written anew at the start. What another key encrypted is
 * lost and said so: a node without its address still measures. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/nodes.h"
#include "controller/sealed.h"

#define SEALED "sealed"

enum { NODE_POOL = 64 << 10, SECRETS_MAX = 32 << 10 };

/* ---- writing ---- */

void node_write(const struct nodes *n, const struct node_facts *f, struct sonde_buf *b)
{
	struct sonde_json j, secret;
	struct sonde_buf plain;
	char *text = NULL;

	sonde_buf_init(&plain, SECRETS_MAX);
	sonde_json_init(&secret, &plain);
	sonde_json_open(&secret, NULL, '{');
	sonde_rows_write_secret(node_fact_rows(), f, &secret);
	sonde_json_close(&secret);
	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(node_fact_rows(), f, &j);
	bool some = plain.len > 2;
	if (some && !plain.failed && n->seal)
		text = sealed_make(n->seal, &plain);
	if (text)
		sonde_json_str(&j, SEALED, text);
	b->failed |= plain.failed || !n->seal || (some && !text);
	sonde_json_close(&j);
	free(text);
	if (plain.data)
		sonde_secret_wipe(plain.data, plain.len);
	sonde_buf_deinit(&plain);
}

/* ---- reading ---- */

json_t *node_stored(const struct nodes *n, const void *data, size_t len, struct sonde_error *e)
{
	json_t *doc = sonde_json_load(data, len, e);
	const char *text = json_string_value(json_object_get(doc, SEALED));
	json_t *secrets = text ? sealed_open(n->seal, text) : NULL;

	if (text && !secrets)
		sonde_log(SONDE_LOG_ERROR, "nodes", "what is sensitive of %s was encrypted with another "
		          "secret, or changed: it is left out",
		          json_string_value(json_object_get(doc, "name")));
	if (secrets)
		json_object_update(doc, secrets);
	json_object_del(doc, SEALED);
	json_decref(secrets);
	return doc;
}

struct loading {
	struct nodes *nodes;
	int rc;
};

/* A sensitive member in clear. */
static bool is_unsealed(const void *data, size_t len)
{
	json_t *doc = sonde_json_load(data, len, NULL);
	struct sonde_param row;
	bool found = false;

	for (unsigned i = 0; sonde_row_at(node_fact_rows(), i, &row); i++)
		found |= row.flags & SONDE_PARAM_SECRET && json_object_get(doc, row.name);
	json_decref(doc);
	return found;
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct loading *l = arg;
	struct node_facts facts = { 0 };
	struct sonde_error e = { "", "" };
	struct sonde_pool pool;
	struct sonde_id id;

	if (key.len != sizeof(id.b))
		return 0;
	memcpy(id.b, key.data, sizeof(id.b));
	sonde_pool_init(&pool, NODE_POOL);
	json_t *doc = node_stored(l->nodes, value.data, value.len, &e);
	int rc = doc ? sonde_rows_fill(node_fact_rows(), doc, &facts, &pool, &e) : SONDE_EINVAL;
	if (rc != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "nodes", "stored node is bad: %s %s", e.path, e.text);
	struct node *node = rc == SONDE_OK && !facts.removed ? nodes_add(l->nodes, &id, &facts) : NULL;
	if (node)
		node->unsealed = is_unsealed(value.data, value.len);
	else if (rc == SONDE_OK && !facts.removed)
		l->rc = SONDE_ENOMEM;
	json_decref(doc);
	sonde_pool_deinit(&pool);
	return l->rc;
}

int nodes_load(struct nodes *n, struct sonde_store *store, struct sonde_error *e)
{
	struct loading l = { n, SONDE_OK };
	struct sonde_read *r;

	int rc = sonde_read_begin(store, &r);
	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the nodes");
	sonde_read_each(r, SONDE_TABLE_NODES, (struct sonde_slice){ NULL, 0 }, load_one, &l);
	sonde_read_end(r);
	return l.rc;
}
