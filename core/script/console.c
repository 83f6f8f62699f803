/* SPDX-License-Identifier: Apache-2.0 */
/* Lines run in the state of the policy's program, with limits a thousand times those of a decision and
 * with globals unsealed. Owns the policies and the snapshot's rows. Refuses what the sandbox refuses. */
#include "script/console.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/names.h"
#include "script/policies.h"
#include "script/replay.h"

enum { WALL_MS = 5000, MEMORY = 128 << 20, ITEMS_SHOWN = 20, DEPTH_SHOWN = 3, TEXT_SHOWN = 400 };
static const uint64_t instructions = UINT64_C(200000000);

struct sonde_console {
	struct sonde_policies *policies;
	struct sonde_replay replay;
	struct sonde_request request;
	char name[SONDE_POLICY_NAME + 1];
	const char *line;
	size_t len;
	struct sonde_buf *out;
};

static struct sonde_program *program_of(const struct sonde_console *c)
{
	return sonde_policies_find(c->policies, c->name)->program;
}

/* ---- showing values ---- */

static void show(lua_State *L, struct sonde_console *c, int depth);

static void show_node(struct sonde_console *c, lua_Integer at)
{
	const char *name = at >= 1 && at <= c->policies->columns.rows ?
			   sonde_column_peek_text(c->policies, (unsigned)at - 1, SONDE_COL_NAME) : "";

	sonde_buf_printf(c->out, *name ? "%lld %.64s" : "%lld", (long long)at, name);
}

/* The list on top, however it came: positions with the names of their nodes. */
static void show_set(lua_State *L, struct sonde_console *c)
{
	struct sonde_set set = sonde_binding_check_list(L, lua_gettop(L));

	sonde_buf_printf(c->out, "%u nodes:", set.n);
	for (unsigned i = 0; i < set.n && i < ITEMS_SHOWN; i++) {
		sonde_buf_str(c->out, i ? ", " : " ");
		show_node(c, (lua_Integer)set.rows[i] + 1);
	}
	if (set.n > ITEMS_SHOWN)
		sonde_buf_str(c->out, ", ...");
}

static void show_column(lua_State *L, struct sonde_console *c)
{
	int column = lua_gettop(L);
	lua_Integer shown = 0;

	for (unsigned i = 0; i < c->replay.n && shown < ITEMS_SHOWN; i++, shown++) {
		sonde_buf_str(c->out, shown ? ", " : "");
		show_node(c, (lua_Integer)c->replay.rows[i] + 1);
		sonde_buf_str(c->out, " = ");
		lua_geti(L, column, (lua_Integer)c->replay.rows[i] + 1);
		show(L, c, DEPTH_SHOWN);
		lua_settop(L, column);
	}
	if (c->replay.n > ITEMS_SHOWN)
		sonde_buf_str(c->out, ", ...");
}

static bool is_column(lua_State *L)
{
	int top = lua_gettop(L);
	bool yes = lua_type(L, top) == LUA_TTABLE && lua_rawgeti(L, top, 0) == LUA_TLIGHTUSERDATA;

	lua_settop(L, top);
	return yes;
}

static bool is_set(lua_State *L)
{
	int top = lua_gettop(L);
	bool yes = lua_rawgeti(L, top, 0) == LUA_TNUMBER && lua_getmetatable(L, top);

	lua_settop(L, top);
	return yes;
}

