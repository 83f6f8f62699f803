/* SPDX-License-Identifier: Apache-2.0 */
/* lb.raise, clear, deepen, window, remember and tally: only there while on_result or on_node runs.
 * Actions go into the caller's array, records belong to the policy. Owns nothing; wrong arguments and
 * more actions than fit raise. */
#include "script/verdict.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "script/binding.h"
#include "script/params.h"
#include "script/policy.h"
#include "script/window.h"

enum { KEY_MIN = 1, OPTIONS_KEYS = 32 };

static struct sonde_windows *windows_of(lua_State *L)
{
	struct sonde_binding *b = sonde_sandbox_owner(L);

	if (!b->actions || !b->windows)
		luaL_error(L, "is only there in on_result and on_node");
	return b->windows;
}

/* ---- actions ---- */

static void text_into(lua_State *L, int idx, char *out, size_t room)
{
	size_t len;
	const char *text = luaL_checklstring(L, idx, &len);

	luaL_argcheck(L, len >= KEY_MIN && len < room && strlen(text) == len, idx,
	              "empty, too long or with a NUL");
	memcpy(out, text, len + 1);
}

/* "policies/x.lua:7", whatever the path the file was loaded from. */
static void put_cause(lua_State *L, char *out, size_t room)
{
	luaL_where(L, 1);
	const char *where = lua_tostring(L, -1), *slash = strrchr(where, '/');
	const char *name = slash ? slash + 1 : where;
	size_t n = strlen(name);

	while (n && strchr(": ", name[n - 1]))
		n--;
	snprintf(out, room, "policies/%.*s", (int)n, name);
	lua_pop(L, 1);
}

static struct sonde_action *new_action(lua_State *L, enum sonde_action_kind kind)
{
	struct sonde_binding *b = sonde_sandbox_owner(L);

	windows_of(L);
	if (b->actions->n == SONDE_ACTIONS)
		luaL_error(L, "more than %d actions in one call", SONDE_ACTIONS);
	struct sonde_action *a = &b->actions->all[b->actions->n];
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	put_cause(L, a->cause, sizeof(a->cause));
	return a;
}

static int finish(lua_State *L)
{
	struct sonde_binding *b = sonde_sandbox_owner(L);

	b->actions->n++;
	return 0;
}

int sonde_lb_raise(lua_State *L)
{
	static const char *const severities[] = { "info", "warning", "error", NULL };
	struct sonde_action *a = new_action(L, SONDE_ACTION_RAISE);

	text_into(L, 1, a->key, sizeof(a->key));
	a->severity = severities[luaL_checkoption(L, 2, NULL, severities)];
	text_into(L, 3, a->text, sizeof(a->text));
	return finish(L);
}

int sonde_lb_clear(lua_State *L)
{
	struct sonde_action *a = new_action(L, SONDE_ACTION_CLEAR);

	text_into(L, 1, a->key, sizeof(a->key));
	if (!lua_isnoneornil(L, 2))
		text_into(L, 2, a->text, sizeof(a->text));
	return finish(L);
}

/* The keys are checked before the buffer exists, so that nothing raises while it does. */
static void read_options(lua_State *L, struct sonde_action *a)
{
	struct sonde_json j;
	struct sonde_buf b;
	unsigned n = 0;

	luaL_checktype(L, 2, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
		int t = lua_type(L, -1);
		luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && n++ < OPTIONS_KEYS &&
		              (t == LUA_TBOOLEAN || t == LUA_TNUMBER || t == LUA_TSTRING), 2,
		              "options have names, and texts, numbers or booleans as values");
	}
	sonde_buf_init(&b, sizeof(a->options) - 1);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1))
		sonde_params_put(L, &j);
	sonde_json_close(&j);
	bool failed = b.failed;
	snprintf(a->options, sizeof(a->options), "%s", failed ? "" : sonde_buf_cstr(&b));
	sonde_buf_deinit(&b);
	luaL_argcheck(L, !failed, 2, "too many or too long options");
}

