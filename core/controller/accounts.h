/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about accounts that the controller holds, and who a credential is. */
#pragma once
#include "controller/jwt.h"
#include "controller/keys.h"
#include "controller/ledger.h"
#include "controller/limits.h"
#include "controller/passwords.h"
#include "controller/sessions.h"
#include "controller/tiers.h"
#include "controller/users.h"

struct accounts {
	struct keys keys;
	struct jwt_seen seen;
	struct users users;
	struct sessions sessions;
	struct tiers tiers;
	struct limits limits, polls; /* polls: readers of measurements */
	struct passwords passwords;
	char nobody[SONDE_PASSWORD_TEXT]; /* verified against when there is no such user */
	int64_t flushed_ns, swept_ns;
	uint64_t request_base, request_count;
};

/* What an API token may be used for; a session may all. */
enum { SCOPE_READ = 1, SCOPE_MEASURE = 2, SCOPE_ACCOUNT = 4, SCOPE_MANAGE = 8, SCOPE_ALL = 15 };
extern const char *const scope_names[]; /* by bit; ends with NULL */
/* A comma list into bits; 0 when a word is none. NULL or "" is all. */
unsigned scopes_parse(const char *list);

/* Who asks. Borrowed: valid until the loop turns. */
struct who {
	enum role role;          /* ROLE_PUBLIC: anonymous */
	struct user *user;       /* NULL: anonymous, or the admin token */
	struct session *session; /* NULL: a token */
	const char *name;
	unsigned scopes;
};

struct controller;
int accounts_start(struct controller *, struct sonde_error *);
int accounts_load(struct controller *, struct sonde_error *);
void accounts_tick(struct controller *, int64_t now_ns);
void accounts_stop(struct controller *);
void accounts_deinit(struct controller *);
/* The nodes that a measurement of this user (NULL = anonymous) may have. */
struct node_reach;
struct node_reach accounts_reach(const struct controller *, const struct user *, bool all,
                                 bool trusted);
/* A bearer credential of any kind; false when it is good for nothing (now). */
bool accounts_who(struct controller *, const char *text, size_t len, struct who *);

/* What a connection keeps of its credential, to ask later whether it still holds. That of a session
 * holds as long as the session, not only as long as the access token. */
struct credential {
	bool given, by_session;
	struct sonde_id session;
	int64_t version; /* of the user's record */
	uint8_t hash[SONDE_HASH_BYTES];
};
bool accounts_keep(struct controller *, const char *text, size_t len, struct credential *,
                   struct who *);
bool accounts_again(struct controller *, const struct credential *, struct who *);
