/* SPDX-License-Identifier: Apache-2.0 */
/* Columns and lists inside a Lua state. Owns the state and the array of lists; the columns and
 * the scratch memory are borrowed. Refuses a list of an earlier decision, positions outside the
 * columns, and any write to a column. */
#include "script/binding.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "script/lib.h"

static const char list_key, view_key; /* addresses are keys of the registry */

static struct sonde_binding *binding_of(lua_State *L)
{
	return sonde_sandbox_owner(L);
}

/* Columns */

static void push_cell(lua_State *L, const struct sonde_columns *c, unsigned column, unsigned at)
{
	const struct sonde_column_info *info = &sonde_column_infos[column];
	size_t len;

	if (info->kind == SONDE_KIND_NUMBER) {
		lua_pushnumber(L, c->number[info->slot][at]);
		return;
	}
	uint32_t id = info->kind == SONDE_KIND_TEXT ? c->text[info->slot][at]
						    : c->list[info->slot][at].joined;
	const char *text = sonde_intern_text(&c->intern, id, &len);
	lua_pushlstring(L, text, len);
}

static unsigned column_at(lua_State *L, int idx)
{
	if (lua_type(L, idx) != LUA_TTABLE || lua_rawgeti(L, idx, 0) != LUA_TLIGHTUSERDATA)
		return SONDE_COL_ALL;
	const struct sonde_column_info *info = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (info < sonde_column_infos || info >= sonde_column_infos + SONDE_COL_ALL)
		return SONDE_COL_ALL;
	return (unsigned)(info - sonde_column_infos);
}

/* Filling costs in proportion to the rows, once a decision. */
static void need_past(lua_State *L)
{
	struct sonde_past *past = binding_of(L)->past;

	if (past->used)
		return;
	past->used = true;
	sonde_sandbox_charge(L, past->columns->rows / 4);
	sonde_history_fill(past->history, past->req->type, past->req->target, past->columns);
}

enum sonde_column_kind sonde_binding_column_kind(lua_State *L, int idx)
{
	unsigned column = column_at(L, lua_absindex(L, idx));

	return column < SONDE_COL_ALL ? sonde_column_infos[column].kind : SONDE_KIND_LIST;
}

unsigned sonde_binding_check_column(lua_State *L, int idx, enum sonde_column_kind kind)
{
	static const char *const what[] = {
		[SONDE_KIND_NUMBER] = "a column of numbers such as view.load expected",
		[SONDE_KIND_TEXT] = "a column of texts such as view.region expected",
		[SONDE_KIND_LIST] = "view.tags or view.types expected",
	};
	unsigned column = column_at(L, idx);

	luaL_argcheck(L, column < SONDE_COL_ALL && sonde_column_infos[column].kind == kind, idx,
	              what[kind]);
	if (sonde_column_is_past(column))
		need_past(L);
	return column;
}

