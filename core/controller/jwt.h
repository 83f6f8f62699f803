/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: JWT, HS256, nothing else. A token says who (user id), by which session, and the
 * version of the user record that it was made for; whether those still hold is the caller's. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/secret.h"

enum { JWT_LIFE_S = 600, JWT_TEXT_MAX = 1024 };

struct jwt_claims {
	char user[SONDE_ID_TEXT], session[SONDE_ID_TEXT];
	int64_t version;
	int64_t issued_s, expires_s; /* wall */
};

/* SONDE_OK with the text in out; SONDE_ENOMEM. */
int jwt_make(const uint8_t key[SONDE_KEY_BYTES], const struct jwt_claims *, struct sonde_buf *out);
/* Only a token that jwt_make made with this key, for this audience and this use, and whose time it
 * is; false for anything else. */
bool jwt_check(const uint8_t key[SONDE_KEY_BYTES], const char *text, size_t len, int64_t now_s,
               struct jwt_claims *);

/* Tokens that were good lately, by a keyed hash of their whole text: a program asks a thousand times
 * with one token, and reading it costs as much as the rest of a request. Only jwt_check puts one in.
 * Starts as zeros; a newer token takes an older one's place. */
enum { JWT_SEEN = 256 };
struct jwt_seen {
	struct jwt_kept {
		uint8_t mark[SONDE_MARK_BYTES];
		struct jwt_claims claims; /* expires_s 0: empty */
	} kept[JWT_SEEN];
};
/* As jwt_check, with the same answer for the same time. One table belongs to one key. */
bool jwt_check_seen(struct jwt_seen *, const uint8_t key[SONDE_KEY_BYTES], const char *text,
                    size_t len, int64_t now_s, struct jwt_claims *);
