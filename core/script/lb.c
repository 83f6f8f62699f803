/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers policies call: arguments from the Lua stack, work in choose.h, a list back. Owns
 * nothing; results live in the decision's scratch memory. Wrong arguments raise. */
#include "script/binding.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "script/text.h"

enum { SHARES_MAX = 16, PARTS_MAX = 256 };

static struct sonde_choice *choice_of(lua_State *L)
{
	struct sonde_binding *b = sonde_sandbox_owner(L);
	return &b->choice;
}

static const double *numbers(lua_State *L, int idx)
{
	unsigned column = sonde_binding_check_column(L, idx, SONDE_KIND_NUMBER);
	return sonde_columns_numbers(choice_of(L)->columns, column);
}

static const uint32_t *texts(lua_State *L, int idx)
{
	unsigned column = sonde_binding_check_column(L, idx, SONDE_KIND_TEXT);
	return sonde_columns_texts(choice_of(L)->columns, column);
}

static unsigned wanted(lua_State *L, int idx, struct sonde_set set)
{
	lua_Integer n = luaL_checkinteger(L, idx);

	luaL_argcheck(L, n >= 0, idx, "a number of nodes expected");
	return n < (lua_Integer)set.n ? (unsigned)n : set.n;
}

static unsigned *room_for(lua_State *L, unsigned n)
{
	unsigned *rows = sonde_scratch_take(choice_of(L)->scratch, (size_t)n * sizeof(*rows));

	if (!rows)
		luaL_error(L, "too many or too large lists");
	return rows;
}

static int give(lua_State *L, const unsigned *rows, int n, bool sorted)
{
	if (n < 0)
		return luaL_error(L, "too many or too large lists");
	sonde_binding_push_list(L, (struct sonde_set){ rows, (unsigned)n, sorted });
	return 1;
}

static int order(lua_State *L, int sign)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned want = wanted(L, 3, set);
	const double *ties = lua_isnoneornil(L, 4) ? NULL : numbers(L, 4);
	unsigned *out = room_for(L, want);

	return give(L, out, sonde_choose_least(choice_of(L), set, column, sign, ties, want, out),
	            false);
}

static int lb_least(lua_State *L)
{
	return order(L, 1);
}

static int lb_most(lua_State *L)
{
	return order(L, -1);
}

static int lb_top(lua_State *L)
{
	lua_settop(L, 3);
	return order(L, -1);
}

static int lb_below(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_below(set, column, luaL_checknumber(L, 3), out),
	            set.sorted);
}

static int lb_above(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_above(set, column, luaL_checknumber(L, 3), out),
	            set.sorted);
}

static uint32_t word(lua_State *L, int idx)
{
	size_t len;
	const char *text = luaL_checklstring(L, idx, &len);

	return sonde_intern_find(&choice_of(L)->columns->intern, text, len);
}

static int lb_equal(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const uint32_t *column = texts(L, 2);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_equal(set, column, word(L, 3), out), set.sorted);
}

static int lb_has(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned column = sonde_binding_check_column(L, 2, SONDE_KIND_LIST);
	const struct sonde_id_list *lists =
		choice_of(L)->columns->list[sonde_column_infos[column].slot];
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_has(set, lists, word(L, 3), out), set.sorted);
}

static int lb_weighted(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_weighted(choice_of(L), set, column, want, out), false);
}

static int lb_two_choices(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_two(choice_of(L), set, column, want, out), false);
}

static int lb_sample(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned want = wanted(L, 2, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_sample(choice_of(L), set, want, out), false);
}

static int lb_round_robin(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned want = wanted(L, 2, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_round_robin(choice_of(L), set, want, out), false);
}

static int lb_hash(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	size_t len;
	const char *key = luaL_checklstring(L, 2, &len);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	sonde_sandbox_charge(L, len / 4);
	return give(L, out, sonde_choose_hash(choice_of(L), set, key, len, want, out), false);
}

static int lb_spread_by(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const uint32_t *column = texts(L, 2);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_spread(choice_of(L), set, column, want, out), false);
}

