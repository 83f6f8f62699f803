/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that the API makes: registration tokens, with which nodes enrol; API tokens, which people make
 * for their programs; invitations, which administrators make for people. All are records of one table,
 * stored as hashes; the text of one is shown once, in the answer that made it. */
#include <string.h>

#include "base/clock.h"
#include "controller/api/account.h"
#include "controller/members.h"

enum { POOL = 16384, TOKENS_PER_USER = 64 };

#define DAY_NS (INT64_C(1000) * 86400)

struct asked {
	const char *description, *region, *scopes, *tier;
	int64_t ttl_ns, uses;
	uint32_t role;
	uint8_t approve;
};

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct asked, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param registration_rows[] = {
	ROW("description", STRING, description, "what it is for", .max = 256),
	ROW("region", STRING, region, "region given to nodes that name none", .max = 64),
	ROW("ttl", DURATION, ttl_ns, "how long it may be used", .def = "1h", .min = 1000,
	    .max = DAY_NS * 365),
	ROW("uses", INT, uses, "how many nodes may use it", .def = "1", .min = 1, .max = 100000),
	ROW("approve", BOOL, approve, "its nodes need no approval"),
	{ 0 },
};

static const struct sonde_param api_rows[] = {
	ROW("description", STRING, description, "what it is for", .max = 256),
	ROW("role", ENUM, role, "the most it may do", .def = "user", .names = user_roles),
	ROW("scopes", STRING, scopes, "comma list of read, measure, account, manage; nothing is all",
	    .max = 64),
	ROW("ttl", DURATION, ttl_ns, "how long it is good", .def = "2160h", .min = 1000,
	    .max = DAY_NS * 3660),
	{ 0 },
};

static const struct sonde_param invitation_rows[] = {
	ROW("description", STRING, description, "for whom", .max = 256),
	ROW("role", ENUM, role, "of who registers with it", .def = "user", .names = user_roles),
	ROW("tier", STRING, tier, "of who registers with it", .max = TIER_NAME_MAX),
	ROW("ttl", DURATION, ttl_ns, "how long it may be used", .def = "168h", .min = 1000,
	    .max = DAY_NS * 365),
	ROW("uses", INT, uses, "how many may register with it", .def = "1", .min = 1, .max = 100000),
	{ 0 },
};

static void describe_registration(const struct token_facts *, struct sonde_json *);
static void describe_account(const struct token_facts *, struct sonde_json *);

static const struct kind {
	const char *prefix; /* of its text */
	const char *shown;  /* the member of the answer that holds the text */
	const char *name;   /* in a sentence */
	bool stays;         /* a revoked one is still listed, and may be revoked again */
	void (*describe)(const struct token_facts *, struct sonde_json *);
} kinds[] = {
	[TOKEN_REGISTRATION] = { "reg", "token", "registration token", true, describe_registration },
	[TOKEN_API] = { "pat", "token", "API token", false, describe_account },
	[TOKEN_INVITATION] = { "inv", "invitation", "invitation", false, describe_account },
};

struct making {
	struct new_token token; /* texts in the job's pool; when revoking, of a token in memory */
	struct user *user;      /* whose API token it is, else NULL */
};

static void describe_registration(const struct token_facts *f, struct sonde_json *j)
{
	sonde_json_str(j, "id", f->id);
	sonde_json_str(j, "description", f->description ? f->description : "");
	sonde_json_str(j, "region", f->region);
	member_time_or_null(j, "createdAt", f->created_ms);
	member_time_or_null(j, "expiresAt", f->expires_ms);
	sonde_json_int(j, "uses", f->uses);
	sonde_json_int(j, "used", f->used);
	sonde_json_bool(j, "approve", f->approve);
	sonde_json_bool(j, "revoked", f->revoked);
	sonde_json_bool(j, "usable", !token_refusal(f, sonde_wall_ms()));
	sonde_json_str(j, "node", f->last_node);
}

