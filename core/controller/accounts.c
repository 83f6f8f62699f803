/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the account tables together, and tells from a credential who asks: an access token (JWT),
 * an API token, or the admin token. Refuses without saying why. */
#include "controller/accounts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/jwt.h"
#include "controller/own_files.h"
#include "controller/puts.h"

enum { FLUSH_S = 5, SWEEP_S = 600 };

const char *const scope_names[] = { "read", "measure", "account", "manage", NULL };

unsigned scopes_parse(const char *list)
{
	unsigned scopes = 0;

	if (!list || !*list)
		return SCOPE_ALL;
	while (*list) {
		size_t n = strcspn(list, ",");
		unsigned i = 0;
		while (scope_names[i] && (strlen(scope_names[i]) != n || memcmp(scope_names[i], list, n)))
			i++;
		if (!scope_names[i])
			return 0;
		scopes |= 1u << i;
		list += n + (list[n] == ',');
	}
	return scopes;
}

int accounts_start(struct controller *c, struct sonde_error *e)
{
	struct accounts *a = &c->accounts;
	static const char word[] = "no password is this one";
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char path[4096];

	users_init(&a->users);
	sessions_init(&a->sessions);
	limits_init(&a->limits);
	limits_init(&a->polls);
	/* Half of the machine at most: the loop and the writer need the rest. */
	passwords_init(&a->passwords, &c->loop, cpus > 2 ? (unsigned)cpus / 2 : 1);
	if (tiers_init(&a->tiers) != SONDE_OK)
		return SONDE_ENOMEM;
	own_secret_path(&c->options, path, sizeof(path));
	int rc = keys_load(&a->keys, path, e);
	return rc == SONDE_OK ? sonde_password_hash(word, sizeof(word) - 1, a->nobody) : rc;
}

static void count_tokens(struct controller *c)
{
	struct token *token;
	size_t at = 0;

	while ((token = sonde_map_next(&c->tokens.by_hash, &at))) {
		struct user *user = token->facts.kind == TOKEN_API && !token->facts.revoked &&
				    token->facts.owner ?
			users_by_id(&c->accounts.users, token->facts.owner) : NULL;
		if (user)
			user->tokens++;
	}
}

int accounts_load(struct controller *c, struct sonde_error *e)
{
	struct accounts *a = &c->accounts;

	int rc = users_load(&a->users, c->store, e);
	if (rc == SONDE_OK)
		rc = sessions_load(&a->sessions, &a->users, c->store, e);
	if (rc == SONDE_OK)
		rc = tiers_load(&a->tiers, c->store, e);
	if (rc == SONDE_OK)
		rc = ledger_load(&a->users, c->store, e);
	count_tokens(c);
	return rc;
}

static void swept(struct puts *p, int status)
{
	(void)p;
	(void)status; /* the next sweep, or the next start, finds them again */
}

/* A few at a time: the others come with the next turns. */
static void sweep_sessions(struct controller *c)
{
	struct puts *p = puts_new(c, NULL, swept, 0);
	struct session *s;
	size_t at = 0;

	while (p && p->count < PUTS_MAX && (s = sonde_map_next(&c->accounts.sessions.by_id, &at)))
		if (!session_is_good(s, sonde_wall_ms())) {
			puts_remove(p, SONDE_TABLE_SESSIONS, s->id.b, sizeof(s->id.b));
			session_end(s);
			sonde_map_take(&c->accounts.sessions.by_id, s->id.b, sizeof(s->id.b));
			free(s);
		}
	if (p && p->count == PUTS_MAX)
		c->accounts.swept_ns = 0;
	if (p && p->count)
		puts_submit(p);
	else if (p)
		puts_free(p);
}

void accounts_tick(struct controller *c, int64_t now)
{
	struct accounts *a = &c->accounts;

	if (now - a->flushed_ns > FLUSH_S * SONDE_NS_PER_S) {
		a->flushed_ns = now;
		ledger_flush(c);
	}
	if (now - a->swept_ns > SWEEP_S * SONDE_NS_PER_S) {
		a->swept_ns = now;
		sweep_sessions(c);
	}
}