static int lb_mix(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned want = wanted(L, 2, set), *out = room_for(L, want), n = 0;
	struct sonde_share share[SHARES_MAX];

	for (int i = 3; i <= lua_gettop(L); i += 2) {
		luaL_argcheck(L, n < SHARES_MAX, i, "too many columns");
		share[n].column = numbers(L, i);
		share[n++].weight = luaL_checknumber(L, i + 1);
	}
	sonde_sandbox_charge(L, (size_t)set.n * n / 4);
	return give(L, out, sonde_choose_mix(choice_of(L), set, share, n, want, out), false);
}

static int lb_nearest(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	double lat = luaL_checknumber(L, 2), lon = luaL_checknumber(L, 3);
	unsigned want = wanted(L, 4, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_nearest(choice_of(L), set, lat, lon, want, out), false);
}

static int lb_within(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	double lat = luaL_checknumber(L, 2), lon = luaL_checknumber(L, 3);
	double km = luaL_checknumber(L, 4);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out,
	            (int)sonde_filter_within(choice_of(L)->columns, set, lat, lon, km, out),
	            set.sorted);
}

static int lb_distance(lua_State *L)
{
	lua_pushnumber(L, sonde_distance(luaL_checknumber(L, 1), luaL_checknumber(L, 2),
	                                 luaL_checknumber(L, 3), luaL_checknumber(L, 4)));
	return 1;
}

/* One byte a row, so that joining is linear. */
static unsigned char *marks(lua_State *L)
{
	unsigned rows = choice_of(L)->columns->rows;
	unsigned char *m = sonde_scratch_take(choice_of(L)->scratch, rows + 1);

	if (!m)
		luaL_error(L, "too many or too large lists");
	return memset(m, 0, rows + 1);
}

static unsigned add_unmarked(struct sonde_set set, unsigned char *m, unsigned n, unsigned max,
                             unsigned *out)
{
	for (unsigned i = 0; i < set.n && n < max; i++) {
		if (m[set.rows[i]]++)
			continue;
		out[n++] = set.rows[i];
	}
	return n;
}

static int lb_join(lua_State *L)
{
	struct sonde_set a = sonde_binding_check_list(L, 1), b = sonde_binding_check_list(L, 2);
	lua_Integer max = luaL_optinteger(L, 3, (lua_Integer)a.n + b.n);
	unsigned char *m = marks(L);

	luaL_argcheck(L, max >= 0, 3, "a number of nodes expected");
	if (max > (lua_Integer)a.n + b.n)
		max = (lua_Integer)a.n + b.n;
	unsigned *out = room_for(L, (unsigned)max + 1);
	unsigned n = add_unmarked(a, m, 0, (unsigned)max, out);
	n = add_unmarked(b, m, n, (unsigned)max, out);
	return give(L, out, (int)n, false);
}

static int lb_without(lua_State *L)
{
	struct sonde_set a = sonde_binding_check_list(L, 1), b = sonde_binding_check_list(L, 2);
	unsigned char *m = marks(L);
	unsigned *out = room_for(L, a.n + 1), n = 0;

	for (unsigned i = 0; i < b.n; i++)
		m[b.rows[i]] = 1;
	for (unsigned i = 0; i < a.n; i++) {
		out[n] = a.rows[i];
		n += !m[a.rows[i]];
	}
	return give(L, out, (int)n, a.sorted);
}

/* fn(group, want) for each group of equal priority, highest first, until there are enough. */
static int lb_by_priority(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned want = wanted(L, 2, set), *out = room_for(L, want), got = 0, start = 0;
	unsigned ends[SONDE_PRIORITIES];
	const unsigned *rows = NULL;

	luaL_checktype(L, 3, LUA_TFUNCTION);
	int groups = sonde_split_priority(choice_of(L), set, want, &rows, ends);
	for (int g = 0; g < groups && got < want; start = ends[g++]) {
		lua_settop(L, 3);
		lua_pushvalue(L, 3);
		sonde_binding_push_list(
			L, (struct sonde_set){ rows + start, ends[g] - start, set.sorted });
		lua_pushinteger(L, want - got);
		lua_call(L, 2, 1);
		struct sonde_set part = sonde_binding_check_list(L, 4);
		unsigned n = part.n < want - got ? part.n : want - got;
		memcpy(out + got, part.rows, (size_t)n * sizeof(*out));
		got += n;
	}
	return give(L, out, groups < 0 ? groups : (int)got, false);
}

