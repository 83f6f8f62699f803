/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies, and changes of one user: one at a time for each user, so that two changes cannot undo
 * each other; the second is told to come again. */
#include "controller/api/account.h"

#include <string.h>

#include "base/clock.h"

enum { CHANGE_POOL = 16384 };

bool account_body(struct call *call, struct sonde_rows rows, void *out, struct sonde_pool *pool)
{
	struct sonde_error e;
	json_t *body = call->view->body_len ? call_body(call) : json_object();

	if (!body)
		return false;
	int rc = json_is_object(body) ? sonde_rows_fill(rows, body, out, pool, &e) :
		 sonde_fail(&e, SONDE_EINVAL, "", "The body must be a JSON object.");
	json_decref(body);
	if (rc != SONDE_OK)
		answer_invalid(call, &e);
	return rc == SONDE_OK;
}

struct user *account_own(struct call *call)
{
	if (!call->who.user)
		answer_error(call->c, call->req, 404, "not_found", "The admin token has no account: make one with sonde user add, and log in.",
		             NULL, NULL);
	return call->who.user;
}

const char *puts_keep(struct puts *p, const char *text)
{
	return text ? sonde_pool_strndup(&p->pool, text, strlen(text)) : NULL;
}

struct puts *change_user(struct call *call, struct user *user, struct user_change **out)
{
	if (user->busy) {
		answer_error(call->c, call->req, 409, "conflict",
		             "Another change of this user is being stored; try again.", NULL, NULL);
		return NULL;
	}
	struct puts *p = puts_new(call->c, call->req, NULL, CHANGE_POOL);
	if (!p)
		return NULL;
	struct user_change *ch = sonde_pool_alloc(&p->pool, sizeof(*ch));
	*ch = (struct user_change){ .user = user, .facts = user->facts };
	p->arg = *out = ch;
	return p;
}

void change_user_write(struct puts *p, struct user_change *ch)
{
	const struct user_facts *f = &ch->facts;

	ch->user->busy = true;
	user_write(f, puts_add(p, SONDE_TABLE_USERS, f->name, strlen(f->name), false));
}

void change_user_done(struct controller *c, struct user_change *ch, int status)
{
	ch->user->busy = false;
	if (status != SONDE_OK)
		return;
	bool voids = ch->facts.version != ch->user->facts.version;
	users_put(&c->accounts.users, &ch->facts);
	if (voids)
		sessions_sweep(&c->accounts.sessions, sonde_wall_ms());
}

static void answer_user(struct puts *p, const struct user *user)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 1 << 14);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	user_describe(user, &j);
	sonde_json_close(&j);
	answer_json(p->c, p->req, 200, &b, NULL);
}

static void saved(struct puts *p, int status)
{
	struct user_change *ch = p->arg;

	change_user_done(p->c, ch, status);
	if (status != SONDE_OK)
		answer_busy(p->c, p->req, status);
	else
		answer_user(p, ch->user);
}

static void saved_empty(struct puts *p, int status)
{
	change_user_done(p->c, p->arg, status);
	if (status != SONDE_OK)
		answer_busy(p->c, p->req, status);
	else
		answer_empty(p->c, p->req, 204);
}

void change_user_save(struct puts *p, bool empty)
{
	p->done = empty ? saved_empty : saved;
	change_user_write(p, p->arg);
	puts_submit(p);
}
