/* SPDX-License-Identifier: Apache-2.0 */
/* Registration tokens: make, list, revoke. The text of a token is shown once, in the answer that
 * made it. */
#include "controller/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"

struct create {
	const char *description, *region;
	int64_t ttl_ns, uses;
	uint8_t approve;
};

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct create, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param create_rows[] = {
	ROW("description", STRING, description, "what it is for", .max = 256),
	ROW("region", STRING, region, "region given to nodes that name none", .max = 64),
	ROW("ttl", DURATION, ttl_ns, "how long it may be used", .def = "1h", .min = 1000,
	    .max = INT64_C(1000) * 86400 * 365),
	ROW("uses", INT, uses, "how many nodes may use it", .def = "1", .min = 1, .max = 100000),
	ROW("approve", BOOL, approve, "its nodes need no approval"),
	{ 0 },
};

struct token_job {
	struct sonde_job job;
	struct controller *c;
	struct sonde_req *req;
	uint8_t hash[SONDE_HASH_BYTES];
	struct token_facts facts; /* texts in pool */
	struct sonde_pool pool;
	char secret[SONDE_SECRET_TEXT]; /* "" when revoking */
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct token_job *t = (struct token_job *)job;
	struct sonde_buf value;

	sonde_buf_init(&value, 1 << 14);
	token_write(&t->facts, &value);
	int rc = value.failed ? SONDE_ENOMEM :
		 sonde_write_put(w, SONDE_TABLE_TOKENS,
		                 (struct sonde_slice){ t->hash, sizeof(t->hash) },
		                 (struct sonde_slice){ value.data, value.len });
	sonde_buf_deinit(&value);
	return rc;
}

static void token_job_free(struct token_job *t)
{
	sonde_pool_deinit(&t->pool);
	sonde_secret_wipe(t->secret, sizeof(t->secret));
	free(t);
}

static void show(struct token_job *t)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 1 << 14);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "token", t->secret);
	token_describe(&t->facts, &j);
	sonde_json_close(&j);
	answer_json(t->c, t->req, 201, &b, NULL);
}

static void done(struct sonde_job *job, int status)
{
	struct token_job *t = (struct token_job *)job;

	if (status == SONDE_OK)
		status = tokens_put(&t->c->tokens, t->hash, &t->facts);
	if (status != SONDE_OK)
		answer_busy(t->c, t->req, status);
	else if (t->secret[0])
		show(t);
	else
		answer_empty(t->c, t->req, 204);
	token_job_free(t);
}

static void submit(struct token_job *t)
{
	t->job.apply = apply;
	t->job.done = done;
	int rc = sonde_store_submit(t->c->store, &t->job);
	if (rc != SONDE_OK)
		done(&t->job, rc);
}

static struct token_job *job_new(struct call *call)
{
	struct token_job *t = calloc(1, sizeof(*t));

	if (!t) {
		answer_busy(call->c, call->req, SONDE_ENOMEM);
		return NULL;
	}
	t->c = call->c;
	t->req = call->req;
	sonde_pool_init(&t->pool, 1 << 14);
	return t;
}

void api_create_token(struct call *call)
{
	struct sonde_error e;
	struct create asked = { 0 };
	struct sonde_id id;
	char text[SONDE_ID_TEXT];

	json_t *body = call->view->body_len ? call_body(call) : json_object();
	if (!body)
		return;
	struct token_job *t = job_new(call);
	if (!t) {
		json_decref(body);
		return;
	}
	int rc = sonde_rows_fill(SONDE_ROWS(create_rows), body, &asked, &t->pool, &e);
	json_decref(body);
	if (rc != SONDE_OK) {
		answer_invalid(call, &e);
		token_job_free(t);
		return;
	}
	sonde_id_make(&call->c->ids, &id);
	sonde_id_format(&id, text);
	sonde_secret_make("reg", t->secret);
	sonde_secret_hash(t->secret, strlen(t->secret), t->hash);
	t->facts = (struct token_facts){
		.kind = TOKEN_REGISTRATION, .id = sonde_pool_strndup(&t->pool, text, strlen(text)),
		.description = asked.description, .region = asked.region,
		.created_ms = sonde_wall_ms(), .uses = asked.uses, .approve = asked.approve,
		.expires_ms = sonde_wall_ms() + asked.ttl_ns / SONDE_NS_PER_MS,
	};
	submit(t);
}

/* The nodes that came with it and were not removed. */
static void put_nodes(const struct nodes *nodes, const char *token, struct sonde_json *j)
{
	char id[SONDE_ID_TEXT];

	sonde_json_open(j, "nodes", '[');
	for (unsigned i = 0; i < nodes->len; i++) {
		const struct node *n = nodes->all[i];
		if (!n || !n->facts.token || strcmp(n->facts.token, token))
			continue;
		sonde_id_format(&n->id, id);
		sonde_json_open(j, NULL, '{');
		sonde_json_str(j, "id", id);
		sonde_json_str(j, "name", n->facts.name);
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

void api_list_tokens(struct call *call)
{
	struct token *token;
	struct sonde_buf b;
	struct sonde_json j;
	size_t at = 0;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	while ((token = sonde_map_next(&call->c->tokens.by_hash, &at))) {
		if (token->facts.kind != TOKEN_REGISTRATION)
			continue;
		sonde_json_open(&j, NULL, '{');
		token_describe(&token->facts, &j);
		put_nodes(&call->c->nodes, token->facts.id, &j);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_delete_token(struct call *call)
{
	struct token *token = tokens_by_id(&call->c->tokens, call->param);

	if (!token || token->facts.kind != TOKEN_REGISTRATION) {
		answer_not_found(call, "registration token");
		return;
	}
	struct token_job *t = job_new(call);
	if (!t)
		return;
	/* Texts stay valid: tokens are never freed while the controller runs, only replaced, and
	 * the copy in done() reads before it replaces. */
	t->facts = token->facts;
	t->facts.revoked = 1;
	memcpy(t->hash, token->hash, sizeof(t->hash));
	submit(t);
}
