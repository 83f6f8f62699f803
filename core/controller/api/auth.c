/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in and out, refreshing, changing the password. A refused log-in takes as long and says the
 * same whether the user exists or not. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/sign.h"
#include "controller/jwt.h"

enum { LOGIN_WINDOW_S = 300, KNOWN_S = 30 * 86400 };

/* ---- sessions ---- */

struct opened {
	struct sonde_id id;
	struct user_change *change; /* NULL = the user stays as he is */
	unsigned status;
};

static void answer_tokens(struct controller *c, struct sonde_req *req, const struct session *s,
                          unsigned status)
{
	char refresh[REFRESH_TEXT];
	int64_t now_s = sonde_wall_ms() / 1000;
	struct jwt_claims claims = { .version = s->version, .issued_s = now_s,
		                     .expires_s = now_s + JWT_LIFE_S };
	struct sonde_buf b, access;
	struct sonde_json j;

	memcpy(claims.session, s->id_text, sizeof(claims.session));
	snprintf(claims.user, sizeof(claims.user), "%s", s->user->facts.id);
	sonde_buf_init(&access, JWT_TEXT_MAX);
	sonde_buf_init(&b, 1 << 14);
	sonde_json_init(&j, &b);
	if (jwt_make(c->accounts.keys.access, &claims, &access) != SONDE_OK)
		b.failed = true;
	refresh_make(&c->accounts.keys, s, refresh);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "token", sonde_buf_cstr(&access));
	sonde_json_int(&j, "expiresIn", JWT_LIFE_S);
	sonde_json_str(&j, "refreshToken", refresh);
	sonde_json_open(&j, "user", '{');
	user_describe(s->user, &j);
	sonde_json_close(&j);
	sonde_json_close(&j);
	sonde_secret_wipe(refresh, sizeof(refresh));
	sonde_buf_deinit(&access);
	answer_json(c, req, status, &b, NULL);
}

static void opened_done(struct puts *p, int status)
{
	struct opened *o = p->arg;
	struct session *s = sessions_get(&p->c->accounts.sessions, &o->id);

	if (o->change) {
		/* The session was made for the record as it is from now on. */
		change_user_done(p->c, o->change, status);
	}
	if (status == SONDE_OK && s && session_is_good(s, sonde_wall_ms())) {
		answer_tokens(p->c, p->req, s, o->status);
		return;
	}
	if (s)
		session_end(s);
	if (status != SONDE_OK)
		answer_busy(p->c, p->req, status);
	else
		answer_error(p->c, p->req, 401, "unauthorized", "The account has changed; log in again.",
		             NULL, NULL);
}

void open_session(struct controller *c, struct sonde_req *req, struct user *user, const char *from,
                  const struct user_facts *facts, unsigned status)
{
	struct puts *p = puts_new(c, req, opened_done, SIGN_POOL);
	struct sessions *all = &c->accounts.sessions;

	if (!p)
		return;
	struct opened *o = sonde_pool_alloc(&p->pool, sizeof(*o));
	p->arg = o;
	o->status = status;
	sonde_id_make(&c->ids, &o->id);
	struct session *s = session_open(all, &o->id, user, from), *old;
	if (!s) {
		answer_busy(c, req, SONDE_ENOMEM);
		puts_free(p);
		return;
	}
	if (facts) {
		o->change = sonde_pool_alloc(&p->pool, sizeof(*o->change));
		*o->change = (struct user_change){ .user = user, .facts = *facts };
		o->change->facts.password = puts_keep(p, facts->password);
		s->version = facts->version;
		change_user_write(p, o->change);
	}
	session_write(s, puts_add(p, SONDE_TABLE_SESSIONS, s->id.b, sizeof(s->id.b), true));
	old = sessions_surplus(all, user);
	if (old && old != s) {
		session_end(old);
		puts_remove(p, SONDE_TABLE_SESSIONS, old->id.b, sizeof(old->id.b));
	}
	puts_submit(p);
}

