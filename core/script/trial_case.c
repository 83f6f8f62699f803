/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes and the request of a case, from the tables of a test. Refuses node fields that are no
 * column, so that a misspelt one fails its test. Owns nothing: all goes into the trial. */
#include "script/trial_private.h"

#include <string.h>

#include "base/json.h"
#include "script/columns.h"
#include "script/params.h"

/* ---- nodes ---- */

static unsigned read_words(lua_State *L, const char **words)
{
	unsigned n = 0;

	luaL_checktype(L, -1, LUA_TTABLE);
	for (; n < TRIAL_WORDS_MAX && lua_rawgeti(L, -1, n + 1) == LUA_TSTRING; n++) {
		words[n] = lua_tostring(L, -1); /* stays in its table */
		lua_pop(L, 1);
	}
	if (n < TRIAL_WORDS_MAX)
		lua_pop(L, 1);
	return n;
}

static const struct sonde_column_info *column_named(const char *name)
{
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		if (!strcmp(sonde_column_infos[i].name, name))
			return &sonde_column_infos[i];
	return NULL;
}

/* Key at -2, value at -1. */
static void set_cell(lua_State *L, struct trial *t, unsigned at)
{
	const char *name = luaL_checkstring(L, -2), *words[TRIAL_WORDS_MAX];
	const struct sonde_column_info *info = column_named(name);
	unsigned column = info ? (unsigned)(info - sonde_column_infos) : SONDE_COL_ALL;
	int rc = SONDE_EINVAL;

	if (column == SONDE_COL_TAGS)
		rc = sonde_column_tags(t->policies, at, words, read_words(L, words));
	else if (column == SONDE_COL_TYPES)
		rc = sonde_column_types(t->policies, at, words, read_words(L, words));
	else if (column < SONDE_COL_FIRST_TEXT)
		rc = sonde_column_number(t->policies, at, column, luaL_checknumber(L, -1));
	else if (column < SONDE_COL_COUNT)
		rc = sonde_column_text(t->policies, at, column, luaL_checkstring(L, -1));
	if (rc != SONDE_OK)
		luaL_error(L, "node %d: %s cannot be set", (int)at + 1, name);
}

int sonde_trial_new(lua_State *L)
{
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_policy_limits limits = { .wall_ms = TRIAL_POLICY_WALL_MS };
	struct sonde_error err = { { 0 }, { 0 } };

	luaL_checktype(L, 1, LUA_TTABLE);
	sonde_policies_free(t->policies);
	t->policies = NULL;
	if (sonde_policies_new(&limits, &t->policies) != SONDE_OK)
		return luaL_error(L, "out of memory");
	if (sonde_policy_load(t->policies, "policy", t->policy.name, t->policy.text, t->policy.len,
	                      &err) != SONDE_OK)
		return luaL_error(L, "%s", err.text);
	lua_Unsigned n = lua_rawlen(L, 1);
	luaL_argcheck(L, n <= TRIAL_NODES_MAX, 1, "too many nodes");
	t->nodes = (unsigned)n;
	for (unsigned i = 0; i < t->nodes; i++) {
		t->all[i] = i;
		lua_rawgeti(L, 1, i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		sonde_column_number(t->policies, i, SONDE_COL_LOAD, 0);
		for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
			set_cell(L, t, i);
		lua_pop(L, 1);
	}
	return 0;
}

/* ---- the request ---- */

static const char *text_field(lua_State *L, const char *key)
{
	lua_getfield(L, 1, key);
	return lua_tostring(L, -1); /* the request table holds it */
}

static lua_Integer int_field(lua_State *L, const char *key, lua_Integer otherwise)
{
	lua_getfield(L, 1, key);
	return luaL_optinteger(L, -1, otherwise);
}

static const char *params_of(lua_State *L, struct trial *t)
{
	struct sonde_json j;

	if (lua_getfield(L, 1, "params") != LUA_TTABLE)
		return NULL;
	sonde_buf_reset(&t->params);
	sonde_json_init(&j, &t->params);
	sonde_json_open(&j, NULL, '{');
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		sonde_params_put(L, &j);
	sonde_json_close(&j);
	return sonde_buf_cstr(&t->params);
}

const char *sonde_trial_node_name(struct trial *t, unsigned row)
{
	return sonde_column_peek_text(t->policies, row, SONDE_COL_NAME);
}

/* Row of the node whose name is on top; pops it. */
static unsigned row_named(lua_State *L, struct trial *t)
{
	const char *name = luaL_checkstring(L, -1);
	unsigned i = 0;

	while (i < t->nodes && strcmp(sonde_trial_node_name(t, i), name))
		i++;
	if (i == t->nodes)
		luaL_error(L, "no node of the case is named %s", name);
	lua_pop(L, 1);
	return i;
}

static void read_current(lua_State *L, struct trial *t, struct sonde_request *req)
{
	if (lua_getfield(L, 1, "current") == LUA_TTABLE)
		for (unsigned n = (unsigned)lua_rawlen(L, -1); req->current_n < n;) {
			lua_rawgeti(L, -1, req->current_n + 1);
			t->current[req->current_n++] = row_named(L, t);
			if (req->current_n == TRIAL_NODES_MAX)
				break;
		}
	req->current = t->current;
	if (lua_getfield(L, 1, "failed") == LUA_TSTRING)
		req->failed = row_named(L, t) + 1;
}

static unsigned read_near(lua_State *L, struct trial *t)
{
	unsigned n = 0;

	if (lua_getfield(L, 1, "near") == LUA_TTABLE)
		n = read_words(L, t->near);
	return n;
}

struct sonde_request sonde_trial_request(lua_State *L, struct trial *t)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!t->policies)
		luaL_error(L, "no nodes were given");
	struct sonde_request req = {
		.near = t->near, .near_n = read_near(L, t),
		.type = text_field(L, "type"),
		.target = text_field(L, "target"),
		.region = text_field(L, "region"),
		.tier = text_field(L, "tier"),
		.schedule = text_field(L, "schedule"),
		.failure = text_field(L, "failure"),
		.attempt = (unsigned)int_field(L, "attempt", 1),
		.want = (unsigned)int_field(L, "want", 1),
		.seed = (uint64_t)int_field(L, "seed", 1),
		.params_json = params_of(L, t),
	};
	luaL_argcheck(L, req.want <= TRIAL_NODES_MAX, 1, "too many nodes wanted");
	read_current(L, t, &req);
	return req;
}
