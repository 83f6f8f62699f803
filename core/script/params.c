/* SPDX-License-Identifier: Apache-2.0 */
/* Between `params = { max_rtt = { type = "duration", default = "80ms" } }`, struct sonde_param and
 * req.params. Owns the rows and their texts in a pool. Refuses what sonde_rows_check refuses. */
#include "script/params.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/sandbox.h"

enum { POOL_MAX = 64 * 1024, ENUM_MAX = 32 };

static const struct {
	const char *name;
	enum sonde_type type;
} types[] = {
	{ "bool", SONDE_TYPE_BOOL },     { "int", SONDE_TYPE_INT },
	{ "number", SONDE_TYPE_NUMBER }, { "string", SONDE_TYPE_STRING },
	{ "enum", SONDE_TYPE_ENUM },     { "duration", SONDE_TYPE_DURATION },
};

void sonde_params_init(struct sonde_params *p)
{
	*p = (struct sonde_params){ 0 };
	sonde_pool_init(&p->pool, POOL_MAX);
}

void sonde_params_deinit(struct sonde_params *p)
{
	sonde_pool_deinit(&p->pool);
}

static enum sonde_type type_named(const char *name)
{
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	return SONDE_TYPE_END;
}

/* The field as a text of the pool, NULL when absent. Numbers and booleans are written as a user
 * would type them. */
static const char *text_field(lua_State *L, struct sonde_params *p, const char *key)
{
	const char *out = NULL;
	size_t len;

	switch (lua_getfield(L, -1, key)) {
	case LUA_TBOOLEAN:
		out = lua_toboolean(L, -1) ? "true" : "false";
		break;
	case LUA_TNUMBER:
	case LUA_TSTRING:
		out = lua_tolstring(L, -1, &len);
		out = sonde_pool_strndup(&p->pool, out, len);
		break;
	}
	lua_pop(L, 1);
	return out;
}

static int64_t int_field(lua_State *L, const char *key)
{
	lua_getfield(L, -1, key);
	int64_t v = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return v;
}

static const char *const *names_field(lua_State *L, struct sonde_params *p)
{
	const char **names = NULL;

	if (lua_getfield(L, -1, "names") == LUA_TTABLE) {
		lua_Unsigned n = lua_rawlen(L, -1);
		n = n < ENUM_MAX ? n : ENUM_MAX;
		names = sonde_pool_alloc(&p->pool, (n + 1) * sizeof(*names));
		for (lua_Unsigned i = 0; names && i < n; i++) {
			size_t len;
			lua_rawgeti(L, -1, (lua_Integer)i + 1);
			const char *s = luaL_tolstring(L, -1, &len);
			names[i] = sonde_pool_strndup(&p->pool, s, len);
			lua_pop(L, 2);
		}
	}
	lua_pop(L, 1);
	return names;
}

/* One row from the table on top. */
static int read_row(lua_State *L, struct sonde_params *p, const char *name, struct sonde_error *err)
{
	struct sonde_param *row = &p->row[p->count];

	if (p->count >= SONDE_PARAMS_MAX)
		return sonde_fail(err, SONDE_EINVAL, "params", "more than %d", SONDE_PARAMS_MAX);
	if (!lua_istable(L, -1))
		return sonde_fail(err, SONDE_EINVAL, "params", "%s must be a table", name);
	row->name = sonde_pool_strndup(&p->pool, name, strlen(name));
	const char *type = text_field(L, p, "type");
	row->type = type ? type_named(type) : SONDE_TYPE_END;
	if (row->type == SONDE_TYPE_END)
		return sonde_fail(err, SONDE_EINVAL, "params",
		                  "%s.type must be bool, int, number, string, enum or duration", name);
	row->help = text_field(L, p, "help");
	row->unit = text_field(L, p, "unit");
	row->def = text_field(L, p, "default");
	row->names = names_field(L, p);
	row->min = int_field(L, "min");
	row->max = int_field(L, "max");
	row->help = row->help ? row->help : "";
	row->offset = p->args_size;
	p->args_size += sizeof(int64_t);
	p->count++;
	return row->name ? SONDE_OK : sonde_fail(err, SONDE_ENOMEM, "params", "too large");
}

static int by_name(const void *a, const void *b)
{
	const struct sonde_param *x = a, *y = b;
	return strcmp(x->name, y->name);
}