static void fill_column(lua_State *L, unsigned column)
{
	struct sonde_binding *b = binding_of(L);
	const struct sonde_columns *c = b->choice.columns;

	if (b->mirrored[column])
		return;
	int64_t start = sonde_boottime_ns();
	sonde_sandbox_charge(L, c->rows / 4);
	lua_createtable(L, (int)c->rows, 0);
	for (unsigned i = 0; i < c->rows; i++) {
		push_cell(L, c, column, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_getmetatable(L, 1);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "real");
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	b->mirror[column] = luaL_ref(L, LUA_REGISTRYINDEX);
	b->mirrored[column] = b->past->mirrored[column] = true;
	sonde_sandbox_forgive(L, start); /* once in a policy's life */
}

static int column_fill(lua_State *L)
{
	unsigned column = column_at(L, 1);

	if (sonde_column_is_past(column))
		return luaL_error(L, "view.%s has no order: walk the set", sonde_column_infos[column].name);
	if (column < SONDE_COL_ALL)
		fill_column(L, column);
	return 0;
}

/* Another decision, other values: they are not kept in the state. */
static int past_index(lua_State *L, unsigned column)
{
	const struct sonde_columns *c = binding_of(L)->choice.columns;
	lua_Integer at = lua_isinteger(L, 2) ? lua_tointeger(L, 2) : 0;

	need_past(L);
	if (at < 1 || at > c->rows)
		lua_pushnil(L);
	else
		push_cell(L, c, column, (unsigned)at - 1);
	return 1;
}

static int column_index(lua_State *L)
{
	unsigned column = column_at(L, 1);

	if (sonde_column_is_past(column))
		return past_index(L, column);
	column_fill(L);
	sonde_lib_real(L, 1);
	lua_pushvalue(L, 2);
	lua_rawget(L, -2);
	return 1;
}

static int column_length(lua_State *L)
{
	lua_pushinteger(L, binding_of(L)->choice.columns->rows);
	return 1;
}

static int column_write(lua_State *L)
{
	return luaL_error(L, "a column of view cannot be changed: it is read-only");
}

static const luaL_Reg column_meta[] = {
	{ "__index", column_index },
	{ "__newindex", column_write },
	{ "__len", column_length },
	{ "__pairs", column_fill },
	{ NULL, NULL },
};

static void push_column(lua_State *L, unsigned column)
{
	lua_createtable(L, 0, 1);
	lua_pushlightuserdata(L, (void *)&sonde_column_infos[column]);
	lua_rawseti(L, -2, 0);
	luaL_newlib(L, column_meta);
	lua_setmetatable(L, -2);
}

struct change {
	struct sonde_binding *b;
	unsigned column, at;
};

static int apply_change(lua_State *L)
{
	struct change *ch = lua_touserdata(L, 1);
	const struct sonde_columns *c = ch->b->choice.columns;

	lua_rawgeti(L, LUA_REGISTRYINDEX, ch->b->mirror[ch->column]);
	for (unsigned i = (unsigned)lua_rawlen(L, -1); i < ch->at; i++) {
		push_cell(L, c, ch->column, i);
		lua_rawseti(L, -2, i + 1);
	}
	push_cell(L, c, ch->column, ch->at);
	lua_rawseti(L, -2, ch->at + 1);
	return 0;
}

void sonde_binding_changed(struct sonde_binding *b, unsigned column, unsigned at)
{
	struct change ch = { b, column, at };
	char why[64];

	if (b->mirrored[column] && !b->broken)
		b->broken = sonde_sandbox_call(&b->sandbox, apply_change, &ch, why, sizeof(why));
}

/* Lists */

static bool more_lists(struct sonde_binding *b)
{
	unsigned cap = b->lists_cap ? b->lists_cap * 2 : 64;
	struct sonde_set *more = cap <= SONDE_BINDING_LISTS
					 ? realloc(b->list, cap * sizeof(*more)) : NULL;

	if (!more)
		return false;
	b->list = more;
	b->lists_cap = cap;
	return true;
}

void sonde_binding_push_list(lua_State *L, struct sonde_set set)
{
	struct sonde_binding *b = binding_of(L);

	if (b->lists == b->lists_cap && !more_lists(b))
		luaL_error(L, "more than %d lists in one decision", SONDE_BINDING_LISTS);
	lua_createtable(L, b->lists == 0 && b->reads_set ? (int)set.n : 0, 1);
	lua_pushinteger(L, ((lua_Integer)b->generation << 16) | b->lists);
	lua_rawseti(L, -2, 0);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
	lua_setmetatable(L, -2);
	b->list[b->lists++] = set;
}

/* The C array behind a table that nobody has read yet; false when it is an ordinary table. */
static bool unread_list(lua_State *L, int idx, struct sonde_set *out)
{
	struct sonde_binding *b = binding_of(L);

	if (!lua_getmetatable(L, idx))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
	bool ours = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	if (!ours)
		luaL_argerror(L, idx, "a list of positions expected");
	lua_rawgeti(L, idx, 0);
	lua_Integer handle = lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (handle >> 16 != b->generation || (handle & 0xffff) >= b->lists)
		luaL_error(L, "this list belongs to an earlier decision");
	*out = b->list[handle & 0xffff];
	return true;
}

/* Makes the list at index 1 an ordinary table. */
static void fill_list(lua_State *L)
{
	struct sonde_set set;

	if (!unread_list(L, 1, &set))
		return;
	sonde_sandbox_charge(L, set.n / 4);
	lua_rawgeti(L, 1, 0);
	struct sonde_binding *b = binding_of(L);
	b->reads_set |= !(lua_tointeger(L, -1) & 0xffff);
	lua_pop(L, 1);
	lua_pushnil(L);
	lua_rawseti(L, 1, 0);
	lua_pushnil(L);
	lua_setmetatable(L, 1);
	for (unsigned i = 0; i < set.n; i++) {
		lua_pushinteger(L, (lua_Integer)set.rows[i] + 1);
		lua_rawseti(L, 1, i + 1);
	}
}

static int list_index(lua_State *L)
{
	fill_list(L);
	lua_settop(L, 2);
	lua_rawget(L, 1);
	return 1;
}

static int list_write(lua_State *L)
{
	fill_list(L);
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 0;
}

static int list_fill(lua_State *L)
{
	fill_list(L);
	return 0;
}

static int list_length(lua_State *L)
{
	struct sonde_set set;

	lua_pushinteger(L, unread_list(L, 1, &set) ? (lua_Integer)set.n
						   : (lua_Integer)lua_rawlen(L, 1));
	return 1;
}

static const luaL_Reg list_meta[] = {
	{ "__index", list_index },
	{ "__newindex", list_write },
	{ "__len", list_length },
	{ "__pairs", list_fill },
	{ NULL, NULL },
};

struct sonde_set sonde_binding_check_list(lua_State *L, int idx)
{
	struct sonde_binding *b = binding_of(L);
	struct sonde_set set = { 0 };

	luaL_checktype(L, idx, LUA_TTABLE);
	if (unread_list(L, idx, &set)) {
		sonde_sandbox_charge(L, set.n / 4);
		return set;
	}
	lua_Unsigned n = lua_rawlen(L, idx);
	sonde_sandbox_charge(L, n);
	unsigned *rows = n <= UINT32_MAX / 8 ? sonde_scratch_take(b->choice.scratch,
	                                                          n * sizeof(*rows)) : NULL;
	if (!rows)
		luaL_error(L, "too many or too large lists");
	for (lua_Unsigned i = 0; i < n; i++) {
		int is_int;
		lua_rawgeti(L, idx, (lua_Integer)i + 1);
		lua_Integer at = lua_tointegerx(L, -1, &is_int);
		lua_pop(L, 1);
		if (!is_int || at < 1 || at > b->choice.columns->rows)
			luaL_error(L, "entry %d of a list is not a position", (int)i + 1);
		rows[i] = (unsigned)at - 1;
	}
	return (struct sonde_set){ .rows = rows, .n = (unsigned)n };
}

/* Setting up */

void sonde_binding_push_view(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &view_key);
}

