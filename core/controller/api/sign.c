/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a hash: everything that hashes goes through the queue of passwords.c. */
#include "controller/api/sign.h"

#include <stdlib.h>
#include <string.h>

void sign_free(struct sign *s)
{
	sonde_pool_deinit(&s->pool);
	sonde_secret_wipe(&s->job, sizeof(s->job));
	free(s);
}

void uninvite(struct controller *c, const uint8_t hash[SONDE_HASH_BYTES])
{
	struct token *t = tokens_by_hash(&c->tokens, hash);

	if (t && t->facts.used)
		t->facts.used--;
}

static void on_hashed(struct password_job *job)
{
	struct sign *s = (struct sign *)job;

	if (s->c->stopping)
		answer_busy(s->c, s->req, SONDE_EGONE);
	else
		s->then(s);
	sign_free(s);
}

static struct sign *make(struct controller *c, struct sonde_req *req, const char *password,
                         void (*then)(struct sign *))
{
	struct sign *s = calloc(1, sizeof(*s));
	size_t len = strlen(password);

	if (!s) {
		answer_busy(c, req, SONDE_ENOMEM);
		return NULL;
	}
	s->job.len = len <= SONDE_PASSWORD_MAX ? len : SONDE_PASSWORD_MAX;
	memcpy(s->job.password, password, s->job.len);
	s->job.done = on_hashed;
	s->c = c;
	s->req = req;
	s->then = then;
	sonde_pool_init(&s->pool, SIGN_POOL);
	return s;
}

struct sign *sign_new(struct call *call, const char *password, void (*then)(struct sign *))
{
	struct sign *s = make(call->c, call->req, password, then);

	if (s)
		limit_address(call->view->peer, s->from);
	return s;
}

struct sign *sign_next(const struct sign *of, const char *password, void (*then)(struct sign *))
{
	struct sign *s = make(of->c, of->req, password, then);

	if (!s)
		return NULL;
	s->version = of->version;
	memcpy(s->name, of->name, sizeof(s->name));
	memcpy(s->from, of->from, sizeof(s->from));
	return s;
}

void sign_submit(struct sign *s)
{
	if (passwords_submit(&s->c->accounts.passwords, &s->job) == SONDE_OK)
		return;
	if (s->invited)
		uninvite(s->c, s->invitation);
	answer_busy(s->c, s->req, SONDE_EFULL);
	sign_free(s);
}

bool good_password(struct call *call, const char *field, const char *password, const char *name)
{
	const char *why = password_refusal(password, strlen(password), name);
	struct sonde_error e;

	if (!why)
		return true;
	sonde_fail(&e, SONDE_EINVAL, field, "%s", why);
	answer_invalid(call, &e);
	return false;
}
