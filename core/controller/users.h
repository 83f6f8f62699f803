/* SPDX-License-Identifier: Apache-2.0 */
/* People and programs with an account. All are held in memory; memory mirrors what was committed.
 * A user is never freed while the controller runs: a deactivated one stays as a record. */
#pragma once
#include "base/json.h"
#include "base/map.h"
#include "param/param.h"
#include "store/store.h"

/* In the order of what they may do. Two of them, MEASURE and WATCH, only say what a route asks for. */
enum role {
	ROLE_PUBLIC,   /* anybody; what an anonymous caller is */
	ROLE_VIEWER,
	ROLE_MEASURE,  /* of routes: a user, or anyone when `anonymous` is on */
	ROLE_USER,
	ROLE_WATCH,    /* of routes: sees what all do: viewers, operators and up, no users */
	ROLE_OPERATOR,
	ROLE_ADMIN,
};

enum { USER_NAME_MAX = 64 };

/* Whether a caller of this role may use a route that asks for the other. */
bool role_may(enum role who, enum role route);
const char *role_name(enum role);
/* Names of what a user may be, by index viewer, user, operator, admin; ends with NULL. */
extern const char *const user_roles[];
enum role role_of_index(uint32_t index);

struct user_facts {
	const char *id, *name, *display, *email, *tier;
	const char *password; /* argon2id text */
	const char *invited;  /* id of the invitation */
	uint32_t role;        /* index in user_roles */
	int64_t version;      /* access tokens and sessions of another one are void */
	int64_t created_ms;
	uint8_t disabled;
};

struct user {
	struct user_facts facts;
	struct sonde_pool pool;
	bool busy;             /* a change waits for its commit */
	unsigned sessions;     /* open ones */
	unsigned tokens;       /* API tokens made, not revoked */
	int64_t credits;       /* sum of the ledger, and what was taken and is not stored yet */
	int64_t earned;        /* by nodes, not stored yet */
	unsigned running;      /* measurements not over yet */
};

struct users {
	struct sonde_map by_name, by_id;
};

void users_init(struct users *);
void users_deinit(struct users *);
/* Bad records are logged and left out. A status with a sentence when the store cannot be read. */
int users_load(struct users *, struct sonde_store *, struct sonde_error *);
struct user *users_by_name(const struct users *, const char *name); /* lower case */
struct user *users_by_id(const struct users *, const char *id);
/* NULL when there is none of this id; an id of NULL or "" is nobody's, as
 * is any where there are no users (NULL). */
const char *users_name(const struct users *, const char *id);
/* By name or id. */
struct user *users_find(const struct users *, const char *text);
/* Put or replace in memory after a commit; NULL when out of memory. */
struct user *users_put(struct users *, const struct user_facts *);

/* The name in lower case into out; the sentence why it is none, or NULL. */
const char *user_name_take(const char *text, char out[USER_NAME_MAX + 1]);
void user_write(const struct user_facts *, struct sonde_buf *);
/* SONDE_EINVAL: not what user_write makes. Texts go into the pool. */
int user_read(struct user_facts *, struct sonde_pool *, const void *data, size_t len);
/* Members of an open object; never the password's hash. */
void user_describe(const struct user *, struct sonde_json *);
