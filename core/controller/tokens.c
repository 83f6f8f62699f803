/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens in memory and their stored form. The check-and-count of a use is done by the writer's
 * transaction (enrol.c): memory here only mirrors what was committed. */
#include "controller/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/tiers.h"
#include "controller/users.h"

#define ROW(n, t, m, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct token_facts, m), .help = "", \
	  __VA_ARGS__ }

static const char *const kinds[] = { "registration", "admin", "api", "invitation", NULL };

static const struct sonde_param rows[] = {
	ROW("kind", ENUM, kind, .names = kinds),
	ROW("id", STRING, id, .max = 26),
	ROW("description", STRING, description, .max = 256),
	ROW("region", STRING, region, .max = 64),
	ROW("createdMs", INT, created_ms, .max = INT64_MAX),
	ROW("expiresMs", INT, expires_ms, .max = INT64_MAX),
	ROW("uses", INT, uses, .max = 1000000),
	ROW("used", INT, used, .max = INT64_MAX),
	ROW("approve", BOOL, approve),
	ROW("revoked", BOOL, revoked),
	ROW("lastNode", STRING, last_node, .max = 26),
	ROW("owner", STRING, owner, .max = 26),
	ROW("scopes", STRING, scopes, .max = 64),
	ROW("tier", STRING, tier, .max = TIER_NAME_MAX),
	ROW("role", ENUM, role, .names = user_roles),
	{ 0 },
};

enum { TOKEN_POOL = 4096 };

static struct sonde_rows fact_rows(void)
{
	return SONDE_ROWS(rows);
}

void tokens_init(struct tokens *t)
{
	sonde_map_init(&t->by_hash);
}

void tokens_deinit(struct tokens *t)
{
	struct token *token;
	size_t at = 0;

	while ((token = sonde_map_next(&t->by_hash, &at))) {
		sonde_pool_deinit(&token->pool);
		free(token);
	}
	sonde_map_deinit(&t->by_hash);
}

void token_write(const struct token_facts *f, struct sonde_buf *b)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(fact_rows(), f, &j);
	sonde_json_close(&j);
}

int token_read(struct token_facts *f, struct sonde_pool *pool, const void *data, size_t len)
{
	struct sonde_error e;
	json_t *doc = sonde_json_load(data, len, &e);

	memset(f, 0, sizeof(*f));
	int rc = doc ? sonde_rows_fill(fact_rows(), doc, f, pool, &e) : SONDE_EINVAL;
	json_decref(doc);
	return rc;
}

static const char *copy(struct sonde_pool *pool, const char *s)
{
	return s ? sonde_pool_strndup(pool, s, strlen(s)) : NULL;
}

int tokens_put(struct tokens *t, const uint8_t hash[SONDE_HASH_BYTES], const struct token_facts *f)
{
	struct token *token = tokens_by_hash(t, hash);
	struct sonde_pool pool;

	if (!token) {
		token = calloc(1, sizeof(*token));
		if (!token || sonde_map_put(&t->by_hash, hash, SONDE_HASH_BYTES, token) != SONDE_OK) {
			free(token);
			return SONDE_ENOMEM;
		}
		memcpy(token->hash, hash, SONDE_HASH_BYTES);
	}
	sonde_pool_init(&pool, TOKEN_POOL);
	struct token_facts mine = *f;
	mine.id = copy(&pool, f->id);
	mine.description = copy(&pool, f->description);
	mine.region = copy(&pool, f->region);
	mine.last_node = copy(&pool, f->last_node);
	mine.owner = copy(&pool, f->owner);
	mine.scopes = copy(&pool, f->scopes);
	mine.tier = copy(&pool, f->tier);
	sonde_pool_deinit(&token->pool);
	token->pool = pool;
	token->facts = mine;
	return SONDE_OK;
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct token_facts facts;
	struct sonde_pool pool;

	if (key.len != SONDE_HASH_BYTES)
		return 0;
	sonde_pool_init(&pool, TOKEN_POOL);
	if (token_read(&facts, &pool, value.data, value.len) == SONDE_OK)
		tokens_put(arg, key.data, &facts);
	else
		sonde_log(SONDE_LOG_ERROR, "tokens", "a stored token is bad and was left out");
	sonde_pool_deinit(&pool);
	return 0;
}

int tokens_load(struct tokens *t, struct sonde_store *store, struct sonde_error *e)
{
	struct sonde_read *r;
	int rc = sonde_read_begin(store, &r);

	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the tokens");
	sonde_read_each(r, SONDE_TABLE_TOKENS, (struct sonde_slice){ NULL, 0 }, load_one, t);
	sonde_read_end(r);
	return SONDE_OK;
}

struct token *tokens_by_hash(const struct tokens *t, const uint8_t hash[SONDE_HASH_BYTES])
{
	return sonde_map_get(&t->by_hash, hash, SONDE_HASH_BYTES);
}

struct token *tokens_by_id(const struct tokens *t, const char *id)
{
	struct token *token;
	size_t at = 0;

	while ((token = sonde_map_next(&t->by_hash, &at)))
		if (token->facts.id && !strcmp(token->facts.id, id))
			return token;
	return NULL;
}

const char *token_refusal(const struct token_facts *f, int64_t now_ms)
{
	if (f->revoked)
		return f->kind == TOKEN_INVITATION ? "The invitation was revoked." :
		       "The registration token was revoked.";
	if (f->expires_ms && now_ms >= f->expires_ms)
		return f->kind == TOKEN_INVITATION ? "The invitation has expired." :
		       "The registration token has expired.";
	if (f->uses && f->used >= f->uses)
		return f->kind == TOKEN_INVITATION ? "The invitation was used already." :
		       "The registration token was used already.";
	return NULL;
}

bool tokens_have_admin(const struct tokens *t)
{
	struct token *token;
	size_t at = 0;

	while ((token = sonde_map_next(&t->by_hash, &at)))
		if (token->facts.kind == TOKEN_ADMIN && !token->facts.revoked)
			return true;
	return false;
}

void token_make(struct new_token *t, struct sonde_id_maker *ids, enum token_kind kind,
                const char *prefix, int64_t ttl_ns)
{
	int64_t now = sonde_wall_ms();
	struct sonde_id id;

	sonde_id_make(ids, &id);
	sonde_id_format(&id, t->id);
	sonde_secret_make(prefix, t->secret);
	sonde_secret_hash(t->secret, strlen(t->secret), t->hash);
	t->facts = (struct token_facts){ .kind = kind, .id = t->id, .created_ms = now,
		                         .expires_ms = ttl_ns ? now + ttl_ns / SONDE_NS_PER_MS : 0 };
}
