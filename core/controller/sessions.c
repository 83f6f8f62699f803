/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in memory and stored. Refuses nothing by itself: whether a session may go on is asked
 * with session_is_good. A session's memory goes away only in the sweep. */
#include "controller/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { SAID_BYTES = 24, REFRESH_BYTES = SAID_BYTES + SONDE_HASH_BYTES };

struct stored {
	const char *user, *from;
	int64_t version, generation, created_ms, used_ms;
	uint8_t ended;
};

#define ROW(n, t, m, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct stored, m), .help = "", \
	  __VA_ARGS__ }

static const struct sonde_param rows[] = {
	ROW("user", STRING, user, .max = 26),
	ROW("from", STRING, from, .max = 64),
	ROW("version", INT, version, .max = INT64_MAX),
	ROW("generation", INT, generation, .max = INT64_MAX),
	ROW("createdMs", INT, created_ms, .max = INT64_MAX),
	ROW("usedMs", INT, used_ms, .max = INT64_MAX),
	ROW("ended", BOOL, ended),
	{ 0 },
};

void sessions_init(struct sessions *s)
{
	sonde_map_init(&s->by_id);
}

void sessions_deinit(struct sessions *s)
{
	struct session *session;
	size_t at = 0;

	while ((session = sonde_map_next(&s->by_id, &at)))
		free(session);
	sonde_map_deinit(&s->by_id);
}

struct session *sessions_get(const struct sessions *s, const struct sonde_id *id)
{
	return sonde_map_get(&s->by_id, id->b, sizeof(id->b));
}

struct session *sessions_by_text(const struct sessions *s, const char *text)
{
	struct sonde_id id;

	return sonde_id_parse(text, strlen(text), &id) ? sessions_get(s, &id) : NULL;
}

struct session *session_open(struct sessions *s, const struct sonde_id *id, struct user *user,
                             const char *from)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session || sonde_map_put(&s->by_id, id->b, sizeof(id->b), session) != SONDE_OK) {
		free(session);
		return NULL;
	}
	session->id = *id;
	sonde_id_format(id, session->id_text);
	session->user = user;
	session->version = user->facts.version;
	session->generation = 1;
	session->created_ms = session->used_ms = sonde_wall_ms();
	snprintf(session->from, sizeof(session->from), "%s", from);
	user->sessions++;
	return session;
}

bool session_is_good(const struct session *s, int64_t now_ms)
{
	return !s->ended && !s->user->facts.disabled && s->version == s->user->facts.version &&
	       now_ms - s->used_ms < INT64_C(1000) * SESSION_LIFE_S;
}

struct session *sessions_surplus(const struct sessions *s, const struct user *user)
{
	struct session *session, *oldest = NULL;
	size_t at = 0;

	if (user->sessions <= SESSIONS_PER_USER)
		return NULL;
	while ((session = sonde_map_next(&s->by_id, &at)))
		if (session->user == user && !session->ended &&
		    (!oldest || session->used_ms < oldest->used_ms))
			oldest = session;
	return oldest;
}

void session_end(struct session *s)
{
	if (!s->ended && s->user->sessions)
		s->user->sessions--;
	s->ended = true;
}

void sessions_sweep(struct sessions *s, int64_t now_ms)
{
	struct session *session;
	size_t at = 0;

	while ((session = sonde_map_next(&s->by_id, &at))) {
		if (session_is_good(session, now_ms))
			continue;
		session_end(session);
		sonde_map_take(&s->by_id, session->id.b, sizeof(session->id.b));
		free(session);
	}
}

void session_write(const struct session *s, struct sonde_buf *b)
{
	struct stored stored = { .user = s->user->facts.id, .from = s->from, .version = s->version,
		                 .generation = s->generation, .created_ms = s->created_ms,
		                 .used_ms = s->used_ms, .ended = s->ended };
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(SONDE_ROWS(rows), &stored, &j);
	sonde_json_close(&j);
}

struct loading {
	struct sessions *sessions;
	struct users *users;
};

static void load(struct loading *l, const struct sonde_id *id, const struct stored *stored)
{
	struct user *user = stored->user ? users_by_id(l->users, stored->user) : NULL;

	if (!user || stored->ended)
		return;
	struct session *s = session_open(l->sessions, id, user, stored->from ? stored->from : "");
	if (!s)
		return;
	s->version = stored->version;
	s->generation = stored->generation;
	s->created_ms = stored->created_ms;
	s->used_ms = stored->used_ms;
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct stored stored = { 0 };
	struct sonde_pool pool;
	struct sonde_error e;
	struct sonde_id id;

	if (key.len != sizeof(id.b))
		return 0;
	memcpy(id.b, key.data, sizeof(id.b));
	sonde_pool_init(&pool, 4096);
	json_t *doc = sonde_json_load(value.data, value.len, &e);
	if (doc && sonde_rows_fill(SONDE_ROWS(rows), doc, &stored, &pool, &e) == SONDE_OK)
		load(arg, &id, &stored);
	else
		sonde_log(SONDE_LOG_ERROR, "sessions", "a stored session is bad and was left out");
	json_decref(doc);
	sonde_pool_deinit(&pool);
	return 0;
}

int sessions_load(struct sessions *s, struct users *users, struct sonde_store *store,
                  struct sonde_error *e)
{
	struct loading l = { s, users };
	struct sonde_read *r;
	int rc = sonde_read_begin(store, &r);

	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the sessions");
	sonde_read_each(r, SONDE_TABLE_SESSIONS, (struct sonde_slice){ NULL, 0 }, load_one, &l);
	sonde_read_end(r);
	sessions_sweep(s, sonde_wall_ms());
	return SONDE_OK;
}

void refresh_make(const struct keys *keys, const struct session *s, char out[REFRESH_TEXT])
{
	uint8_t raw[REFRESH_BYTES];

	memcpy(raw, s->id.b, sizeof(s->id.b));
	for (int i = 0; i < 8; i++)
		raw[16 + i] = (uint8_t)(s->generation >> (56 - 8 * i));
	sonde_secret_mac(keys->refresh, raw, SAID_BYTES, raw + SAID_BYTES);
	memcpy(out, "rt_", 3);
	sonde_secret_text(raw, sizeof(raw), out + 3, REFRESH_TEXT - 3);
}

bool refresh_read(const struct keys *keys, const char *text, struct sonde_id *id,
                  int64_t *generation)
{
	uint8_t raw[REFRESH_BYTES], mac[SONDE_HASH_BYTES];

	if (strncmp(text, "rt_", 3) ||
	    !sonde_secret_bytes(text + 3, strlen(text + 3), raw, sizeof(raw)))
		return false;
	sonde_secret_mac(keys->refresh, raw, SAID_BYTES, mac);
	if (!sonde_secret_equal(mac, raw + SAID_BYTES))
		return false;
	memcpy(id->b, raw, sizeof(id->b));
	*generation = 0;
	for (int i = 0; i < 8; i++)
		*generation = (int64_t)((uint64_t)*generation << 8 | raw[16 + i]);
	return true;
}