void accounts_stop(struct controller *c)
{
	passwords_stop(&c->accounts.passwords);
	ledger_flush(c);
}

void accounts_deinit(struct controller *c)
{
	struct accounts *a = &c->accounts;

	limits_deinit(&a->limits);
	limits_deinit(&a->polls);
	tiers_deinit(&a->tiers);
	sessions_deinit(&a->sessions);
	users_deinit(&a->users);
	sonde_secret_wipe(&a->keys, sizeof(a->keys));
}

struct node_reach accounts_reach(const struct controller *c, const struct user *user, bool all,
                                 bool trusted)
{
	const struct tier *t = user ? tiers_get(&c->accounts.tiers, user->facts.tier) : NULL;

	return (struct node_reach){ .all = all, .trusted = trusted, .tier = t ? t->facts.name : "",
		                    .priority = t ? t->facts.priority : INT64_MAX };
}

/* ---- who ---- */

static void session_who(struct session *s, struct who *w)
{
	*w = (struct who){ .role = role_of_index(s->user->facts.role), .user = s->user,
		           .session = s, .name = s->user->facts.name, .scopes = SCOPE_ALL };
}

static bool by_session(struct controller *c, const char *text, size_t len, struct who *w)
{
	struct accounts *a = &c->accounts;
	struct jwt_claims claims;
	int64_t now_ms = sonde_wall_ms();

	if (!jwt_check_seen(&a->seen, a->keys.access, text, len, now_ms / 1000, &claims))
		return false;
	struct session *s = sessions_by_text(&a->sessions, claims.session);
	if (!s || !session_is_good(s, now_ms) || strcmp(s->user->facts.id, claims.user) ||
	    claims.version != s->user->facts.version)
		return false;
	session_who(s, w);
	return true;
}

static bool by_token(struct controller *c, const struct token_facts *f, struct who *w)
{
	struct user *user = f->owner ? users_by_id(&c->accounts.users, f->owner) : NULL;

	if (!user || user->facts.disabled)
		return false;
	enum role own = role_of_index(user->facts.role), most = role_of_index(f->role);
	*w = (struct who){ .role = own < most ? own : most, .user = user,
		           .name = user->facts.name, .scopes = scopes_parse(f->scopes) };
	return true;
}

static bool by_hash(struct controller *c, const uint8_t hash[SONDE_HASH_BYTES], struct who *w)
{
	const struct token *token = tokens_by_hash(&c->tokens, hash);

	if (!token || token_refusal(&token->facts, sonde_wall_ms()))
		return false;
	if (token->facts.kind == TOKEN_API)
		return by_token(c, &token->facts, w);
	*w = (struct who){ .role = ROLE_ADMIN, .name = "admin token", .scopes = SCOPE_ALL };
	return token->facts.kind == TOKEN_ADMIN;
}

static bool is_access_token(const char *text, size_t len)
{
	return len > 3 && !memcmp(text, "eyJ", 3);
}

bool accounts_who(struct controller *c, const char *text, size_t len, struct who *w)
{
	uint8_t hash[SONDE_HASH_BYTES];

	memset(w, 0, sizeof(*w));
	if (is_access_token(text, len))
		return by_session(c, text, len, w);
	sonde_secret_hash(text, len, hash);
	return by_hash(c, hash, w);
}

bool accounts_keep(struct controller *c, const char *text, size_t len, struct credential *cr,
                   struct who *w)
{
	memset(cr, 0, sizeof(*cr));
	if (!accounts_who(c, text, len, w))
		return false;
	cr->given = true;
	cr->by_session = w->session != NULL;
	if (w->session) {
		cr->session = w->session->id;
		cr->version = w->user->facts.version;
	} else {
		sonde_secret_hash(text, len, cr->hash);
	}
	return true;
}

bool accounts_again(struct controller *c, const struct credential *cr, struct who *w)
{
	memset(w, 0, sizeof(*w));
	if (!cr->by_session)
		return by_hash(c, cr->hash, w);
	struct session *s = sessions_get(&c->accounts.sessions, &cr->session);
	if (!s || !session_is_good(s, sonde_wall_ms()) || s->user->facts.version != cr->version)
		return false;
	session_who(s, w);
	return true;
}