static int lb_random(lua_State *L)
{
	if (lua_isnoneornil(L, 1)) {
		lua_pushnumber(L, (double)sonde_draw(choice_of(L), UINT64_C(1) << 53) * 0x1p-53);
		return 1;
	}
	lua_Integer n = luaL_checkinteger(L, 1);
	luaL_argcheck(L, n >= 1, 1, "a number from 1 on expected");
	lua_pushinteger(L, (lua_Integer)sonde_draw(choice_of(L), (uint64_t)n) + 1);
	return 1;
}

/* Texts */

static int lb_starts_with(lua_State *L)
{
	size_t n, m;
	const char *text = luaL_checklstring(L, 1, &n), *prefix = luaL_checklstring(L, 2, &m);

	lua_pushboolean(L, m <= n && !memcmp(text, prefix, m));
	return 1;
}

static int lb_ends_with(lua_State *L)
{
	size_t n, m;
	const char *text = luaL_checklstring(L, 1, &n), *suffix = luaL_checklstring(L, 2, &m);

	lua_pushboolean(L, m <= n && !memcmp(text + n - m, suffix, m));
	return 1;
}

static int lb_glob(lua_State *L)
{
	size_t n, m;
	const char *text = luaL_checklstring(L, 1, &n), *pattern = luaL_checklstring(L, 2, &m);

	luaL_argcheck(L, m <= 256, 2, "a pattern of at most 256 bytes expected");
	sonde_sandbox_charge(L, n + n * m / 2);
	lua_pushboolean(L, sonde_glob(pattern, m, text, n));
	return 1;
}

static int lb_cidr_match(lua_State *L)
{
	int rc = sonde_cidr_match(luaL_checkstring(L, 1), luaL_checkstring(L, 2));

	lua_pushboolean(L, rc == 1);
	return 1;
}

static int lb_split(lua_State *L)
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

const struct sonde_lb_row sonde_lb_rows[] = {
	{ "above", lb_above, NULL, "above(set, column, limit)" },
	{ "below", lb_below, NULL, "below(set, column, limit)" },
	{ "by_priority", lb_by_priority, NULL, "by_priority(set, want, fn)" },
	{ "cidr_match", lb_cidr_match, NULL, "cidr_match(address, network)" },
	{ "distance", lb_distance, NULL, "distance(lat1, lon1, lat2, lon2)" },
	{ "ends_with", lb_ends_with, NULL, "ends_with(text, suffix)" },
	{ "equal", lb_equal, NULL, "equal(set, column, text)" },
	{ "glob", lb_glob, NULL, "glob(text, pattern)" },
	{ "has", lb_has, NULL, "has(set, column, word)" },
	{ "hash", lb_hash, "hash", "hash(set, key, want)" },
	{ "join", lb_join, NULL, "join(a, b, max)" },
	{ "least", lb_least, NULL, "least(set, column, want, ties)" },
	{ "mix", lb_mix, NULL, "mix(set, want, ...)" },
	{ "most", lb_most, NULL, "most(set, column, want, ties)" },
	{ "nearest", lb_nearest, NULL, "nearest(set, lat, lon, want)" },
	{ "random", lb_random, NULL, "random(n)" },
	{ "round_robin", lb_round_robin, "round_robin", "round_robin(set, want)" },
	{ "sample", lb_sample, "sample", "sample(set, want)" },
	{ "split", lb_split, NULL, "split(text, separator)" },
	{ "spread_by", lb_spread_by, NULL, "spread_by(set, column, want)" },
	{ "starts_with", lb_starts_with, NULL, "starts_with(text, prefix)" },
	{ "top", lb_top, NULL, "top(set, column, k)" },
	{ "two_choices", lb_two_choices, "two_choices", "two_choices(set, column, want)" },
	{ "weighted", lb_weighted, NULL, "weighted(set, column, want)" },
	{ "within", lb_within, NULL, "within(set, lat, lon, km)" },
	{ "without", lb_without, NULL, "without(set, other)" },
	{ NULL, NULL, NULL, NULL },
};

void sonde_lb_push(lua_State *L)
{
	lua_createtable(L, 0, 32);
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		lua_pushcfunction(L, r->fn);
		lua_setfield(L, -2, r->name);
	}
}
