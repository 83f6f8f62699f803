/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers policies call: arguments from the Lua stack, work in choose.h, a list back. Owns
 * nothing; results live in the decision's scratch memory. Wrong arguments raise. */
#include "script/binding.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "script/lines.h"
#include "script/text.h"
#include "script/verdict.h"

enum { SHARES_MAX = 16, PARTS_MAX = 256, MESH_DEGREE_MAX = 64, SAID_MAX = 4 };

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

static int lb_spread_by(lua_State *L)
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
static int lb_mesh(lua_State *L)
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

static int lb_unique(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	struct sonde_groups g = groups(L, 2, set);
	const double *by = lua_isnoneornil(L, 3) ? NULL : numbers(L, 3);
	unsigned *out = room_for(L, set.n + 1);

	return give(L, out, sonde_filter_unique(choice_of(L), set, g, by, out), set.sorted);
}

static int lb_first(lua_State *L)
{
	struct sonde_set set = sonde_binding_check_list(L, 1);
	unsigned n = wanted(L, 2, set);

	sonde_binding_push_list(L, (struct sonde_set){ set.rows, n, set.sorted });
	return 1;
}

/* The values of a column among the set, in the order of their first node. */
static int lb_values(lua_State *L)
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

/* Answers nothing, so that it cannot change a decision. */
static int lb_log(lua_State *L)
{
	struct sonde_binding *b = sonde_sandbox_owner(L);
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	luaL_argcheck(L, len > 0 && strlen(text) == len, 1, "empty, or with a NUL");
	if (b->lines && b->said++ < SAID_MAX)
		sonde_lines_add(b->lines, SONDE_LINE_SAID, text);
	return 0;
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
	{ "above", lb_above, NULL, "set: set, column: numbers, limit: number", "set",
	  "Those whose value is above the limit, in the order of the set." },
	{ "below", lb_below, NULL, "set: set, column: numbers, limit: number", "set",
	  "Those whose value is below the limit, in the order of the set." },
	{ "by_priority", lb_by_priority, NULL,
	  "set: set, want: integer, fn: fun(group: set, want: integer): set", "set",
	  "Calls fn for the nodes of the highest priority, then for the next, until there "
	  "are enough." },
	{ "cidr_match", lb_cidr_match, NULL, "address: string, network: string", "boolean",
	  "Whether an address lies in a network such as \"10.0.0.0/8\"; false when either "
	  "is malformed." },
	{ "clear", sonde_lb_clear, NULL, "key: string, text?: string", "nil",
	  "Verdicts: what was raised by this key is over. Nothing happens where nothing was." },
	{ "deepen", sonde_lb_deepen, NULL,
	  "type: string, options?: table<string, any>, nodes?: string[]", "nil",
	  "Verdicts: beside a raise that is new, measure the same target at once with another type, from "
	  "these nodes (or the one of the result), and name that measurement in the event." },
	{ "distance", lb_distance, NULL, "lat1: number, lon1: number, lat2: number, lon2: number", "number",
	  "Great-circle distance in km." },
	{ "ends_with", lb_ends_with, NULL, "text: string, suffix: string", "boolean",
	  "Whether the text ends with the suffix." },
	{ "equal", lb_equal, NULL, "set: set, column: texts, text: string", "set",
	  "Those with this text, in the order of the set." },
	{ "first", lb_first, NULL, "set: set, n: integer", "set",
	  "The first n of the list." },
	{ "glob", lb_glob, NULL, "text: string, pattern: string", "boolean",
	  "Whether the whole text fits a pattern with * and ?, of at most 256 bytes." },
	{ "has", lb_has, NULL, "set: set, column: texts, word: string", "set",
	  "Those with this word in view.tags or view.types, in the order of the set." },
	{ "hash", lb_hash, "hash", "set: set, key: string, want: integer", "set",
	  "Rendezvous hashing over node names: the same key gets the same nodes, and few "
	  "move when one comes or goes." },
	{ "join", lb_join, NULL, "a: set, b: set, max?: integer", "set",
	  "The first list, then what the second has besides; at most max." },
	{ "least", lb_least, NULL, "set: set, column: numbers, want: integer, ties?: numbers", "set",
	  "Smallest values first; equal ones by the column `ties`, then by the seed." },
	{ "leave", sonde_lb_leave, NULL, "member: string, prefix?: string", "string[]",
	  "Verdicts: takes the member's votes out of all tallies whose key begins with the prefix; answers "
	  "the keys where it had one." },
	{ "log", lb_log, NULL, "text: string", "nil",
	  "A line for `sonde policy logs`, cut at 199 bytes; at most 4 a decision, more are dropped." },
	{ "mesh", lb_mesh, NULL, "set: set, degree: integer", "table<position, set>",
	  "An answer of peers(): each node probes the next one of a ring and others at random, "
	  "`degree` in all." },
	{ "mix", lb_mix, NULL, "set: set, want: integer, ...: numbers|number", "set",
	  "Least weighted sum: each column is scaled to 0..1 over the set. A negative "
	  "weight makes more better." },
	{ "most", lb_most, NULL, "set: set, column: numbers, want: integer, ties?: numbers", "set",
	  "Greatest values first; equal ones by the smallest of the column `ties`, then "
	  "by the seed." },
	{ "nearest", lb_nearest, NULL, "set: set, lat: number, lon: number, want: integer", "set",
	  "Nearest to a place first; nodes without a place are last." },
	{ "random", lb_random, NULL, "n?: integer", "number",
	  "From the request's seed: 0 <= x < 1, or an integer of 1..n." },
	{ "raise", sonde_lb_raise, NULL,
	  "key: string, severity: \"info\"|\"warning\"|\"error\", text: string", "nil",
	  "Verdicts: something is wrong. One event a key until it is cleared; what is raised again is "
	  "counted." },
	{ "remember", sonde_lb_remember, NULL, "key: string, value?: string|number",
	  "string|number|nil", "Verdicts: what was remembered by this key; then the new value is." },
	{ "round_robin", lb_round_robin, "round_robin", "set: set, want: integer", "set",
	  "Each node in turn; each kind of request (type, region, set) has a position of "
	  "its own." },
	{ "sample", lb_sample, "sample", "set: set, want: integer", "set",
	  "At random, all alike." },
	{ "split", lb_split, NULL, "text: string, separator?: string", "string[]",
	  "The parts of a text, without blanks around them and without empty ones; "
	  "separated by commas when nothing else is given." },
	{ "spread_by", lb_spread_by, NULL, "set: set, column: texts|numbers, want: integer", "set",
	  "As many different texts as possible: widely spread over cities, regions, "
	  "countries." },
	{ "starts_with", lb_starts_with, NULL, "text: string, prefix: string", "boolean",
	  "Whether the text begins with the prefix." },
	{ "tally", sonde_lb_tally, NULL,
	  "key: string, member?: string, group?: string, bad?: boolean, max_age?: number", "tally",
	  "Verdicts: the latest vote of each member, at most 512, not older than max_age ms; without "
	  "`bad` the member's vote is taken away. A group is bad when more than half of its members "
	  "are. Answers members, bad, groups, bad_groups, names (of bad members), where (bad groups)." },
	{ "top", lb_top, NULL, "set: set, column: numbers, k: integer", "set",
	  "The k greatest values, greatest first: a short list to go on with in Lua." },
	{ "two_choices", lb_two_choices, "two_choices", "set: set, column: numbers, want: integer", "set",
	  "Of two at random the one with the smaller value, `want` times." },
	{ "unique", lb_unique, NULL, "set: set, column: texts|numbers, by?: numbers", "set",
	  "One node of each value, in the order of the set: the one with the smallest `by`, or the "
	  "first." },
	{ "values", lb_values, NULL, "set: set, column: texts", "string[]",
	  "The different texts, in the order of their first node." },
	{ "weighted", lb_weighted, NULL, "set: set, column: numbers, want: integer", "set",
	  "At random, in proportion to the column; never one with 0 or less." },
	{ "window", sonde_lb_window, NULL, "key: string, size: integer, value?: number|boolean",
	  "window",
	  "Verdicts: the last `size` (at most 256) values of a key; a third argument is added, nil as a "
	  "missing one. Answers n, missing, loss (0..1), mean, min, max, last, jitter, p50, p90, p95, "
	  "p99. A key that is not used for long is forgotten first." },
	{ "within", lb_within, NULL, "set: set, lat: number, lon: number, km: number", "set",
	  "Those at most km away from a place, in the order of the set." },
	{ "without", lb_without, NULL, "set: set, other: set", "set",
	  "Those of the first list that the second lacks." },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

void sonde_lb_push(lua_State *L)
{
	lua_createtable(L, 0, 32);
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		lua_pushcfunction(L, r->fn);
		lua_setfield(L, -2, r->name);
	}
}