/* Keys in the order that pairs() of a policy has. */
static void show_table(lua_State *L, struct sonde_console *c, int depth)
{
	int table = lua_gettop(L), n = 0;

	lua_getglobal(L, "pairs");
	lua_pushvalue(L, table);
	lua_call(L, 1, 1);
	sonde_buf_char(c->out, '{');
	for (;;) {
		lua_settop(L, table + 1);
		lua_pushvalue(L, table + 1);
		lua_call(L, 0, 2);
		if (lua_isnil(L, -2))
			break;
		sonde_buf_str(c->out, n++ ? ", " : " ");
		if (n > ITEMS_SHOWN || depth == 0) {
			sonde_buf_str(c->out, "...");
			break;
		}
		if (lua_type(L, -2) == LUA_TSTRING)
			sonde_buf_printf(c->out, "%.64s = ", lua_tostring(L, -2));
		else if (lua_tointeger(L, -2) != n)
			sonde_buf_printf(c->out, "[%lld] = ", (long long)lua_tointeger(L, -2));
		show(L, c, depth - 1);
	}
	sonde_buf_str(c->out, n ? " }" : "}");
	lua_settop(L, table);
}

/* The value on top; the stack is the same afterwards. */
static void show(lua_State *L, struct sonde_console *c, int depth)
{
	int top = lua_gettop(L), type = lua_type(L, top);
	size_t len;

	luaL_checkstack(L, 16, "nested too deep");
	if (type == LUA_TTABLE && is_column(L)) {
		show_column(L, c);
	} else if (type == LUA_TTABLE && is_set(L)) {
		show_set(L, c);
	} else if (type == LUA_TTABLE) {
		show_table(L, c, depth);
	} else if (type == LUA_TSTRING) {
		const char *text = lua_tolstring(L, top, &len);
		sonde_json_quote(c->out, text, len < TEXT_SHOWN ? len : TEXT_SHOWN);
	} else if (type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL) {
		sonde_buf_str(c->out, luaL_tolstring(L, top, NULL));
	} else {
		sonde_buf_str(c->out, lua_typename(L, type));
	}
	lua_settop(L, top);
}

/* ---- a line ---- */

static int compile(lua_State *L, const struct sonde_console *c)
{
	static const char before[] = "return ";
	char *text = malloc(c->len + sizeof(before));

	if (!text)
		return luaL_error(L, "out of memory");
	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + sizeof(before) - 1, c->line, c->len);
	int rc = sonde_sandbox_compile(L, "=line", text, c->len + sizeof(before) - 1);
	free(text);
	if (rc == LUA_OK)
		return rc;
	lua_settop(L, 1);
	rc = sonde_sandbox_compile(L, "=line", c->line, c->len);
	return rc == LUA_OK ? rc : lua_error(L);
}

static int run_line(lua_State *L)
{
	struct sonde_console *c = lua_touserdata(L, 1);

	compile(L, c);
	lua_call(L, 0, LUA_MULTRET);
	int last = lua_gettop(L);
	for (int i = 2; i <= last; i++) {
		lua_pushvalue(L, i);
		sonde_buf_str(c->out, i > 2 ? "  " : "");
		show(L, c, DEPTH_SHOWN);
		lua_settop(L, last);
	}
	return 0;
}

static void arm(struct sonde_sandbox *s)
{
	sonde_sandbox_arm(s, instructions, WALL_MS * SONDE_NS_PER_MS);
}

int sonde_console_run(struct sonde_console *c, const char *line, size_t len, struct sonde_buf *out)
{
	struct sonde_sandbox *s = &program_of(c)->binding.sandbox;
	char why[300];

	c->line = line;
	c->len = len;
	c->out = out;
	arm(s);
	int rc = sonde_sandbox_call(s, run_line, c, why, sizeof(why));
	sonde_sandbox_disarm(s);
	sonde_sandbox_sweep(s);
	if (rc == SONDE_OK)
		return rc;
	sonde_buf_reset(out);
	sonde_buf_str(out, why);
	return SONDE_EINVAL;
}

/* ---- a decision ---- */

