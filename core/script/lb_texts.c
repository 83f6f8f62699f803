/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers on texts. Those whose work grows faster than a call's are charged for it, so that a long
 * text costs a policy what it costs the controller. */
#include "script/lb.h"

#include <lauxlib.h>
#include <string.h>

#include "script/sandbox.h"
#include "script/text.h"

enum { PARTS_MAX = 256 };

int sonde_lb_starts_with(lua_State *L)
{
	size_t n, m;
	const char *text = luaL_checklstring(L, 1, &n), *prefix = luaL_checklstring(L, 2, &m);

	lua_pushboolean(L, m <= n && !memcmp(text, prefix, m));
	return 1;
}

int sonde_lb_ends_with(lua_State *L)
{
	size_t n, m;
	const char *text = luaL_checklstring(L, 1, &n), *suffix = luaL_checklstring(L, 2, &m);

	lua_pushboolean(L, m <= n && !memcmp(text + n - m, suffix, m));
	return 1;
}

int sonde_lb_glob(lua_State *L)
{
	size_t n, m;
	const char *text = luaL_checklstring(L, 1, &n), *pattern = luaL_checklstring(L, 2, &m);

	luaL_argcheck(L, m <= 256, 2, "a pattern of at most 256 bytes expected");
	sonde_sandbox_charge(L, n + n * m / 2);
	lua_pushboolean(L, sonde_glob(pattern, m, text, n));
	return 1;
}

int sonde_lb_cidr_match(lua_State *L)
{
	int rc = sonde_cidr_match(luaL_checkstring(L, 1), luaL_checkstring(L, 2));

	lua_pushboolean(L, rc == 1);
	return 1;
}

int sonde_lb_split(lua_State *L)
{
	size_t len;
	const char *s = luaL_checklstring(L, 1, &len), *end = s + len;
	const char *separator = luaL_optstring(L, 2, ",");
	lua_Integer n = 0;

	luaL_argcheck(L, separator[0] && !separator[1], 2, "one byte expected");
	sonde_sandbox_charge(L, len);
	lua_newtable(L);
	while (s < end) {
		const char *stop = memchr(s, separator[0], (size_t)(end - s));
		stop = stop ? stop : end;
		const char *a = s, *b = stop;
		while (a < b && *a == ' ')
			a++;
		while (b > a && b[-1] == ' ')
			b--;
		if (b > a) {
			if (n >= PARTS_MAX)
				return luaL_error(L, "more than %d parts", PARTS_MAX);
			lua_pushlstring(L, a, (size_t)(b - a));
			lua_rawseti(L, -2, ++n);
		}
		s = stop + 1;
	}
	return 1;
}
