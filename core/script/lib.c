/* SPDX-License-Identifier: Apache-2.0 */
/* Lua's base, string, table and math libraries as far as a policy may use them. Left out is what
 * runs long inside C (patterns, rep, table.move), what catches errors, what loads code, and what
 * would make a decision differ between two runs: time, random numbers, addresses, and the order
 * of next() (pairs() here walks sorted keys). */
#include "script/lib.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

#include "script/sandbox.h"

const char *const sonde_sandbox_names[] = {
	"assert", "error", "ipairs", "math", "pairs", "select", "string", "table", "tonumber",
	"tostring", "type", "math.abs", "math.acos", "math.asin", "math.atan", "math.ceil",
	"math.cos", "math.deg", "math.exp", "math.floor", "math.fmod", "math.huge", "math.log",
	"math.max", "math.maxinteger", "math.min", "math.mininteger", "math.modf", "math.pi",
	"math.rad", "math.sin", "math.sqrt", "math.tan", "math.tointeger", "math.type", "math.ult",
	"string.byte", "string.char", "string.format", "string.len", "string.lower",
	"string.reverse", "string.sub", "string.upper", "table.concat", "table.insert",
	"table.remove", "table.sort", "table.unpack", NULL,
};

enum { LIST_MAX = 65536, UNPACK_MAX = 200 };

/* The original function of a wrapper is its upvalue 1; it runs in the wrapper's own frame, so that
 * its errors name the right argument. */
static int original(lua_State *L)
{
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static lua_Integer list_length(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer n = luaL_len(L, 1);

	if (n > LIST_MAX)
		luaL_error(L, "a list of more than %d entries", LIST_MAX);
	return n;
}

static int list_insert(lua_State *L)
{
	lua_Integer n = list_length(L);

	if (lua_gettop(L) > 2)
		sonde_sandbox_charge(L, (size_t)n);
	return original(L);
}

static int list_remove(lua_State *L)
{
	lua_Integer n = list_length(L);

	if (!lua_isnoneornil(L, 2))
		sonde_sandbox_charge(L, (size_t)n);
	return original(L);
}

static int list_sort(lua_State *L)
{
	lua_Integer n = list_length(L);

	for (lua_Integer m = n; m > 1; m /= 2)
		sonde_sandbox_charge(L, (size_t)n);
	return original(L);
}

/* Bytes of the list's texts; a number counts as its longest text. */
static size_t list_bytes(lua_State *L, lua_Integer n)
{
	size_t bytes = 0;

	for (lua_Integer i = 1; i <= n; i++) {
		bytes += lua_geti(L, 1, i) == LUA_TSTRING ? lua_rawlen(L, -1) : 32;
		lua_pop(L, 1);
	}
	return bytes;
}

static int list_concat(lua_State *L)
{
	lua_Integer n = list_length(L);
	lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, n);

	luaL_argcheck(L, first >= 1 && last <= LIST_MAX, 3, "out of the list");
	sonde_sandbox_charge(L, (size_t)n);
	size_t between = lua_type(L, 2) == LUA_TSTRING ? lua_rawlen(L, 2) : 0;
	if (list_bytes(L, n) + between * (size_t)n > SONDE_SANDBOX_STRING)
		return luaL_error(L, "table.concat: longer than %d bytes", SONDE_SANDBOX_STRING);
	return original(L);
}

/* Work in proportion to the text that comes first. */
static int of_text(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		sonde_sandbox_charge(L, lua_rawlen(L, 1) / 2);
	return original(L);
}

static int list_unpack(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer first = luaL_optinteger(L, 2, 1);
	lua_Integer last = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);

	if (last >= first && (lua_Unsigned)last - (lua_Unsigned)first >= UNPACK_MAX)
		return luaL_error(L, "more than %d values to unpack", UNPACK_MAX);
	return original(L);
}

/* Addresses must not be seen: they differ between runs. */
static int text_of(lua_State *L)
{
	luaL_checkany(L, 1);
	switch (lua_type(L, 1)) {
	case LUA_TNIL:
	case LUA_TBOOLEAN:
	case LUA_TNUMBER:
	case LUA_TSTRING:
		luaL_tolstring(L, 1, NULL);
		break;
	default:
		lua_pushstring(L, luaL_typename(L, 1));
	}
	return 1;
}

static int format(lua_State *L)
{
	const char *f = luaL_checkstring(L, 1);

	for (int i = 2; i <= lua_gettop(L); i++)
		luaL_argcheck(L, lua_type(L, i) <= LUA_TSTRING && !lua_islightuserdata(L, i), i,
		              "only texts, numbers and booleans can be formatted");
	for (f = strchr(f, '%'); f; f = strchr(f, '%')) {
		f += 1 + strspn(f + 1, "-+ #0123456789.");
		if (*f == 'p')
			return luaL_error(L, "string.format: %%p is not available in a policy");
		f += *f != '\0';
	}
	return original(L);
}

static int raise(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TSTRING);
	return original(L);
}

static int check(lua_State *L)
{
	if (lua_toboolean(L, 1))
		return lua_gettop(L);
	luaL_checkany(L, 1);
	return luaL_error(L, "%s", lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2)
								   : "assertion failed");
}