/* ---- logging in ---- */

struct login {
	const char *name, *password, *new_password;
};

#define ROW(s, n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct s, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param login_rows[] = {
	ROW(login, "name", STRING, name, "of the user", .max = USER_NAME_MAX,
	    .flags = SONDE_PARAM_REQUIRED),
	ROW(login, "password", STRING, password, "of the user", .max = SONDE_PASSWORD_MAX,
	    .flags = SONDE_PARAM_REQUIRED | SONDE_PARAM_SECRET),
	{ 0 },
};

/* A try counts as failed from its start: otherwise a thousand at once would all be the first. Guesses at
 * others, from the same address, do not keep a user out of it who has logged in there before. */
static bool may_try(struct call *call, struct sign *s)
{
	struct limits *l = &call->c->accounts.limits;
	int64_t now = sonde_boottime_ns();
	int64_t most = call->c->options.logins_per_address;

	snprintf(s->try_key, sizeof(s->try_key), "try:%s|%s", s->name, s->from);
	snprintf(s->address_key, sizeof(s->address_key), "tries:%s", s->from);
	snprintf(s->known_key, sizeof(s->known_key), "known:%s|%s", s->name, s->from);
	s->known = limits_is_noted(l, s->known_key, now);
	unsigned wait = limits_wait(l, s->try_key, now);
	if (!wait && !s->known && !limits_use(l, s->address_key, 1, most, LOGIN_WINDOW_S, now)) {
		wait = (unsigned)limits_look(l, s->address_key, most, now).reset_s;
		wait = wait ? wait : 1;
	}
	if (wait)
		answer_later(call->c, call->req, wait);
	else
		limits_failed(l, s->try_key, now);
	return !wait;
}

static void try_was_good(struct sign *s)
{
	struct limits *l = &s->c->accounts.limits;
	int64_t now = sonde_boottime_ns();

	limits_forget(l, s->try_key);
	if (!s->known)
		limits_return(l, s->address_key, 1, now);
	limits_note(l, s->known_key, KNOWN_S, now);
}

static void refuse_login(struct sign *s)
{
	sonde_log(SONDE_LOG_WARN, "accounts", "log-in as %s from %s was refused", s->name, s->from);
	answer_error(s->c, s->req, 401, "unauthorized", "The name or the password is wrong.", NULL,
	             NULL);
}

static void login_then(struct sign *s)
{
	struct user *user = users_by_name(&s->c->accounts.users, s->name);
	struct user_facts facts;

	if (!s->job.matched || !user || user->facts.disabled || user->facts.version != s->version) {
		refuse_login(s);
		return;
	}
	try_was_good(s);
	facts = user->facts;
	facts.password = s->job.hash;
	open_session(s->c, s->req, user, s->from, s->job.made && !user->busy ? &facts : NULL, 200);
}

void api_login(struct call *call)
{
	struct login asked = { 0 };
	struct sonde_pool pool;
	struct sign *s = NULL;

	sonde_pool_init(&pool, SIGN_POOL);
	if (account_body(call, SONDE_ROWS(login_rows), &asked, &pool))
		s = sign_new(call, asked.password, login_then);
	if (s) {
		user_name_take(asked.name, s->name);
		s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789._-@+")] = '\0';
		const struct user *user = users_by_name(&call->c->accounts.users, s->name);
		memcpy(s->job.hash, call->c->accounts.nobody, sizeof(s->job.hash));
		if (user && user->facts.password)
			snprintf(s->job.hash, sizeof(s->job.hash), "%s", user->facts.password);
		s->version = user ? user->facts.version : 0;
		s->job.verify = true;
		s->job.make = user != NULL;
		if (may_try(call, s))
			sign_submit(s);
		else
			sign_free(s);
	}
	sonde_pool_deinit(&pool);
}

/* ---- refreshing and logging out ---- */

