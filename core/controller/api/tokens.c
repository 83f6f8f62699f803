/* SPDX-License-Identifier: Apache-2.0 */
/* Registration tokens: make, list, revoke. The text of a token is shown once, in the answer that
 * made it. */
#include "controller/tokens.h"

#include <string.h>

#include "controller/api/account.h"

enum { POOL = 16384 };

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

/* Also of a token that is revoked: then without a secret. */
static void stored(struct puts *p, int status)
{
	struct new_token *t = p->arg;
	struct sonde_buf b;
	struct sonde_json j;

	if (status == SONDE_OK)
		status = tokens_put(&p->c->tokens, t->hash, &t->facts);
	if (status != SONDE_OK) {
		answer_busy(p->c, p->req, status);
	} else if (t->facts.revoked) {
		answer_empty(p->c, p->req, 204);
	} else {
		sonde_buf_init(&b, 1 << 14);
		sonde_json_init(&j, &b);
		sonde_json_open(&j, NULL, '{');
		sonde_json_str(&j, "token", t->secret);
		token_describe(&t->facts, &j);
		sonde_json_close(&j);
		answer_json(p->c, p->req, 201, &b, NULL);
	}
	sonde_secret_wipe(t->secret, sizeof(t->secret));
}

static struct puts *begin(struct call *call, struct new_token **token)
{
	struct puts *p = puts_new(call->c, call->req, stored, POOL);

	if (p)
		p->arg = *token = sonde_pool_alloc(&p->pool, sizeof(**token));
	return p;
}

static void save(struct puts *p, const struct new_token *t)
{
	token_write(&t->facts, puts_add(p, SONDE_TABLE_TOKENS, t->hash, sizeof(t->hash), false));
	puts_submit(p);
}

void api_create_token(struct call *call)
{
	struct create asked = { 0 };
	struct new_token *t;
	struct puts *p = begin(call, &t);

	if (!p)
		return;
	if (!account_body(call, SONDE_ROWS(create_rows), &asked, &p->pool)) {
		puts_free(p);
		return;
	}
	token_make(t, &call->c->ids, TOKEN_REGISTRATION, "reg", asked.ttl_ns);
	t->facts.description = asked.description;
	t->facts.region = asked.region;
	t->facts.uses = asked.uses;
	t->facts.approve = asked.approve;
	save(p, t);
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
	struct new_token *t;
	struct puts *p = begin(call, &t);
	if (!p)
		return;
	/* Texts stay valid: tokens are never freed while the controller runs, only replaced, and
	 * tokens_put reads before it replaces. */
	t->facts = token->facts;
	t->facts.revoked = 1;
	memcpy(t->hash, token->hash, sizeof(t->hash));
	save(p, t);
}