int sonde_params_read(lua_State *L, int idx, struct sonde_params *p, struct sonde_error *err)
{
	if (lua_isnoneornil(L, idx))
		return SONDE_OK;
	if (!lua_istable(L, idx))
		return sonde_fail(err, SONDE_EINVAL, "params", "must be a table");
	for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			return sonde_fail(err, SONDE_EINVAL, "params", "keys must be names");
		int rc = read_row(L, p, lua_tostring(L, -2), err);
		if (rc != SONDE_OK)
			return rc;
	}
	qsort(p->row, p->count, sizeof(p->row[0]), by_name);
	return sonde_rows_check(SONDE_ROWS(p->row), p->args_size, err);
}

static void push_value(lua_State *L, const struct sonde_param *row, const char *args)
{
	const void *at = args + row->offset;

	switch (row->type) {
	case SONDE_TYPE_BOOL:
		lua_pushboolean(L, *(const uint8_t *)at);
		break;
	case SONDE_TYPE_INT:
		lua_pushinteger(L, *(const int64_t *)at);
		break;
	case SONDE_TYPE_NUMBER:
		lua_pushnumber(L, *(const double *)at);
		break;
	case SONDE_TYPE_DURATION:
		lua_pushnumber(L, (double)*(const int64_t *)at / (double)SONDE_NS_PER_MS);
		break;
	case SONDE_TYPE_ENUM:
		lua_pushstring(L, row->names[*(const uint32_t *)at]);
		break;
	default: {
		const char *text = *(const char *const *)at;
		lua_pushstring(L, text ? text : "");
	}
	}
}

struct values {
	struct sonde_pool pool;
	_Alignas(max_align_t) char args[SONDE_PARAMS_MAX * sizeof(int64_t)];
};

static int fill(const struct sonde_params *p, const char *json, struct values *v,
                struct sonde_error *err)
{
	json_t *object = NULL;

	if (json) {
		object = sonde_json_load(json, strlen(json), err);
		if (!object)
			return SONDE_EINVAL;
	}
	int rc = sonde_rows_fill(SONDE_ROWS(p->row), object, v->args, &v->pool, err);
	json_decref(object);
	return rc;
}

/* Light pointers: rows, values. Leaves the frozen table. */
static int build_table(lua_State *L)
{
	const struct sonde_params *p = lua_touserdata(L, 1);
	const struct values *v = lua_touserdata(L, 2);

	lua_createtable(L, 0, (int)p->count);
	for (unsigned i = 0; i < p->count; i++) {
		push_value(L, &p->row[i], v->args);
		lua_setfield(L, -2, p->row[i].name);
	}
	sonde_sandbox_freeze(L, "req.params");
	return 1;
}

static bool ignores_priority(const struct sonde_params *p, const struct values *v)
{
	for (unsigned i = 0; i < p->count; i++) {
		const struct sonde_param *row = &p->row[i];
		if (row->type == SONDE_TYPE_ENUM && !strcmp(row->name, "priority"))
			return !strcmp(row->names[*(const uint32_t *)(v->args + row->offset)],
			               "ignore");
	}
	return false;
}

int sonde_params_push(lua_State *L, const struct sonde_params *p, const char *json,
                      bool *ignore_priority, struct sonde_error *err)
{
	struct values v = { 0 };

	sonde_pool_init(&v.pool, POOL_MAX);
	int rc = fill(p, json, &v, err);
	if (rc == SONDE_OK) {
		*ignore_priority = ignores_priority(p, &v);
		lua_pushcfunction(L, build_table);
		lua_pushlightuserdata(L, (void *)p);
		lua_pushlightuserdata(L, &v);
		/* Protected here, because the pool must be freed when Lua runs out of memory. */
		if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
			lua_pop(L, 1);
			rc = sonde_fail(err, SONDE_ENOMEM, "params", "too large");
		}
	}
	sonde_pool_deinit(&v.pool);
	return rc;
}

void sonde_params_put(lua_State *L, struct sonde_json *j)
{
	const char *key = luaL_checkstring(L, -2);

	if (lua_isboolean(L, -1))
		sonde_json_bool(j, key, lua_toboolean(L, -1));
	else if (lua_isinteger(L, -1))
		sonde_json_int(j, key, lua_tointeger(L, -1));
	else if (lua_type(L, -1) == LUA_TNUMBER)
		sonde_json_number(j, key, lua_tonumber(L, -1), 6);
	else
		sonde_json_str(j, key, luaL_checkstring(L, -1));
}