struct refresh {
	const char *token;
	uint8_t all;
};

static const struct sonde_param refresh_rows[] = {
	ROW(refresh, "refreshToken", STRING, token, "the refresh token", .max = REFRESH_TEXT,
	    .flags = SONDE_PARAM_SECRET),
	ROW(refresh, "all", BOOL, all, "all sessions of the user"),
	{ 0 },
};

static void ended(struct puts *p, int status)
{
	if (!p->req)
		return;
	if (status != SONDE_OK)
		answer_busy(p->c, p->req, status);
	else
		answer_empty(p->c, p->req, 204);
}

/* req NULL: answered already. */
static void end_session(struct controller *c, struct sonde_req *req, struct session *s)
{
	struct puts *p = puts_new(c, req, ended, 0);

	session_end(s);
	if (!p)
		return;
	puts_remove(p, SONDE_TABLE_SESSIONS, s->id.b, sizeof(s->id.b));
	puts_submit(p);
}

static void refuse_refresh(struct call *call, const char *why)
{
	answer_error(call->c, call->req, 401, "unauthorized", why, NULL, NULL);
}

/* The session of a refresh token that is good now, or NULL after an answer. */
static struct session *take_refresh(struct call *call, const char *token)
{
	struct sonde_id id;
	int64_t generation;

	if (!token || !refresh_read(&call->c->accounts.keys, token, &id, &generation)) {
		refuse_refresh(call, "The refresh token is not known.");
		return NULL;
	}
	struct session *s = sessions_get(&call->c->accounts.sessions, &id);
	if (!s || !session_is_good(s, sonde_wall_ms())) {
		refuse_refresh(call, "The session has ended; log in again.");
		return NULL;
	}
	if (generation == s->generation)
		return s;
	sonde_log(SONDE_LOG_WARN, "accounts", "an old refresh token of %s was used from %s: its "
	          "session has ended", s->user->facts.name, call->view->peer);
	refuse_refresh(call, "The refresh token was used before: the session has ended; log in again.");
	end_session(call->c, NULL, s);
	return NULL;
}

void api_refresh(struct call *call)
{
	struct refresh asked = { 0 };
	struct sonde_pool pool;
	struct session *s = NULL;

	sonde_pool_init(&pool, SIGN_POOL);
	if (account_body(call, SONDE_ROWS(refresh_rows), &asked, &pool))
		s = take_refresh(call, asked.token);
	sonde_pool_deinit(&pool);
	struct puts *p = s ? puts_new(call->c, call->req, opened_done, SIGN_POOL) : NULL;
	if (!p)
		return;
	/* From now on, not from the commit on: a second use of the old token must not win a race. */
	s->generation++;
	s->used_ms = sonde_wall_ms();
	snprintf(s->from, sizeof(s->from), "%s", call->view->peer);
	struct opened *o = sonde_pool_alloc(&p->pool, sizeof(*o));
	*o = (struct opened){ .id = s->id, .status = 200 };
	p->arg = o;
	session_write(s, puts_add(p, SONDE_TABLE_SESSIONS, s->id.b, sizeof(s->id.b), false));
	puts_submit(p);
}

void api_logout(struct call *call)
{
	struct refresh asked = { 0 };
	struct sonde_pool pool;
	struct user_change *ch;
	struct session *s = NULL;

	sonde_pool_init(&pool, SIGN_POOL);
	if (account_body(call, SONDE_ROWS(refresh_rows), &asked, &pool))
		s = call->who.session && !asked.token ? call->who.session :
						        take_refresh(call, asked.token);
	sonde_pool_deinit(&pool);
	if (s && !asked.all) {
		end_session(call->c, call->req, s);
		return;
	}
	struct puts *p = s ? change_user(call, s->user, &ch) : NULL;
	if (p) {
		ch->facts.version++;
		change_user_save(p, true);
	}
}

/* ---- passwords ---- */

