/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of accounts share. */
#pragma once
#include "controller/api/api.h"
#include "controller/puts.h"

/* The body into a struct by rows, texts into the pool; false after 400 was answered. */
bool account_body(struct call *, struct sonde_rows, void *out, struct sonde_pool *);
/* The user of the caller, or NULL after an answer: the admin token has no account. */
struct user *account_own(struct call *);

/* A change of one user: a copy of the facts to change, stored and then shown. */
struct user_change {
	struct user *user;
	struct user_facts facts; /* texts in the job's pool, or of the user */
};
/* NULL after an answer: 409 when another change of the user waits for its commit. */
struct puts *change_user(struct call *, struct user *, struct user_change **);
/* Stores the change that is the arg of the job, and answers 200 with the user, or 204. */
void change_user_save(struct puts *, bool empty);
/* The same for those who answer otherwise: writes the record and marks the user; then
 * change_user_done in the job's done shows it. */
void change_user_write(struct puts *, struct user_change *);
void change_user_done(struct controller *, struct user_change *, int status);
const char *puts_keep(struct puts *, const char *text);

/* Hash a password and make the user with it (from POST /v1/users and registration). */
struct new_user {
	const char *name, *password, *display, *email, *tier;
	uint32_t role;
	const char *invited; /* id of the invitation */
	const uint8_t *invitation; /* its hash, whose use is stored with the user; NULL = none */
	bool sign_in;              /* answer with tokens */
};
void account_create(struct call *, const struct new_user *);
/* The user's password by an administrator. */
void account_set_password(struct call *, struct user *, const char *password);
