/* SPDX-License-Identifier: Apache-2.0 */
/* New users, by an administrator or by registering. A use of an invitation is counted when the request
 * comes and given back when nothing comes of it. */
#include <string.h>

#include "base/clock.h"
#include "controller/api/sign.h"

enum { REGISTRATIONS_PER_HOUR = 20 };

struct created {
	struct user_facts facts;
	uint8_t invitation[SONDE_HASH_BYTES];
	bool invited, sign_in;
	char from[64];
};

static void answer_taken(struct controller *c, struct sonde_req *req)
{
	answer_error(c, req, 409, "conflict", "There is a user of this name.", "name",
	             "\"name\" is taken");
}

static void created_done(struct puts *p, int status)
{
	struct created *cr = p->arg;
	struct user *user = status == SONDE_OK ? users_put(&p->c->accounts.users, &cr->facts) : NULL;
	struct sonde_buf b;
	struct sonde_json j;

	if (!user && cr->invited)
		uninvite(p->c, cr->invitation);
	if (status == SONDE_EEXIST) {
		answer_taken(p->c, p->req);
	} else if (!user) {
		answer_busy(p->c, p->req, status == SONDE_OK ? SONDE_ENOMEM : status);
	} else if (cr->sign_in) {
		open_session(p->c, p->req, user, cr->from, NULL, 201);
	} else {
		sonde_buf_init(&b, 1 << 14);
		sonde_json_init(&j, &b);
		sonde_json_open(&j, NULL, '{');
		user_describe(user, &j);
		sonde_json_close(&j);
		answer_json(p->c, p->req, 201, &b, NULL);
	}
}

static void create_then(struct sign *s)
{
	struct puts *p = s->job.made ? puts_new(s->c, s->req, created_done, SIGN_POOL) : NULL;

	if (!p) {
		if (!s->job.made)
			answer_busy(s->c, s->req, SONDE_ENOMEM);
		if (s->invited)
			uninvite(s->c, s->invitation);
		return;
	}
	struct created *cr = sonde_pool_alloc(&p->pool, sizeof(*cr));
	struct user_facts *f = &cr->facts;
	p->arg = cr;
	*f = s->facts;
	f->password = s->job.hash;
	const char **texts[] = { &f->id, &f->name, &f->display, &f->email, &f->tier, &f->password,
		                 &f->invited };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = puts_keep(p, *texts[i]);
	cr->invited = s->invited;
	cr->sign_in = s->sign_in;
	memcpy(cr->invitation, s->invitation, sizeof(cr->invitation));
	memcpy(cr->from, s->from, sizeof(cr->from));
	user_write(f, puts_add(p, SONDE_TABLE_USERS, f->name, strlen(f->name), true));
	const struct token *t = s->invited ? tokens_by_hash(&s->c->tokens, s->invitation) : NULL;
	if (t)
		token_write(&t->facts,
		            puts_add(p, SONDE_TABLE_TOKENS, t->hash, sizeof(t->hash), false));
	puts_submit(p);
}

void account_create(struct call *call, const struct new_user *asked)
{
	char name[USER_NAME_MAX + 1], id_text[SONDE_ID_TEXT];
	const char *why = user_name_take(asked->name, name);
	struct sonde_error e;
	struct sonde_id id;

	if (why) {
		sonde_fail(&e, SONDE_EINVAL, "name", "%s", why);
		answer_invalid(call, &e);
		return;
	}
	if (!good_password(call, "password", asked->password, name))
		return;
	if (users_by_name(&call->c->accounts.users, name)) {
		answer_taken(call->c, call->req);
		return;
	}
	struct sign *s = sign_new(call, asked->password, create_then);
	if (!s)
		return;
	sonde_id_make(&call->c->ids, &id);
	sonde_id_format(&id, id_text);
	s->facts = (struct user_facts){ .id = id_text, .name = name, .display = asked->display,
		                        .email = asked->email, .tier = asked->tier,
		                        .invited = asked->invited, .role = asked->role,
		                        .version = 1, .created_ms = sonde_wall_ms() };
	const char **texts[] = { &s->facts.id, &s->facts.name, &s->facts.display, &s->facts.email,
		                 &s->facts.tier, &s->facts.invited };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = *texts[i] ?
			sonde_pool_strndup(&s->pool, *texts[i], strlen(*texts[i])) : NULL;
	s->sign_in = asked->sign_in;
	s->job.make = s->job.always_make = true;
	if (asked->invitation) {
		/* Counted at once: two registrations must not share the last use. */
		struct token *t = tokens_by_hash(&call->c->tokens, asked->invitation);
		memcpy(s->invitation, asked->invitation, sizeof(s->invitation));
		s->invited = true;
		t->facts.used++;
	}
	audit_note(call, "name=%s role=%s", name, user_roles[asked->role]);
	sign_submit(s);
}

