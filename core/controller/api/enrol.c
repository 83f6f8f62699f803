/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment: a registration token for an id and a key. The key is shown once and kept as a hash. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"

enum { ENROL_POOL = 64 << 10 };

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
	node_write(&e->c->nodes, &e->facts, &b);
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
	sonde_pool_init(&e->pool, ENROL_POOL);
	int rc = split_enrol(body, &enrol, &e->pool, &err);
	if (rc == SONDE_OK)
		rc = node_join_tags(body, &err);
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
