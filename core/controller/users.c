/* SPDX-License-Identifier: Apache-2.0 */
/* Users in memory and their stored form. */
#include "controller/users.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/members.h"

#define ROW(n, t, m, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct user_facts, m), .help = "", \
	  __VA_ARGS__ }

const char *const user_roles[] = { "viewer", "user", "operator", "admin", NULL };

static const enum role roles[] = { ROLE_VIEWER, ROLE_USER, ROLE_OPERATOR, ROLE_ADMIN };

static const struct sonde_param rows[] = {
	ROW("id", STRING, id, .max = 26),
	ROW("name", STRING, name, .max = USER_NAME_MAX),
	ROW("display", STRING, display, .max = 128),
	ROW("email", STRING, email, .max = 254),
	ROW("tier", STRING, tier, .max = 32),
	ROW("password", STRING, password, .max = 128),
	ROW("invited", STRING, invited, .max = 26),
	ROW("role", ENUM, role, .names = user_roles),
	ROW("version", INT, version, .max = INT64_MAX),
	ROW("createdMs", INT, created_ms, .max = INT64_MAX),
	ROW("disabled", BOOL, disabled),
	{ 0 },
};

enum { USER_POOL = 8192 };

bool role_may(enum role who, enum role route)
{
	return route == ROLE_WATCH ? who == ROLE_VIEWER || who >= ROLE_OPERATOR : who >= route;
}

enum role role_of_index(uint32_t index)
{
	return index < sizeof(roles) / sizeof(roles[0]) ? roles[index] : ROLE_VIEWER;
}

const char *role_name(enum role role)
{
	static const char *const names[] = {
		[ROLE_PUBLIC] = "public", [ROLE_VIEWER] = "viewer", [ROLE_MEASURE] = "measure",
		[ROLE_USER] = "user", [ROLE_WATCH] = "watch", [ROLE_OPERATOR] = "operator",
		[ROLE_ADMIN] = "admin",
	};
	return names[role];
}

void users_init(struct users *u)
{
	sonde_map_init(&u->by_name);
	sonde_map_init(&u->by_id);
}

void users_deinit(struct users *u)
{
	struct user *user;
	size_t at = 0;

	while ((user = sonde_map_next(&u->by_name, &at))) {
		sonde_pool_deinit(&user->pool);
		free(user);
	}
	sonde_map_deinit(&u->by_name);
	sonde_map_deinit(&u->by_id);
}

struct user *users_by_name(const struct users *u, const char *name)
{
	return sonde_map_get(&u->by_name, name, strlen(name));
}

struct user *users_by_id(const struct users *u, const char *id)
{
	return sonde_map_get(&u->by_id, id, strlen(id));
}

const char *users_name(const struct users *u, const char *id)
{
	const struct user *user = u && id && *id ? users_by_id(u, id) : NULL;

	return user ? user->facts.name : NULL;
}

struct user *users_find(const struct users *u, const char *text)
{
	struct user *user = users_by_name(u, text);

	return user ? user : users_by_id(u, text);
}

static const char *copy(struct sonde_pool *pool, const char *s)
{
	return s ? sonde_pool_strndup(pool, s, strlen(s)) : NULL;
}

static struct user *user_new(struct users *u, const struct user_facts *f)
{
	struct user *user = calloc(1, sizeof(*user));

	if (!user)
		return NULL;
	if (sonde_map_put(&u->by_name, f->name, strlen(f->name), user) == SONDE_OK &&
	    sonde_map_put(&u->by_id, f->id, strlen(f->id), user) == SONDE_OK)
		return user;
	sonde_map_take(&u->by_name, f->name, strlen(f->name));
	free(user);
	return NULL;
}

struct user *users_put(struct users *u, const struct user_facts *f)
{
	struct user *user = users_by_name(u, f->name);
	struct sonde_pool pool;

	if (!user)
		user = user_new(u, f);
	if (!user)
		return NULL;
	sonde_pool_init(&pool, USER_POOL);
	struct user_facts mine = *f;
	const char **texts[] = { &mine.id, &mine.name, &mine.display, &mine.email, &mine.tier,
		                 &mine.password, &mine.invited };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = copy(&pool, *texts[i]);
	sonde_pool_deinit(&user->pool);
	user->pool = pool;
	user->facts = mine;
	return user;
}

const char *user_name_take(const char *text, char out[USER_NAME_MAX + 1])
{
	size_t n = strlen(text);

	if (!n || n > USER_NAME_MAX)
		return "must be 1 to 64 letters long";
	for (size_t i = 0; i <= n; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	if (out[strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789._-@+")])
		return "may hold only letters, digits and . _ - @ +";
	if (strchr(".-+@", out[0]))
		return "must begin with a letter or a digit";
	return NULL;
}

void user_write(const struct user_facts *f, struct sonde_buf *b)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(SONDE_ROWS(rows), f, &j);
	sonde_json_close(&j);
}

int user_read(struct user_facts *f, struct sonde_pool *pool, const void *data, size_t len)
{
	struct sonde_error e;
	json_t *doc = sonde_json_load(data, len, &e);

	memset(f, 0, sizeof(*f));
	int rc = doc ? sonde_rows_fill(SONDE_ROWS(rows), doc, f, pool, &e) : SONDE_EINVAL;
	json_decref(doc);
	return rc == SONDE_OK && (!f->id || !f->name) ? SONDE_EINVAL : rc;
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct user_facts facts;
	struct sonde_pool pool;

	(void)key;
	sonde_pool_init(&pool, USER_POOL);
	if (user_read(&facts, &pool, value.data, value.len) == SONDE_OK)
		users_put(arg, &facts);
	else
		sonde_log(SONDE_LOG_ERROR, "users", "a stored user is bad and was left out");
	sonde_pool_deinit(&pool);
	return 0;
}

int users_load(struct users *u, struct sonde_store *store, struct sonde_error *e)
{
	struct sonde_read *r;
	int rc = sonde_read_begin(store, &r);

	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the users");
	sonde_read_each(r, SONDE_TABLE_USERS, (struct sonde_slice){ NULL, 0 }, load_one, u);
	sonde_read_end(r);
	return SONDE_OK;
}

void user_describe(const struct user *user, struct sonde_json *j)
{
	const struct user_facts *f = &user->facts;

	sonde_json_str(j, "id", f->id);
	sonde_json_str(j, "name", f->name);
	sonde_json_str(j, "display", f->display);
	sonde_json_str(j, "email", f->email);
	sonde_json_str(j, "role", user_roles[f->role]);
	sonde_json_str(j, "tier", f->tier);
	sonde_json_bool(j, "disabled", f->disabled);
	sonde_json_int(j, "credits", user->credits);
	sonde_json_int(j, "sessions", user->sessions);
	sonde_json_int(j, "tokens", user->tokens);
	member_time(j, "createdAt", f->created_ms);
}