struct application {
	const char *name, *password, *display, *email, *invitation;
};

#define ROW(s, n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct s, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param register_rows[] = {
	ROW(application, "name", STRING, name, "to log in with", .max = USER_NAME_MAX,
	    .flags = SONDE_PARAM_REQUIRED),
	ROW(application, "password", STRING, password, "8 to 1024 bytes", .max = SONDE_PASSWORD_MAX,
	    .flags = SONDE_PARAM_REQUIRED | SONDE_PARAM_SECRET),
	ROW(application, "display", STRING, display, "as shown", .max = 128),
	ROW(application, "email", STRING, email, "to be reached at", .max = 254),
	ROW(application, "invitation", STRING, invitation, "when only the invited may register",
	    .max = 128, .flags = SONDE_PARAM_SECRET),
	{ 0 },
};

/* The invitation that is good now, into *hash; the sentence why not, or NULL. */
static const char *check_invitation(struct controller *c, const char *text, uint8_t *hash)
{
	sonde_secret_hash(text, strlen(text), hash);
	const struct token *t = tokens_by_hash(&c->tokens, hash);

	if (!t || t->facts.kind != TOKEN_INVITATION)
		return "The invitation is not known.";
	return token_refusal(&t->facts, sonde_wall_ms());
}

static void forbid(struct call *call, const char *why)
{
	answer_error(call->c, call->req, 403, "forbidden", why, NULL, NULL);
}

static void register_asked(struct call *call, const struct application *asked)
{
	struct controller *c = call->c;
	struct new_user user = { .name = asked->name, .password = asked->password,
		                 .display = asked->display, .email = asked->email, .role = 1,
		                 .sign_in = true };
	uint8_t hash[SONDE_HASH_BYTES];
	char from[64], key[LIMIT_KEY_MAX];
	int64_t now = sonde_boottime_ns();

	const char *why = asked->invitation ? check_invitation(c, asked->invitation, hash) :
			  c->options.registration == REGISTRATION_OPEN ? NULL :
			  "Registration is by invitation.";
	if (why) {
		forbid(call, why);
		return;
	}
	limit_address(call->view->peer, from);
	snprintf(key, sizeof(key), "registered:%s", from);
	if (!limits_use(&c->accounts.limits, key, 1, REGISTRATIONS_PER_HOUR, LIMIT_WINDOW_S, now)) {
		answer_later(c, call->req, (unsigned)limits_look(&c->accounts.limits, key,
		             REGISTRATIONS_PER_HOUR, now).reset_s);
		return;
	}
	if (asked->invitation) {
		const struct token *t = tokens_by_hash(&c->tokens, hash);
		user.invitation = hash;
		user.invited = t->facts.id;
		user.role = t->facts.role;
		user.tier = t->facts.tier;
	}
	account_create(call, &user);
}

void api_register(struct call *call)
{
	struct application asked = { 0 };
	struct sonde_pool pool;

	if (call->c->options.registration == REGISTRATION_OFF) {
		forbid(call, "Registration is off; ask an administrator for an account.");
		return;
	}
	sonde_pool_init(&pool, SIGN_POOL);
	if (account_body(call, SONDE_ROWS(register_rows), &asked, &pool))
		register_asked(call, &asked);
	sonde_pool_deinit(&pool);
}
