/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers that take and give sets of nodes: arguments from the Lua stack, work in choose.h, a
 * list back. Owns nothing; results live in the decision's scratch memory. Wrong arguments raise. */
#include "script/lb.h"

#include <lauxlib.h>
#include <string.h>

#include "base/status.h"
#include "script/binding.h"

enum { SHARES_MAX = 16, MESH_DEGREE_MAX = 64 };

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

int sonde_lb_least(lua_State *L)
{
	return order(L, 1);
}

int sonde_lb_most(lua_State *L)
{
	return order(L, -1);
}

int sonde_lb_top(lua_State *L)
{
	lua_settop(L, 3);
	return order(L, -1);
}

int sonde_lb_below(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_below(set, column, luaL_checknumber(L, 3), out),
	            set.sorted);
}

int sonde_lb_above(lua_State *L)
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

int sonde_lb_equal(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const uint32_t *column = texts(L, 2);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_equal(set, column, word(L, 3), out), set.sorted);
}

int sonde_lb_has(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned column = sonde_binding_check_column(L, 2, SONDE_KIND_LIST);
	const struct sonde_id_list *lists =
		choice_of(L)->columns->list[sonde_column_infos[column].slot];
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, (int)sonde_filter_has(set, lists, word(L, 3), out), set.sorted);
}

int sonde_lb_weighted(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_weighted(choice_of(L), set, column, want, out), false);
}

int sonde_lb_two_choices(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const double *column = numbers(L, 2);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_two(choice_of(L), set, column, want, out), false);
}

int sonde_lb_sample(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned want = wanted(L, 2, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_sample(choice_of(L), set, want, out), false);
}

int sonde_lb_round_robin(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned want = wanted(L, 2, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_round_robin(choice_of(L), set, want, out), false);
}

int sonde_lb_hash(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	size_t len;
	const char *key = luaL_checklstring(L, 2, &len);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	sonde_sandbox_charge(L, len / 4);
	return give(L, out, sonde_choose_hash(choice_of(L), set, key, len, want, out), false);
}

/* Groups by a column of texts or of numbers. */
static struct sonde_groups groups(lua_State *L, int idx, struct sonde_set set)
{
	struct sonde_choice *ch = choice_of(L);
	struct sonde_groups g = { .texts = true };

	if (sonde_binding_column_kind(L, idx) == SONDE_KIND_NUMBER) {
		if (sonde_groups_of_numbers(ch, set, numbers(L, idx), &g) != SONDE_OK)
			luaL_error(L, "too many or too large lists");
	} else {
		g.id = texts(L, idx);
		g.count = ch->columns->intern.count;
	}
	return g;
}

int sonde_lb_spread_by(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	struct sonde_groups g = groups(L, 2, set);
	unsigned want = wanted(L, 3, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_spread(choice_of(L), set, g, want, out), false);
}

/* Everybody's others, each beginning with its neighbour, so that a part of them is a mesh, too. */
static void all_others(struct sonde_set set, unsigned *ring, unsigned *out)
{
	for (unsigned i = 0; i < set.n; i++) {
		ring[i] = set.rows[i];
		for (unsigned k = 1; k < set.n; k++)
			*out++ = set.rows[(i + k) % set.n];
	}
}

/* The whole answer of peers(). Drawing without repeats is quick while the degree is at most half. */
int sonde_lb_mesh(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	lua_Integer asked = luaL_checkinteger(L, 2);

	luaL_argcheck(L, asked >= 1 && asked <= MESH_DEGREE_MAX, 2, "a degree of 1 to 64 expected");
	lua_createtable(L, 0, (int)set.n);
	if (set.n < 2)
		return 1;
	unsigned degree = asked < (lua_Integer)set.n ? (unsigned)asked : set.n - 1;
	bool full = degree > set.n / 2;
	if (full)
		degree = set.n - 1;
	sonde_sandbox_charge(L, (size_t)set.n * degree);
	unsigned *ring = room_for(L, set.n), *out = room_for(L, set.n * degree);
	if (full)
		all_others(set, ring, out);
	else if (sonde_choose_mesh(choice_of(L), set, degree, ring, out) < 0)
		return luaL_error(L, "too many or too large lists");
	unsigned keep = asked < (lua_Integer)degree ? (unsigned)asked : degree;
	for (unsigned i = 0; i < set.n; i++) {
		sonde_binding_push_list(L, (struct sonde_set){ out + (size_t)i * degree, keep, false });
		lua_rawseti(L, -2, (lua_Integer)ring[i] + 1);
	}
	return 1;
}

int sonde_lb_unique(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	struct sonde_groups g = groups(L, 2, set);
	const double *by = lua_isnoneornil(L, 3) ? NULL : numbers(L, 3);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, sonde_filter_unique(choice_of(L), set, g, by, out), set.sorted);
}

int sonde_lb_first(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned n = wanted(L, 2, set);

	sonde_binding_push_list(L, (struct sonde_set){ set.rows, n, set.sorted });
	return 1;
}

/* The values of a column among the set, in the order of their first node. */
int sonde_lb_values(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	const uint32_t *column = texts(L, 2);
	struct sonde_choice *ch = choice_of(L);
	struct sonde_groups g = { column, ch->columns->intern.count, true };
	unsigned *first = room_for(L, set.n + 1);
	int n = sonde_filter_unique(ch, set, g, NULL, first);

	if (n < 0)
		return luaL_error(L, "too many or too large lists");
	sonde_sandbox_charge(L, set.n + (size_t)n * 4);
	lua_createtable(L, n, 0);
	for (int i = 0; i < n; i++) {
		size_t len;
		const char *text = sonde_intern_text(&ch->columns->intern, column[first[i]], &len);
		lua_pushlstring(L, text, len);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

int sonde_lb_mix(lua_State *L)
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

int sonde_lb_nearest(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	double lat = luaL_checknumber(L, 2), lon = luaL_checknumber(L, 3);
	unsigned want = wanted(L, 4, set), *out = room_for(L, want);

	return give(L, out, sonde_choose_nearest(choice_of(L), set, lat, lon, want, out), false);
}

int sonde_lb_within(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	double lat = luaL_checknumber(L, 2), lon = luaL_checknumber(L, 3);
	double km = luaL_checknumber(L, 4);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out,
	            (int)sonde_filter_within(choice_of(L)->columns, set, lat, lon, km, out),
	            set.sorted);
}

int sonde_lb_distance(lua_State *L)
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

int sonde_lb_join(lua_State *L)
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

int sonde_lb_without(lua_State *L)
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
int sonde_lb_by_priority(lua_State *L)
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
			L, (struct sonde_set){ rows + start, ends[g] - start, set.sorted,
			                       ends[g] - start == set.n ? set.id : 0 });
		lua_pushinteger(L, want - got);
		lua_call(L, 2, 1);
		struct sonde_set part = sonde_binding_check_list(L, 4);
		unsigned n = part.n < want - got ? part.n : want - got;
		memcpy(out + got, part.rows, (size_t)n * sizeof(*out));
		got += n;
	}
	return give(L, out, groups < 0 ? groups : (int)got, false);
}

int sonde_lb_random(lua_State *L)
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
