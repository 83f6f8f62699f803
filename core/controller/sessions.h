/* SPDX-License-Identifier: Apache-2.0 */
/* A session is a family of refresh tokens: each use makes the next one. A refresh token names its
 * family and its generation under our MAC, so a forged one is told from an old one: an old one
 * means that it was stolen, and ends the whole family. Nothing of the token is stored. */
#pragma once
#include "base/id.h"
#include "controller/keys.h"
#include "controller/users.h"

enum {
	SESSION_LIFE_S = 30 * 86400, /* without a refresh */
	SESSIONS_PER_USER = 32,      /* the one unused longest ends when another begins */
	REFRESH_TEXT = 96,
};

struct session {
	struct sonde_id id;
	char id_text[SONDE_ID_TEXT];
	struct user *user;
	int64_t version;      /* of the user record it began with */
	int64_t generation;   /* of the refresh token that is good now */
	int64_t created_ms, used_ms;
	char from[64];        /* address that used it last */
	bool ended;
};

struct sessions {
	struct sonde_map by_id; /* 16 bytes */
};

void sessions_init(struct sessions *);
void sessions_deinit(struct sessions *);
int sessions_load(struct sessions *, struct users *, struct sonde_store *, struct sonde_error *);
struct session *sessions_get(const struct sessions *, const struct sonde_id *);
struct session *sessions_by_text(const struct sessions *, const char *id);
/* In memory; NULL when out of memory. */
struct session *session_open(struct sessions *, const struct sonde_id *, struct user *,
                             const char *from);
/* Not ended, not too old, of a user who is there, with the version of now. */
bool session_is_good(const struct session *, int64_t now_ms);
/* Of this user the one that was not used for longest, when there are too many; else NULL. */
struct session *sessions_surplus(const struct sessions *, const struct user *);
void session_end(struct session *);
/* Forget what has ended; about once an hour. */
void sessions_sweep(struct sessions *, int64_t now_ms);
void session_write(const struct session *, struct sonde_buf *);

void refresh_make(const struct keys *, const struct session *, char out[REFRESH_TEXT]);
/* What a token says, when it is one of ours. */
bool refresh_read(const struct keys *, const char *text, struct sonde_id *, int64_t *generation);