static void read_nodes(lua_State *L, struct sonde_action *a)
{
	luaL_checktype(L, 3, LUA_TTABLE);
	for (unsigned i = 0; i < SONDE_DEEPEN_NODES && i < lua_rawlen(L, 3); i++) {
		lua_rawgeti(L, 3, (lua_Integer)i + 1);
		luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 3, "names of nodes expected");
		snprintf(a->nodes[a->node_count++], sizeof(a->nodes[0]), "%s", lua_tostring(L, -1));
		lua_pop(L, 1);
	}
}

int sonde_lb_deepen(lua_State *L)
{
	struct sonde_action *a = new_action(L, SONDE_ACTION_DEEPEN);

	text_into(L, 1, a->key, sizeof(a->key));
	if (!lua_isnoneornil(L, 2))
		read_options(L, a);
	if (!lua_isnoneornil(L, 3))
		read_nodes(L, a);
	return finish(L);
}

/* ---- records ---- */

static struct sonde_window *record_of(lua_State *L, char kind)
{
	size_t len;
	const char *key = luaL_checklstring(L, 1, &len);

	luaL_argcheck(L, len && len <= SONDE_WINDOW_KEY, 1, "a key has 1 to 160 bytes");
	struct sonde_window *w = sonde_windows_get(windows_of(L), kind, key, len);
	if (!w)
		luaL_error(L, "out of memory");
	return w;
}

static double value_of(lua_State *L, int idx)
{
	if (lua_isboolean(L, idx))
		return lua_toboolean(L, idx);
	return lua_isnil(L, idx) ? NAN : luaL_checknumber(L, idx);
}

static void set_number(lua_State *L, const char *name, double v)
{
	lua_pushnumber(L, v);
	lua_setfield(L, -2, name);
}

int sonde_lb_window(lua_State *L)
{
	struct sonde_window *w = record_of(L, 'w');
	lua_Integer size = luaL_checkinteger(L, 2);
	struct sonde_window_sums s;

	luaL_argcheck(L, size > 0 && size <= SONDE_WINDOW_VALUES, 2, "1 to 256 values");
	sonde_sandbox_charge(L, (size_t)size * 4);
	if (lua_gettop(L) >= 3 &&
	    sonde_window_push(windows_of(L), w, (unsigned)size, value_of(L, 3)) != SONDE_OK)
		return luaL_error(L, "out of memory");
	sonde_window_sum(w, &s);
	lua_createtable(L, 0, 12);
	lua_pushinteger(L, s.n);
	lua_setfield(L, -2, "n");
	lua_pushinteger(L, s.missing);
	lua_setfield(L, -2, "missing");
	const struct { const char *name; double value; } fields[] = {
		{ "loss", s.loss }, { "mean", s.mean }, { "min", s.min }, { "max", s.max },
		{ "last", s.last }, { "jitter", s.jitter }, { "p50", s.p50 }, { "p90", s.p90 },
		{ "p95", s.p95 }, { "p99", s.p99 },
	};
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		set_number(L, fields[i].name, fields[i].value);
	return 1;
}

int sonde_lb_remember(lua_State *L)
{
	struct sonde_window *w = record_of(L, 'r');
	size_t len = 0;
	int rc = SONDE_OK;

	if (w->text)
		lua_pushstring(L, w->text);
	else if (isnan(w->number))
		lua_pushnil(L);
	else
		lua_pushnumber(L, w->number);
	if (lua_type(L, 2) == LUA_TSTRING) {
		const char *text = lua_tolstring(L, 2, &len);
		luaL_argcheck(L, len <= SONDE_WINDOW_TEXT && strlen(text) == len, 2,
		              "a text of at most 1024 bytes");
		rc = sonde_window_set(windows_of(L), w, text, len, NAN);
	} else if (lua_type(L, 2) == LUA_TNUMBER) {
		rc = sonde_window_set(windows_of(L), w, NULL, 0, lua_tonumber(L, 2));
	}
	return rc == SONDE_OK ? 1 : luaL_error(L, "out of memory");
}