/* pairs */

static int key_before(lua_State *L)
{
	if (lua_type(L, 1) != lua_type(L, 2))
		lua_pushboolean(L, lua_type(L, 1) == LUA_TNUMBER);
	else if (lua_type(L, 1) == LUA_TNUMBER)
		lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	else {
		size_t n, m;
		const char *a = lua_tolstring(L, 1, &n), *b = lua_tolstring(L, 2, &m);
		int order = memcmp(a, b, n < m ? n : m);
		lua_pushboolean(L, order < 0 || (order == 0 && n < m));
	}
	return 1;
}

/* Upvalues: table, its keys in order, index of the last one given. */
static int next_pair(lua_State *L)
{
	lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));

	for (;;) {
		lua_pushinteger(L, ++i);
		lua_replace(L, lua_upvalueindex(3));
		if (lua_rawgeti(L, lua_upvalueindex(2), i) == LUA_TNIL)
			return 1;
		lua_pushvalue(L, -1);
		if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
			return 2;
		lua_pop(L, 2);
	}
}

void sonde_lib_real(lua_State *L, int idx)
{
	lua_pushvalue(L, idx);
	if (luaL_getmetafield(L, idx, "real") != LUA_TNIL)
		lua_remove(L, -2);
}

static void collect_keys(lua_State *L, int table)
{
	lua_Integer n = 0;

	lua_createtable(L, (int)lua_rawlen(L, table), 0);
	int keys = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TNUMBER && lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "pairs: a key is neither number nor text");
		sonde_sandbox_charge(L, 1);
		lua_pushvalue(L, -2);
		lua_rawseti(L, keys, ++n);
	}
}

/* Upvalue 1: table.sort. */
static int pairs(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_len(L, 1); /* a list that is filled on first use is filled now */
	if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_call(L, 1, 0);
	}
	lua_settop(L, 1);
	sonde_lib_real(L, 1);
	collect_keys(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, 3);
	lua_pushcfunction(L, key_before);
	lua_call(L, 2, 0);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_pair, 3);
	return 1;
}

/* Opening */

struct wrapper {
	const char *name;
	lua_CFunction fn;
};

static const struct wrapper wrappers[] = {
	{ "assert", check },
	{ "error", raise },
	{ "tostring", text_of },
	{ "tonumber", of_text },
	{ "string.byte", of_text },
	{ "string.format", format },
	{ "string.lower", of_text },
	{ "string.reverse", of_text },
	{ "string.upper", of_text },
	{ "table.concat", list_concat },
	{ "table.insert", list_insert },
	{ "table.remove", list_remove },
	{ "table.sort", list_sort },
	{ "table.unpack", list_unpack },
	{ NULL, NULL },
};

/* The value on top is replaced by its wrapper when it has one. */
static void wrap(lua_State *L, const char *name)
{
	for (const struct wrapper *w = wrappers; w->name; w++)
		if (!strcmp(w->name, name))
			lua_pushcclosure(L, w->fn, 1);
}

static void open_library(lua_State *L, const char *label, lua_CFunction open)
{
	size_t n = strlen(label);

	lua_pushcfunction(L, open);
	lua_call(L, 0, 1);
	lua_createtable(L, 0, 32);
	for (unsigned i = 0; sonde_sandbox_names[i]; i++) {
		const char *name = sonde_sandbox_names[i];
		if (strncmp(name, label, n) || name[n] != '.')
			continue;
		lua_getfield(L, -2, name + n + 1);
		wrap(L, name);
		lua_setfield(L, -2, name + n + 1);
	}
	lua_remove(L, -2);
}

static void open_base(lua_State *L)
{
	/* luaopen_base fills the table of globals it finds: give it one that is thrown away. */
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_createtable(L, 0, 32);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1);
	lua_insert(L, -2);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	for (unsigned i = 0; sonde_sandbox_names[i]; i++) {
		const char *name = sonde_sandbox_names[i];
		if (strchr(name, '.') || lua_getfield(L, -1, name) == LUA_TNIL) {
			lua_settop(L, 1);
			continue;
		}
		wrap(L, name);
		sonde_sandbox_global(L, name);
	}
	lua_pop(L, 1);
}

/* ("x"):rep looks in the same table as string.rep: the library's own metatable of texts, which
 * has all functions and arithmetic, is replaced. */
static void text_methods(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_createtable(L, 0, 1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

void sonde_lib_open(lua_State *L)
{
	lua_settop(L, 0);
	open_base(L);
	open_library(L, "table", luaopen_table);
	lua_getfield(L, -1, "sort");
	lua_pushcclosure(L, pairs, 1);
	sonde_sandbox_global(L, "pairs");
	sonde_sandbox_freeze(L, "table");
	sonde_sandbox_global(L, "table");
	open_library(L, "math", luaopen_math);
	sonde_sandbox_freeze(L, "math");
	sonde_sandbox_global(L, "math");
	open_library(L, "string", luaopen_string);
	sonde_sandbox_freeze(L, "string");
	text_methods(L);
	sonde_sandbox_global(L, "string");
}
