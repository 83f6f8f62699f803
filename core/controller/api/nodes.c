/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes over REST: enrolment with a registration token, and administration. A change is stored
 * first and shows in memory after the commit. */
#include "controller/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"
#include "controller/link.h"

enum { FACTS_POOL = 64 << 10 };

/* ---- enrolment ---- */

struct enrol {
	const char *token, *version;
};

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct enrol, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param enrol_rows[] = {
	ROW("token", STRING, token, "registration token", .max = 128, .flags = SONDE_PARAM_REQUIRED),
	ROW("version", STRING, version, "of the node's software", .max = 32),
	{ 0 },
};

struct enrol_job {
	struct sonde_job job;
	struct controller *c;
	struct sonde_req *req;
	struct sonde_pool pool;
	struct node_facts facts;
	struct sonde_id id;
	char key[SONDE_SECRET_TEXT], key_hex[2 * SONDE_HASH_BYTES + 1];
	uint8_t token_hash[SONDE_HASH_BYTES];
	struct token_facts token; /* as committed */
	const char *refusal;
	char id_text[SONDE_ID_TEXT];
};

/* Writer thread: the check and the count of the use are one transaction, so that of a hundred
 * parallel uses of a token for one exactly one wins. */
static int enrol_apply(struct sonde_write *w, struct sonde_job *job)
{
	struct enrol_job *e = (struct enrol_job *)job;
	struct sonde_slice key = { e->token_hash, sizeof(e->token_hash) }, value;
	struct sonde_buf b;

	e->refusal = "The registration token is not known.";
	if (sonde_write_get(w, SONDE_TABLE_TOKENS, key, &value) != SONDE_OK ||
	    token_read(&e->token, &e->pool, value.data, value.len) != SONDE_OK ||
	    e->token.kind != TOKEN_REGISTRATION)
		return SONDE_EDENIED;
	e->refusal = token_refusal(&e->token, sonde_wall_ms());
	if (e->refusal)
		return SONDE_EDENIED;
	e->token.used++;
	e->token.last_node = e->id_text;
	e->facts.approved = e->token.approve;
	e->facts.token = e->token.id;
	if (!e->facts.region)
		e->facts.region = e->token.region;
	sonde_buf_init(&b, 1 << 17);
	token_write(&e->token, &b);
	int rc = sonde_write_put(w, SONDE_TABLE_TOKENS, key, (struct sonde_slice){ b.data, b.len });
	sonde_buf_reset(&b);
	node_write(&e->facts, &b);
	if (rc == SONDE_OK)
		rc = b.failed ? SONDE_ENOMEM :
		     sonde_write_insert(w, SONDE_TABLE_NODES,
		                        (struct sonde_slice){ e->id.b, sizeof(e->id.b) },
		                        (struct sonde_slice){ b.data, b.len });
	sonde_buf_deinit(&b);
	return rc;
}

static void enrol_free(struct enrol_job *e)
{
	sonde_pool_deinit(&e->pool);
	sonde_secret_wipe(e->key, sizeof(e->key));
	free(e);
}

static void enrol_show(struct enrol_job *e)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "id", e->id_text);
	sonde_json_str(&j, "key", e->key);
	sonde_json_str(&j, "status", e->facts.approved ? "offline" : "pending");
	sonde_json_close(&j);
	answer_json(e->c, e->req, 201, &b, NULL);
}

static void enrol_done(struct sonde_job *job, int status)
{
	struct enrol_job *e = (struct enrol_job *)job;

	if (status == SONDE_EDENIED) {
		answer_error(e->c, e->req, 401, "unauthorized", e->refusal, NULL, NULL);
	} else if (status != SONDE_OK) {
		answer_busy(e->c, e->req, status);
	} else {
		tokens_put(&e->c->tokens, e->token_hash, &e->token);
		nodes_add(&e->c->nodes, &e->id, &e->facts);
		sonde_log(SONDE_LOG_INFO, "nodes", "%s enrolled as %s", e->facts.name, e->id_text);
		enrol_show(e);
	}
	enrol_free(e);
}

/* Tags come as an array or as a comma list; rows know only the list. */
static int join_tags(json_t *body, struct sonde_error *err)
{
	json_t *tags = json_object_get(body, "tags"), *tag;
	struct sonde_buf b;
	size_t i;

	if (!json_is_array(tags))
		return SONDE_OK;
	sonde_buf_init(&b, 2048);
	json_array_foreach(tags, i, tag) {
		const char *text = json_string_value(tag);
		if (!text || !*text || strchr(text, ',')) {
			sonde_buf_deinit(&b);
			return sonde_fail(err, SONDE_EINVAL, "tags", "must be texts without commas");
		}
		if (i)
			sonde_buf_char(&b, ',');
		sonde_buf_str(&b, text);
	}
	bool failed = b.failed;
	json_object_set_new(body, "tags", json_string(sonde_buf_cstr(&b)));
	sonde_buf_deinit(&b);
	return failed ? sonde_fail(err, SONDE_EINVAL, "tags", "are longer than 2048 bytes in all") :
			SONDE_OK;
}

/* Take `token` and `version` out of the body; what is left are facts. */
static int split_enrol(json_t *body, struct enrol *enrol, struct sonde_pool *pool,
                       struct sonde_error *err)
{
	json_t *own = json_object();

	for (const struct sonde_param *p = enrol_rows; p->type; p++) {
		json_t *v = json_object_get(body, p->name);
		if (v)
			json_object_set(own, p->name, v);
		json_object_del(body, p->name);
	}
	int rc = sonde_rows_fill(SONDE_ROWS(enrol_rows), own, enrol, pool, err);
	json_decref(own);
	return rc;
}

void api_register_node(struct call *call)
{
	struct sonde_error err;
	struct enrol enrol = { 0 };
	uint8_t key_hash[SONDE_HASH_BYTES];

	json_t *body = call_body(call);
	struct enrol_job *e = body ? calloc(1, sizeof(*e)) : NULL;
	if (!e) {
		json_decref(body);
		return;
	}
	sonde_pool_init(&e->pool, FACTS_POOL);
	int rc = split_enrol(body, &enrol, &e->pool, &err);
	if (rc == SONDE_OK)
		rc = join_tags(body, &err);
	if (rc == SONDE_OK)
		rc = sonde_rows_fill(node_public_rows(), body, &e->facts, &e->pool, &err);
	json_decref(body);
	if (rc == SONDE_OK && !e->facts.name)
		rc = sonde_fail(&err, SONDE_EINVAL, "name", "is required");
	if (rc != SONDE_OK) {
		answer_invalid(call, &err);
		enrol_free(e);
		return;
	}
	e->c = call->c;
	e->req = call->req;
	sonde_id_make(&call->c->ids, &e->id);
	sonde_id_format(&e->id, e->id_text);
	sonde_secret_make("node", e->key);
	sonde_secret_hash(e->key, strlen(e->key), key_hash);
	for (int i = 0; i < SONDE_HASH_BYTES; i++)
		snprintf(e->key_hex + 2 * i, 3, "%02x", key_hash[i]);
	e->facts.key_hash = e->key_hex;
	e->facts.created_ms = sonde_wall_ms();
	sonde_secret_hash(enrol.token, strlen(enrol.token), e->token_hash);
	e->job.apply = enrol_apply;
	e->job.done = enrol_done;
	rc = sonde_store_submit(call->c->store, &e->job);
	if (rc != SONDE_OK)
		enrol_done(&e->job, rc);
}

/* ---- administration ---- */

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

	node_set_facts(&ch->c->nodes, node, &ch->facts);
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
	return join_tags(patch, e);
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