static void describe_account(const struct token_facts *f, struct sonde_json *j)
{
	sonde_json_str(j, "id", f->id);
	sonde_json_str(j, "description", f->description ? f->description : "");
	sonde_json_str(j, "role", user_roles[f->role]);
	if (f->kind == TOKEN_API)
		sonde_json_str(j, "scopes", f->scopes ? f->scopes : "");
	if (f->kind == TOKEN_INVITATION) {
		sonde_json_str(j, "tier", f->tier);
		sonde_json_int(j, "uses", f->uses);
		sonde_json_int(j, "used", f->used);
	}
	member_time_or_null(j, "createdAt", f->created_ms);
	member_time_or_null(j, "expiresAt", f->expires_ms);
	sonde_json_bool(j, "usable", !token_refusal(f, sonde_wall_ms()));
}

/* ---- making ---- */

/* Also of a token that is revoked: then without a secret. */
static void stored(struct puts *p, int status)
{
	struct making *m = p->arg;
	struct new_token *t = &m->token;
	const struct kind *kind = &kinds[t->facts.kind];
	struct sonde_buf b;
	struct sonde_json j;

	if (status == SONDE_OK)
		status = tokens_put(&p->c->tokens, t->hash, &t->facts);
	if (m->user && (status == SONDE_OK) == (bool)t->facts.revoked && m->user->tokens)
		m->user->tokens--;
	if (status != SONDE_OK) {
		answer_busy(p->c, p->req, status);
	} else if (t->facts.revoked) {
		answer_empty(p->c, p->req, 204);
	} else {
		sonde_buf_init(&b, 1 << 14);
		sonde_json_init(&j, &b);
		sonde_json_open(&j, NULL, '{');
		sonde_json_str(&j, kind->shown, t->secret);
		kind->describe(&t->facts, &j);
		sonde_json_close(&j);
		answer_json(p->c, p->req, 201, &b, NULL);
	}
	sonde_secret_wipe(t->secret, sizeof(t->secret));
}

static struct making *making_new(struct puts *p, struct user *user)
{
	struct making *m = p->arg = sonde_pool_alloc(&p->pool, sizeof(*m));

	m->user = user;
	return m;
}

static void save(struct puts *p)
{
	const struct making *m = p->arg;
	const struct new_token *t = &m->token;

	token_write(&t->facts, puts_add(p, SONDE_TABLE_TOKENS, t->hash, sizeof(t->hash), false));
	puts_submit(p);
}

static void make(struct call *call, struct puts *p, const struct asked *asked, enum token_kind kind,
                 struct user *user)
{
	struct making *m = making_new(p, user);
	struct token_facts *f = &m->token.facts;

	token_make(&m->token, &call->c->ids, kind, kinds[kind].prefix, asked->ttl_ns);
	f->description = asked->description;
	f->region = asked->region;
	f->approve = asked->approve;
	f->role = asked->role;
	f->scopes = asked->scopes;
	f->tier = asked->tier;
	f->uses = asked->uses;
	f->owner = user ? puts_keep(p, user->facts.id) : NULL;
	if (kind != TOKEN_REGISTRATION)
		audit_note(call, "id=%s role=%s", m->token.id, user_roles[asked->role]);
	save(p);
}

void api_create_token(struct call *call)
{
	struct asked asked = { 0 };
	struct puts *p = puts_new(call->c, call->req, stored, POOL);

	if (!p)
		return;
	if (account_body(call, SONDE_ROWS(registration_rows), &asked, &p->pool))
		make(call, p, &asked, TOKEN_REGISTRATION, NULL);
	else
		puts_free(p);
}

static void invalid(struct call *call, const char *field, const char *text)
{
	struct sonde_error e;

	sonde_fail(&e, SONDE_EINVAL, field, "%s", text);
	answer_invalid(call, &e);
}