struct group {
	const char *name;
	unsigned members, bad;
};

static void push_bad_names(lua_State *L, const struct group *g, unsigned n)
{
	lua_Integer k = 0;

	lua_newtable(L);
	for (unsigned i = 0; i < n; i++)
		if (2 * g[i].bad > g[i].members) {
			lua_pushstring(L, g[i].name);
			lua_rawseti(L, -2, ++k);
		}
}

static void count_vote(struct group *g, unsigned *n, const struct sonde_vote *v)
{
	unsigned i = 0;

	while (i < *n && strcmp(g[i].name, v->group))
		i++;
	if (i == *n)
		g[(*n)++] = (struct group){ v->group, 0, 0 };
	g[i].members++;
	g[i].bad += v->bad;
}

static int push_tally(lua_State *L, const struct sonde_window *w, int64_t since)
{
	struct group g[SONDE_VOTES];
	unsigned groups = 0, members = 0, bad = 0, bad_groups = 0;

	sonde_sandbox_charge(L, w->votes_n * 2);
	lua_createtable(L, 0, 6);
	lua_newtable(L);
	for (unsigned i = 0; i < w->votes_n; i++) {
		const struct sonde_vote *v = &w->votes[i];
		if (v->at_ms < since)
			continue;
		members++;
		count_vote(g, &groups, v);
		if (!v->bad)
			continue;
		lua_pushstring(L, v->member);
		lua_rawseti(L, -2, ++bad);
	}
	lua_setfield(L, -2, "names");
	for (unsigned i = 0; i < groups; i++)
		bad_groups += 2 * g[i].bad > g[i].members;
	push_bad_names(L, g, groups);
	lua_setfield(L, -2, "where");
	const struct { const char *name; unsigned value; } fields[] = {
		{ "members", members }, { "bad", bad }, { "groups", groups },
		{ "bad_groups", bad_groups },
	};
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		lua_pushinteger(L, fields[i].value);
		lua_setfield(L, -2, fields[i].name);
	}
	return 1;
}

int sonde_lb_tally(lua_State *L)
{
	struct sonde_windows *ws = windows_of(L);
	struct sonde_window *w = record_of(L, 't');
	lua_Number age = luaL_optnumber(L, 5, 0);
	int rc = SONDE_OK;

	if (!lua_isnoneornil(L, 2)) {
		const char *member = luaL_checkstring(L, 2), *group = luaL_optstring(L, 3, "");
		sonde_sandbox_charge(L, w->votes_n);
		if (lua_isboolean(L, 4))
			rc = sonde_window_vote(ws, w, member, group, lua_toboolean(L, 4));
		else
			sonde_window_unvote(w, member);
	}
	if (rc != SONDE_OK)
		return luaL_error(L, "out of memory");
	return push_tally(L, w, age > 0 && age < 1e15 ? ws->now_ms - (int64_t)age : INT64_MIN);
}

/* In the order of use, newest first: the same in every run that saw the same. */
int sonde_lb_leave(lua_State *L)
{
	size_t n, len = 0;
	const char *member = luaL_checklstring(L, 1, &n), *prefix = luaL_optlstring(L, 2, "", &len);
	struct sonde_windows *ws = windows_of(L);
	lua_Integer found = 0;
	char name[SONDE_VOTE_NAME];

	luaL_argcheck(L, n && strlen(member) == n, 1, "empty, or with a NUL");
	snprintf(name, sizeof(name), "%s", member);
	lua_newtable(L);
	for (struct sonde_window *w = ws->newest; w; w = w->older) {
		sonde_sandbox_charge(L, 1 + w->votes_n);
		if (w->key[0] != 't' || w->key_len < 1 + len || memcmp(w->key + 1, prefix, len) ||
		    !sonde_window_unvote(w, name))
			continue;
		lua_pushlstring(L, w->key + 1, w->key_len - 1);
		lua_rawseti(L, -2, ++found);
	}
	return 1;
}
