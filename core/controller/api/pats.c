/* SPDX-License-Identifier: Apache-2.0 */
/* API tokens, which people make for their programs, and invitations, which administrators make for
 * people. Both are shown once and stored as hashes, in the table of tokens. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/account.h"

enum { POOL = 16384, TOKENS_PER_USER = 64 };

#define DAY_NS (INT64_C(1000) * 86400)

struct asked {
	const char *description, *scopes, *tier;
	int64_t ttl_ns, uses;
	uint32_t role;
};

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct asked, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param token_rows[] = {
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

struct making {
	struct new_token token; /* texts in the job's pool; when revoking, of a token in memory */
	struct user *user;
};

static void describe(const struct token_facts *f, struct sonde_json *j)
{
	char when[SONDE_TIME_TEXT];

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
	sonde_format_time(when, f->created_ms);
	sonde_json_str(j, "createdAt", when);
	sonde_format_time(when, f->expires_ms);
	sonde_json_str(j, "expiresAt", f->expires_ms ? when : NULL);
	sonde_json_bool(j, "usable", !token_refusal(f, sonde_wall_ms()));
}

static void made(struct puts *p, int status)
{
	struct making *m = p->arg;
	struct new_token *t = &m->token;
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
		sonde_json_str(&j, t->facts.kind == TOKEN_API ? "token" : "invitation", t->secret);
		describe(&t->facts, &j);
		sonde_json_close(&j);
		answer_json(p->c, p->req, 201, &b, NULL);
	}
	sonde_secret_wipe(t->secret, sizeof(t->secret));
}

static void save(struct puts *p, struct making *m)
{
	const struct new_token *t = &m->token;

	token_write(&t->facts, puts_add(p, SONDE_TABLE_TOKENS, t->hash, sizeof(t->hash), false));
	puts_submit(p);
}

static void make(struct call *call, struct puts *p, const struct asked *asked, enum token_kind kind,
                 const char *prefix, struct user *user)
{
	struct making *m = sonde_pool_alloc(&p->pool, sizeof(*m));
	struct token_facts *f = &m->token.facts;

	p->arg = m;
	m->user = user;
	token_make(&m->token, &call->c->ids, kind, prefix, asked->ttl_ns);
	f->description = asked->description;
	f->role = asked->role;
	f->scopes = asked->scopes;
	f->tier = asked->tier;
	f->uses = asked->uses;
	f->owner = user ? puts_keep(p, user->facts.id) : NULL;
	audit_note(call, "id=%s role=%s", m->token.id, user_roles[asked->role]);
	save(p, m);
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
	struct puts *p = user ? puts_new(call->c, call->req, made, POOL) : NULL;

	if (!p)
		return;
	if (account_body(call, SONDE_ROWS(token_rows), &asked, &p->pool)) {
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
			make(call, p, &asked, TOKEN_API, "pat", user);
			return;
		}
	}
	puts_free(p);
}

void api_create_invitation(struct call *call)
{
	struct asked asked = { 0 };
	struct puts *p = puts_new(call->c, call->req, made, POOL);

	if (!p)
		return;
	if (account_body(call, SONDE_ROWS(invitation_rows), &asked, &p->pool)) {
		struct sonde_error e;
		if (tiers_check(&call->c->accounts.tiers, asked.tier, &e) == SONDE_OK) {
			make(call, p, &asked, TOKEN_INVITATION, "inv", NULL);
			return;
		}
		answer_invalid(call, &e);
	}
	puts_free(p);
}

static void list(struct call *call, uint32_t kind, const char *owner)
{
	struct token *token;
	struct sonde_buf b;
	struct sonde_json j;
	size_t at = 0;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	while ((token = sonde_map_next(&call->c->tokens.by_hash, &at))) {
		const struct token_facts *f = &token->facts;
		if (f->kind != kind || f->revoked ||
		    (owner && (!f->owner || strcmp(f->owner, owner))))
			continue;
		sonde_json_open(&j, NULL, '{');
		describe(f, &j);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_list_api_tokens(struct call *call)
{
	const struct user *user = account_own(call);

	if (user)
		list(call, TOKEN_API, user->facts.id);
}

void api_list_invitations(struct call *call)
{
	list(call, TOKEN_INVITATION, NULL);
}

static void revoke_one(struct call *call, uint32_t kind, struct user *user, const char *what)
{
	const struct token *t = tokens_by_id(&call->c->tokens, call->param);

	/* Another's token is answered like one that is not there. */
	if (!t || t->facts.kind != kind || t->facts.revoked ||
	    (user && (!t->facts.owner || strcmp(t->facts.owner, user->facts.id)))) {
		answer_not_found(call, what);
		return;
	}
	struct puts *p = puts_new(call->c, call->req, made, POOL);
	if (!p)
		return;
	struct making *m = sonde_pool_alloc(&p->pool, sizeof(*m));
	p->arg = m;
	m->token.facts = t->facts;
	m->token.facts.revoked = 1;
	m->user = user;
	memcpy(m->token.hash, t->hash, sizeof(m->token.hash));
	save(p, m);
}

void api_delete_api_token(struct call *call)
{
	struct user *user = account_own(call);

	if (user)
		revoke_one(call, TOKEN_API, user, "API token");
}

void api_delete_invitation(struct call *call)
{
	revoke_one(call, TOKEN_INVITATION, NULL, "invitation");
}
