/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers over REST, and what remains of the caller's limits. */
#include "controller/tiers.h"

#include <stdlib.h>
#include <string.h>

#include "controller/api/account.h"
#include "controller/api/quota.h"

enum { POOL = 8192 };

void api_list_tiers(struct call *call)
{
	struct tier *tier;
	struct sonde_buf b;
	struct sonde_json j;
	size_t at = 0;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	while ((tier = sonde_map_next(&call->c->accounts.tiers.by_name, &at))) {
		sonde_json_open(&j, NULL, '{');
		tier_write(&tier->facts, &j);
		sonde_json_bool(&j, "builtIn", tier->built_in);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

static void stored(struct puts *p, int status)
{
	const struct tier_facts *f = p->arg;
	const struct tier *tier = status == SONDE_OK ? tiers_put(&p->c->accounts.tiers, f) : NULL;
	struct sonde_buf b;
	struct sonde_json j;

	if (!tier) {
		answer_busy(p->c, p->req, status == SONDE_OK ? SONDE_ENOMEM : status);
		return;
	}
	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	tier_write(&tier->facts, &j);
	sonde_json_close(&j);
	answer_json(p->c, p->req, 200, &b, NULL);
}

static int check(struct call *call, const struct tier_facts *f, struct sonde_error *e)
{
	const struct accounts *a = &call->c->accounts;

	if (f->name && strcmp(f->name, call->param))
		return sonde_fail(e, SONDE_EINVAL, "name", "is not that of the path");
	if (call->param[strspn(call->param, "abcdefghijklmnopqrstuvwxyz0123456789_-")] ||
	    strlen(call->param) > TIER_NAME_MAX)
		return sonde_fail(e, SONDE_EINVAL, "name", "may hold lower-case letters, digits, _ and -");
	if (f->policy && *f->policy && !sonde_policy_exists(call->c->policies, f->policy))
		return sonde_fail(e, SONDE_EINVAL, "policy", "is not the name of a policy here");
	if (!tiers_find(&a->tiers, call->param) && a->tiers.by_name.len >= TIERS_MAX)
		return sonde_fail(e, SONDE_EINVAL, "", "there are 64 tiers already");
	return SONDE_OK;
}

void api_put_tier(struct call *call)
{
	struct puts *p = puts_new(call->c, call->req, stored, POOL);
	struct sonde_error e;
	struct sonde_json j;

	if (!p)
		return;
	struct tier_facts *f = sonde_pool_alloc(&p->pool, sizeof(*f));
	p->arg = f;
	if (!account_body(call, tier_rows(), f, &p->pool)) {
		puts_free(p);
		return;
	}
	if (check(call, f, &e) != SONDE_OK) {
		answer_invalid(call, &e);
		puts_free(p);
		return;
	}
	f->name = puts_keep(p, call->param);
	if (f->policy && !*f->policy)
		f->policy = NULL;
	sonde_json_init(&j, puts_add(p, SONDE_TABLE_TIERS, f->name, strlen(f->name), false));
	sonde_json_open(&j, NULL, '{');
	tier_write(f, &j);
	sonde_json_close(&j);
	puts_submit(p);
}

static void removed(struct puts *p, int status)
{
	if (status != SONDE_OK) {
		answer_busy(p->c, p->req, status);
		return;
	}
	tiers_remove(&p->c->accounts.tiers, p->arg);
	answer_empty(p->c, p->req, 204);
}

void api_delete_tier(struct call *call)
{
	const struct tier *tier = tiers_find(&call->c->accounts.tiers, call->param);
	struct sonde_error e;

	if (!tier) {
		answer_not_found(call, "tier");
		return;
	}
	if (tier->built_in) {
		sonde_fail(&e, SONDE_EINVAL, "name", "is a built-in tier, which can only be changed");
		answer_invalid(call, &e);
		return;
	}
	struct puts *p = puts_new(call->c, call->req, removed, POOL);
	if (!p)
		return;
	p->arg = (void *)puts_keep(p, call->param);
	puts_remove(p, SONDE_TABLE_TIERS, call->param, strlen(call->param));
	puts_submit(p);
}

void api_get_limits(struct call *call)
{
	struct quota q;
	struct sonde_buf b;
	struct sonde_json j;

	quota_begin(&q, call);
	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_open(&j, "rateLimit", '{');
	sonde_json_open(&j, "measurements", '{');
	sonde_json_open(&j, "create", '{');
	quota_describe(&q, &j);
	sonde_json_close(&j);
	sonde_json_close(&j);
	sonde_json_close(&j);
	if (call->who.user) {
		sonde_json_open(&j, "credits", '{');
		sonde_json_int(&j, "remaining", call->who.user->credits);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}
