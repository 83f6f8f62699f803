/* SPDX-License-Identifier: Apache-2.0 */
/* What logging in, changing a password and registering share: one request in the queue of hashes, and
 * the session that ends two of them. */
#pragma once
#include "controller/api/account.h"

enum { SIGN_POOL = 16384 };

/* Frees itself: after `then`, or when the queue does not take it. */
struct sign {
	struct password_job job; /* first */
	struct controller *c;
	struct sonde_req *req;
	void (*then)(struct sign *);
	char name[USER_NAME_MAX + 1], from[64], try_key[LIMIT_KEY_MAX], address_key[LIMIT_KEY_MAX];
	char known_key[LIMIT_KEY_MAX]; /* there once this user logged in from this address */
	bool known;
	int64_t version; /* of the user when the request came */
	struct user_facts facts; /* of the new one; texts in pool */
	struct sonde_pool pool;
	uint8_t invitation[SONDE_HASH_BYTES];
	bool invited, sign_in;
};

/* Takes the password's bytes; NULL after an answer. `then` answers. */
struct sign *sign_new(struct call *, const char *password, void (*then)(struct sign *));
/* Another hash for the same request; NULL after an answer. */
struct sign *sign_next(const struct sign *, const char *password, void (*then)(struct sign *));
void sign_submit(struct sign *);
void sign_free(struct sign *); /* of one that was not submitted */
/* A use of an invitation that came to nothing. */
void uninvite(struct controller *, const uint8_t hash[SONDE_HASH_BYTES]);

/* A new session for the user, stored with a change of his record when there is one; answers with its
 * tokens and the status. */
void open_session(struct controller *, struct sonde_req *, struct user *, const char *from,
                  const struct user_facts *change, unsigned status);
/* False after a 400 that says what is wrong with the new password. */
bool good_password(struct call *, const char *field, const char *password, const char *name);