void api_create_api_token(struct call *call)
{
	struct user *user = account_own(call);
	struct asked asked = { 0 };
	struct puts *p = user ? puts_new(call->c, call->req, stored, POOL) : NULL;

	if (!p)
		return;
	if (account_body(call, SONDE_ROWS(api_rows), &asked, &p->pool)) {
		if (!scopes_parse(asked.scopes))
			invalid(call, "scopes", "must be of read, measure, account, manage");
		else if (scopes_parse(asked.scopes) & ~call->who.scopes)
			invalid(call, "scopes", "must not be more than those of the token that asks");
		else if (role_of_index(asked.role) > call->who.role)
			invalid(call, "role", "must not be more than the own");
		else if (user->tokens >= TOKENS_PER_USER)
			invalid(call, "", "there are 64 tokens already; revoke one");
		else {
			user->tokens++;
			make(call, p, &asked, TOKEN_API, user);
			return;
		}
	}
	puts_free(p);
}

void api_create_invitation(struct call *call)
{
	struct asked asked = { 0 };
	struct puts *p = puts_new(call->c, call->req, stored, POOL);

	if (!p)
		return;
	if (account_body(call, SONDE_ROWS(invitation_rows), &asked, &p->pool)) {
		struct sonde_error e;
		if (tiers_check(&call->c->accounts.tiers, asked.tier, &e) == SONDE_OK) {
			make(call, p, &asked, TOKEN_INVITATION, NULL);
			return;
		}
		answer_invalid(call, &e);
	}
	puts_free(p);
}

/* ---- listing ---- */

/* The nodes that came with it and were not removed. */
static void put_nodes(const struct nodes *nodes, const char *token, struct sonde_json *j)
{
	sonde_json_open(j, "nodes", '[');
	for (unsigned i = 0; i < nodes->len; i++) {
		const struct node *n = nodes->all[i];
		if (!n || !n->facts.token || strcmp(n->facts.token, token))
			continue;
		sonde_json_open(j, NULL, '{');
		member_id(j, "id", &n->id);
		sonde_json_str(j, "name", n->facts.name);
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

static bool may_see(const struct token_facts *f, enum token_kind kind, const struct user *owner)
{
	return f->kind == kind && (!f->revoked || kinds[kind].stays) &&
	       (!owner || (f->owner && !strcmp(f->owner, owner->facts.id)));
}

static void list(struct call *call, enum token_kind kind, const struct user *owner)
{
	struct token *token;
	struct sonde_buf b;
	struct sonde_json j;
	size_t at = 0;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	while ((token = sonde_map_next(&call->c->tokens.by_hash, &at))) {
		if (!may_see(&token->facts, kind, owner))
			continue;
		sonde_json_open(&j, NULL, '{');
		kinds[kind].describe(&token->facts, &j);
		if (kind == TOKEN_REGISTRATION)
			put_nodes(&call->c->nodes, token->facts.id, &j);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_list_tokens(struct call *call)
{
	list(call, TOKEN_REGISTRATION, NULL);
}

void api_list_api_tokens(struct call *call)
{
	const struct user *user = account_own(call);

	if (user)
		list(call, TOKEN_API, user);
}

void api_list_invitations(struct call *call)
{
	list(call, TOKEN_INVITATION, NULL);
}

/* ---- revoking ---- */

static void revoke_token(struct call *call, enum token_kind kind, struct user *owner)
{
	const struct token *t = tokens_by_id(&call->c->tokens, call->param);

	/* Another's token is answered like one that is not there. */
	if (!t || !may_see(&t->facts, kind, owner)) {
		answer_not_found(call, kinds[kind].name);
		return;
	}
	struct puts *p = puts_new(call->c, call->req, stored, POOL);
	if (!p)
		return;
	struct making *m = making_new(p, owner);
	/* Texts stay valid: tokens are never freed while the controller runs, only replaced, and
	 * tokens_put reads before it replaces. */
	m->token.facts = t->facts;
	m->token.facts.revoked = 1;
	memcpy(m->token.hash, t->hash, sizeof(m->token.hash));
	save(p);
}

void api_delete_token(struct call *call)
{
	revoke_token(call, TOKEN_REGISTRATION, NULL);
}

void api_delete_api_token(struct call *call)
{
	struct user *user = account_own(call);

	if (user)
		revoke_token(call, TOKEN_API, user);
}

void api_delete_invitation(struct call *call)
{
	revoke_token(call, TOKEN_INVITATION, NULL);
}