static const struct sonde_param password_rows[] = {
	ROW(login, "password", STRING, password, "the one of now", .max = SONDE_PASSWORD_MAX,
	    .flags = SONDE_PARAM_REQUIRED | SONDE_PARAM_SECRET),
	ROW(login, "newPassword", STRING, new_password, "the new one", .max = SONDE_PASSWORD_MAX,
	    .flags = SONDE_PARAM_REQUIRED | SONDE_PARAM_SECRET),
	{ 0 },
};

/* The user as he is now, when nothing changed since the request came; else NULL after an answer. */
static struct user *unchanged(struct sign *s)
{
	struct user *user = users_by_name(&s->c->accounts.users, s->name);

	if (user && !user->busy && !user->facts.disabled && user->facts.version == s->version)
		return user;
	answer_error(s->c, s->req, 409, "conflict", "The account has changed meanwhile; try again.",
	             NULL, NULL);
	return NULL;
}

static void password_made(struct sign *s)
{
	struct user *user = s->job.made ? unchanged(s) : NULL;
	struct user_facts facts;

	if (!s->job.made)
		answer_busy(s->c, s->req, SONDE_ENOMEM);
	if (!user)
		return;
	facts = user->facts;
	facts.password = s->job.hash;
	facts.version++;
	open_session(s->c, s->req, user, s->from, &facts, 200);
}

/* The old one held: the same job goes round again for the new one. */
static void password_checked(struct sign *s)
{
	if (!s->job.matched) {
		refuse_login(s);
		return;
	}
	try_was_good(s);
	struct sign *again = sign_next(s, s->facts.password, password_made);
	if (!again)
		return;
	sonde_secret_wipe((char *)s->facts.password, again->job.len);
	again->job.make = again->job.always_make = true;
	sign_submit(again);
}

void api_password(struct call *call)
{
	const struct user *user = account_own(call);
	struct login asked = { 0 };
	struct sonde_pool pool;
	struct sign *s = NULL;

	sonde_pool_init(&pool, SIGN_POOL);
	if (user && account_body(call, SONDE_ROWS(password_rows), &asked, &pool) &&
	    good_password(call, "newPassword", asked.new_password, user->facts.name))
		s = sign_new(call, asked.password, password_checked);
	if (s) {
		memcpy(s->name, user->facts.name, strlen(user->facts.name) + 1);
		memcpy(s->job.hash, user->facts.password, strlen(user->facts.password) + 1);
		s->facts.password = sonde_pool_strndup(&s->pool, asked.new_password,
		                                       strlen(asked.new_password));
		s->version = user->facts.version;
		s->job.verify = true;
		if (may_try(call, s))
			sign_submit(s);
		else
			sign_free(s);
	}
	sonde_pool_deinit(&pool);
}

/* ---- set by an administrator ---- */

static void set_then(struct sign *s)
{
	struct user *user = users_by_name(&s->c->accounts.users, s->name);

	struct puts *p = user && !user->busy ? puts_new(s->c, s->req, NULL, SIGN_POOL) : NULL;
	if (!user || user->busy)
		answer_error(s->c, s->req, 409, "conflict", "Another change is being stored.", NULL,
		             NULL);
	if (!p)
		return;
	struct user_change *ch = sonde_pool_alloc(&p->pool, sizeof(*ch));
	*ch = (struct user_change){ .user = user, .facts = user->facts };
	ch->facts.password = puts_keep(p, s->job.hash);
	ch->facts.version++;
	p->arg = ch;
	change_user_save(p, true);
}

void account_set_password(struct call *call, struct user *user, const char *password)
{
	if (!good_password(call, "password", password, user->facts.name))
		return;
	struct sign *s = sign_new(call, password, set_then);
	if (!s)
		return;
	memcpy(s->name, user->facts.name, strlen(user->facts.name) + 1);
	s->job.make = s->job.always_make = true;
	sign_submit(s);
}
