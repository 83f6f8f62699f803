/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that people and new nodes show: registration tokens and the admin token. Stored by the
 * SHA-256 of their text, never the text. All are held in memory too. */
#pragma once
#include "base/map.h"
#include "base/id.h"
#include "base/secret.h"
#include "param/param.h"
#include "store/store.h"

enum token_kind { TOKEN_REGISTRATION, TOKEN_ADMIN, TOKEN_API, TOKEN_INVITATION };

struct token_facts {
	uint32_t kind; /* enum token_kind */
	const char *id, *description, *region;
	int64_t created_ms, expires_ms; /* 0 = never */
	int64_t uses, used;             /* uses 0 = no limit */
	uint8_t approve;                /* nodes that come with it need no approval */
	uint8_t revoked;
	const char *last_node; /* id of the node that used it last */
	const char *owner;     /* id of the user whose API token it is, or whose nodes come with it */
	const char *scopes;    /* of an API token: comma list, NULL = all */
	const char *tier;      /* of an invitation */
	uint32_t role;         /* index in user_roles: the most an API token may, or of who is invited */
};

struct token {
	uint8_t hash[SONDE_HASH_BYTES];
	struct token_facts facts;
	struct sonde_pool pool;
};

struct tokens {
	struct sonde_map by_hash;
};

/* A token that nobody has yet. Its text is shown once; who holds this wipes it. */
struct new_token {
	struct token_facts facts; /* the id is `id`; other texts are the caller's */
	uint8_t hash[SONDE_HASH_BYTES];
	char id[SONDE_ID_TEXT], secret[SONDE_SECRET_TEXT];
};

/* Text, hash, kind, id and times; ttl_ns 0 = it never expires. Stores nothing. */
void token_make(struct new_token *, struct sonde_id_maker *, enum token_kind, const char *prefix,
                int64_t ttl_ns);

void tokens_init(struct tokens *);
void tokens_deinit(struct tokens *);
int tokens_load(struct tokens *, struct sonde_store *, struct sonde_error *);
struct token *tokens_by_hash(const struct tokens *, const uint8_t hash[SONDE_HASH_BYTES]);
struct token *tokens_by_id(const struct tokens *, const char *id);
/* Put or replace in memory after a commit. */
int tokens_put(struct tokens *, const uint8_t hash[SONDE_HASH_BYTES], const struct token_facts *);
/* NULL when the token may be used now, else the sentence why not. */
const char *token_refusal(const struct token_facts *, int64_t now_ms);
bool tokens_have_admin(const struct tokens *);

void token_write(const struct token_facts *, struct sonde_buf *);
int token_read(struct token_facts *, struct sonde_pool *, const void *data, size_t len);
