/* SPDX-License-Identifier: Apache-2.0 */
/* The entries' stored form, the sums at start, and what nodes earn: one entry a user every few
 * seconds, so that a result costs no write of its own. What was earned and not stored when the
 * process is killed is lost; the results that earned it are not. */
#include "controller/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/puts.h"

enum { ENTRY_POOL = 4096 };

static const char *const kinds[] = { "grant", "earn", "spend", NULL };

#define ROW(n, t, m, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct ledger_entry, m), .help = "", \
	  __VA_ARGS__ }

static const struct sonde_param rows[] = {
	ROW("user", STRING, user, .max = 26),
	ROW("kind", ENUM, kind, .names = kinds),
	ROW("amount", INT, amount, .min = -INT64_MAX, .max = INT64_MAX),
	ROW("note", STRING, note, .max = 256),
	ROW("by", STRING, by, .max = 64),
	{ 0 },
};

const char *ledger_kind_name(uint32_t kind)
{
	return kind <= LEDGER_SPEND ? kinds[kind] : "unknown";
}

void ledger_write(const struct ledger_entry *e, struct sonde_buf *b)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(SONDE_ROWS(rows), e, &j);
	sonde_json_close(&j);
}

int ledger_read(struct ledger_entry *entry, struct sonde_pool *pool, const void *data, size_t len)
{
	struct sonde_error e;
	json_t *doc = sonde_json_load(data, len, &e);

	memset(entry, 0, sizeof(*entry));
	int rc = doc ? sonde_rows_fill(SONDE_ROWS(rows), doc, entry, pool, &e) : SONDE_EINVAL;
	json_decref(doc);
	return rc == SONDE_OK && !entry->user ? SONDE_EINVAL : rc;
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct ledger_entry entry;
	struct sonde_pool pool;

	(void)key;
	sonde_pool_init(&pool, ENTRY_POOL);
	if (ledger_read(&entry, &pool, value.data, value.len) == SONDE_OK) {
		struct user *user = users_by_id(arg, entry.user);
		if (user)
			user->credits += entry.amount;
	} else {
		sonde_log(SONDE_LOG_ERROR, "ledger", "a stored entry is bad and does not count");
	}
	sonde_pool_deinit(&pool);
	return 0;
}

int ledger_load(struct users *users, struct sonde_store *store, struct sonde_error *e)
{
	struct sonde_read *r;
	int rc = sonde_read_begin(store, &r);

	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the ledger");
	sonde_read_each(r, SONDE_TABLE_LEDGER, (struct sonde_slice){ NULL, 0 }, load_one, users);
	sonde_read_end(r);
	return SONDE_OK;
}

void ledger_earn(struct user *user, int64_t amount)
{
	user->earned += amount;
}

static void stored(struct puts *p, int status)
{
	struct user *user = p->arg;

	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "ledger", "what %s earned could not be stored: %s",
		          user->facts.name, sonde_strstatus(status));
}

static void flush_one(struct controller *c, struct user *user)
{
	struct ledger_entry entry = { .user = user->facts.id, .kind = LEDGER_EARN,
		                      .amount = user->earned, .note = "tasks of own nodes" };
	struct sonde_id id;
	struct puts *p = puts_new(c, NULL, stored, 0);

	if (!p)
		return;
	sonde_id_make(&c->ids, &id);
	ledger_write(&entry, puts_add(p, SONDE_TABLE_LEDGER, id.b, sizeof(id.b), true));
	p->arg = user;
	user->credits += user->earned;
	user->earned = 0;
	puts_submit(p);
}

void ledger_flush(struct controller *c)
{
	struct user *user;
	size_t at = 0;

	while ((user = sonde_map_next(&c->accounts.users.by_name, &at)))
		if (user->earned)
			flush_one(c, user);
}
