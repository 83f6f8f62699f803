/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger as seen by its user and by administrators. The balance shown is added up from the
 * entries; `checked` says whether memory agrees. */
#include <stdlib.h>
#include <string.h>

#include "controller/api/account.h"
#include "controller/members.h"

enum { POOL = 4096, ENTRIES_MAX = 1000 };

struct statement {
	const char *user;
	struct sonde_json *j;
	int64_t sum;
	unsigned count, skip; /* the first are left out when there are too many */
	bool print;
};

static void put_entry(struct statement *s, const struct ledger_entry *entry, struct sonde_slice key)
{
	struct sonde_id id;

	memcpy(id.b, key.data, sizeof(id.b));
	sonde_json_open(s->j, NULL, '{');
	member_time(s->j, "at", sonde_id_wall_ms(&id));
	sonde_json_str(s->j, "kind", ledger_kind_name(entry->kind));
	sonde_json_int(s->j, "amount", entry->amount);
	sonde_json_str(s->j, "note", entry->note);
	sonde_json_str(s->j, "by", entry->by);
	sonde_json_close(s->j);
}

static int visit(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct statement *s = arg;
	struct ledger_entry entry;
	struct sonde_pool pool;

	sonde_pool_init(&pool, POOL);
	if (key.len == sizeof(struct sonde_id) &&
	    ledger_read(&entry, &pool, value.data, value.len) == SONDE_OK &&
	    !strcmp(entry.user, s->user)) {
		s->count++;
		if (!s->print)
			s->sum += entry.amount;
		else if (s->count > s->skip)
			put_entry(s, &entry, key);
	}
	sonde_pool_deinit(&pool);
	return 0;
}

static void statement(struct call *call, const struct user *user)
{
	struct sonde_buf b;
	struct sonde_json j;
	struct statement s = { .user = user->facts.id, .j = &j };
	const struct sonde_slice start = { NULL, 0 };
	struct sonde_read *r;

	if (sonde_read_begin(call->c->store, &r) != SONDE_OK) {
		answer_busy(call->c, call->req, SONDE_EIO);
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_read_each(r, SONDE_TABLE_LEDGER, start, visit, &s);
	s.skip = s.count > ENTRIES_MAX ? s.count - ENTRIES_MAX : 0;
	s.count = 0;
	s.print = true;
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "user", user->facts.name);
	sonde_json_int(&j, "balance", s.sum);
	sonde_json_bool(&j, "checked", s.sum == user->credits);
	sonde_json_int(&j, "pending", user->earned);
	sonde_json_open(&j, "entries", '[');
	sonde_read_each(r, SONDE_TABLE_LEDGER, start, visit, &s);
	sonde_read_end(r);
	sonde_json_close(&j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_get_credits(struct call *call)
{
	const struct user *user = account_own(call);

	if (user)
		statement(call, user);
}

void api_get_user_credits(struct call *call)
{
	const struct user *user = users_find(&call->c->accounts.users, call->param);

	if (user)
		statement(call, user);
	else
		answer_not_found(call, "user");
}

struct grant {
	int64_t amount;
	const char *note;
	struct user *user;
};

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct grant, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param grant_rows[] = {
	ROW("amount", INT, amount, "credits; below zero takes away", .min = -1000000000,
	    .max = 1000000000, .flags = SONDE_PARAM_REQUIRED),
	ROW("note", STRING, note, "why", .max = 256),
	{ 0 },
};

static void granted(struct puts *p, int status)
{
	const struct grant *g = p->arg;
	struct sonde_buf b;
	struct sonde_json j;

	if (status != SONDE_OK) {
		g->user->credits -= g->amount < 0 ? g->amount : 0;
		answer_busy(p->c, p->req, status);
		return;
	}
	g->user->credits += g->amount > 0 ? g->amount : 0;
	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "user", g->user->facts.name);
	sonde_json_int(&j, "balance", g->user->credits);
	sonde_json_close(&j);
	answer_json(p->c, p->req, 201, &b, NULL);
}

void api_grant_credits(struct call *call)
{
	struct user *user = users_find(&call->c->accounts.users, call->param);
	struct sonde_id id;

	if (!user) {
		answer_not_found(call, "user");
		return;
	}
	struct puts *p = puts_new(call->c, call->req, granted, POOL);
	if (!p)
		return;
	struct grant *g = sonde_pool_alloc(&p->pool, sizeof(*g));
	p->arg = g;
	if (!account_body(call, SONDE_ROWS(grant_rows), g, &p->pool)) {
		puts_free(p);
		return;
	}
	g->user = user;
	/* Taken at once, given after the commit: nothing is spent twice in between. */
	user->credits += g->amount < 0 ? g->amount : 0;
	audit_note(call, "amount=%lld", (long long)g->amount);
	sonde_id_make(&call->c->ids, &id);
	const struct ledger_entry entry = { .user = user->facts.id, .kind = LEDGER_GRANT,
		                            .amount = g->amount, .note = g->note,
		                            .by = call->who.name };
	ledger_write(&entry, puts_add(p, SONDE_TABLE_LEDGER, id.b, sizeof(id.b), true));
	puts_submit(p);
}