static int set_up(lua_State *L)
{
	struct sonde_console *c = lua_touserdata(L, 1);
	struct sonde_program *p = program_of(c);
	struct sonde_question q = { SONDE_ENTRY_PICK, &c->request, c->request.want, p->params_ref, NULL };

	sonde_question_push(L, &q);
	sonde_sandbox_global(L, "req");
	sonde_binding_push_list(L, (struct sonde_set){ c->replay.rows, c->replay.n, true });
	sonde_sandbox_global(L, "set");
	sonde_binding_push_view(L);
	sonde_sandbox_global(L, "view");
	lua_createtable(L, 0, SONDE_ENTRY_COUNT);
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++)
		if (p->entry[i] != LUA_NOREF) {
			lua_rawgeti(L, LUA_REGISTRYINDEX, p->entry[i]);
			lua_setfield(L, -2, sonde_entry_rows[i].name);
		}
	sonde_sandbox_global(L, "policy");
	return 0;
}

/* A new decision for the helpers; what is global stays. */
static int begin(struct sonde_console *c, char *why, size_t room)
{
	struct sonde_program *p = program_of(c);

	sonde_binding_begin(&p->binding, c->request.seed, 0);
	c->policies->past.req = &c->request;
	c->policies->past.used = false;
	p->binding.sandbox.sealed = false;
	arm(&p->binding.sandbox);
	int rc = sonde_sandbox_call(&p->binding.sandbox, set_up, c, why, room);
	sonde_sandbox_disarm(&p->binding.sandbox);
	return rc;
}

void sonde_console_decide(struct sonde_console *c, struct sonde_buf *out)
{
	struct sonde_decision d = { .rows = calloc(c->request.want + 1, sizeof(*d.rows)) };
	char why[128];

	if (!d.rows)
		return;
	c->out = out;
	program_of(c)->binding.sandbox.sealed = true;
	sonde_policy_pick(c->policies, c->name, &c->request, c->replay.rows, c->replay.n, &d);
	sonde_buf_printf(out, "%u of %u:", d.count, c->replay.n);
	for (unsigned i = 0; i < d.count; i++) {
		sonde_buf_str(out, i ? ", " : " ");
		show_node(c, (lua_Integer)d.rows[i] + 1);
	}
	sonde_buf_printf(out, " (%s%s, %u us)", d.fallback ? "fell back: " : "", d.reason, d.took_us);
	free(d.rows);
	begin(c, why, sizeof(why));
}

unsigned sonde_console_nodes(const struct sonde_console *c)
{
	return c->replay.n;
}

static int open_console(struct sonde_console *c, const char *file, const char *text, size_t len,
                        const json_t *snapshot, struct sonde_error *err)
{
	struct sonde_policy_limits limits = { .memory = MEMORY, .wall_ms = WALL_MS };
	char why[200];

	int rc = sonde_policies_new(&limits, &c->policies);
	if (rc != SONDE_OK)
		return sonde_fail(err, rc, NULL, "out of memory");
	rc = sonde_policy_load(c->policies, c->name, file, text, len, err);
	if (rc == SONDE_OK)
		rc = sonde_replay_open(c->policies, snapshot, &c->replay, err);
	if (rc == SONDE_OK)
		rc = sonde_policy_check_params(c->policies, c->name, c->request.params_json, err);
	if (rc == SONDE_OK && begin(c, why, sizeof(why)) != SONDE_OK)
		rc = sonde_fail(err, SONDE_EINVAL, NULL, "%s", why);
	return rc;
}

int sonde_console_new(const char *name, const char *file, const char *text, size_t len,
                      const json_t *snapshot, const struct sonde_request *req,
                      struct sonde_console **out, struct sonde_error *err)
{
	struct sonde_console *c = calloc(1, sizeof(*c));

	if (!c)
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->request = *req;
	int rc = open_console(c, file, text, len, snapshot, err);
	if (rc != SONDE_OK) {
		sonde_console_free(c);
		return rc;
	}
	*out = c;
	return SONDE_OK;
}

void sonde_console_free(struct sonde_console *c)
{
	if (!c)
		return;
	sonde_replay_close(&c->replay);
	sonde_policies_free(c->policies);
	free(c);
}