static int build(lua_State *L)
{
	luaL_newlib(L, list_meta);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
	lua_createtable(L, 0, SONDE_COL_ALL);
	for (unsigned i = 0; i < SONDE_COL_ALL; i++) {
		push_column(L, i);
		lua_setfield(L, -2, sonde_column_infos[i].name);
	}
	sonde_sandbox_freeze(L, "view");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &view_key);
	sonde_lb_push(L);
	sonde_sandbox_freeze(L, "lb");
	sonde_sandbox_global(L, "lb");
	return 0;
}

int sonde_binding_init(struct sonde_binding *b, size_t memory_max,
                       struct sonde_past *past, struct sonde_scratch *scratch,
                       struct sonde_turns *turns)
{
	char why[64];

	*b = (struct sonde_binding){ .past = past,
	                              .choice = { .columns = past->columns, .scratch = scratch,
	                                             .turns = turns } };
	int rc = sonde_sandbox_init(&b->sandbox, memory_max, b);
	if (rc == SONDE_OK)
		rc = sonde_sandbox_call(&b->sandbox, build, NULL, why, sizeof(why));
	if (rc != SONDE_OK)
		sonde_binding_deinit(b);
	return rc == SONDE_OK ? SONDE_OK : SONDE_ENOMEM;
}

void sonde_binding_move(struct sonde_binding *b, struct sonde_past *past,
                        struct sonde_scratch *scratch, struct sonde_turns *turns)
{
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		past->mirrored[i] |= b->mirrored[i];
	b->past = past;
	b->choice.columns = past->columns;
	b->choice.scratch = scratch;
	b->choice.turns = turns;
	b->windows = NULL;
	b->lines = NULL;
}

void sonde_binding_deinit(struct sonde_binding *b)
{
	sonde_sandbox_deinit(&b->sandbox);
	free(b->list);
	b->list = NULL;
}

void sonde_binding_begin(struct sonde_binding *b, uint64_t seed, uint64_t shape)
{
	b->generation++;
	b->said = 0;
	b->lists = 0;
	b->choice.seed = seed;
	b->choice.draws = 0;
	b->choice.shape = shape;
	sonde_scratch_reset(b->choice.scratch);
}
