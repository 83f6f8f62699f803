/* SPDX-License-Identifier: Apache-2.0 */
/* The state, its allocator, its hook and its environment. Owns the lua_State. Refuses bytecode,
 * and every name that is not in sonde_sandbox_names; the refusal says the name.
 *
 * _ENV is an empty table whose metatable reads through to the real names and refuses writes; the
 * libraries are the same. No policy can reach a metatable, so that none can undo this. */
#include "script/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "script/lib.h"

enum { HOOK_STEP = 1000, LOOK = 65536, SWEEP_KB = 64 };

static const char *const stop_text[] = {
	[SONDE_STOP_MEMORY] = "memory limit reached",
	[SONDE_STOP_INSTRUCTIONS] = "instruction limit reached",
	[SONDE_STOP_TIME] = "time limit reached",
};

/* Limits */

static struct sonde_sandbox *sandbox_of(lua_State *L)
{
	return *(struct sonde_sandbox **)lua_getextraspace(L);
}

void *sonde_sandbox_owner(lua_State *L)
{
	return sandbox_of(L)->owner;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * SONDE_NS_PER_S + t.tv_nsec;
}

/* The thread's own clock costs a system call, so that short decisions never read it: the first look
 * comes within a thousand instructions of the start. */
static bool late(struct sonde_sandbox *s)
{
	s->unseen = 0;
	if (!s->cpu_end_ns)
		s->cpu_end_ns = cpu_ns() + s->wall_ns;
	if (sonde_boottime_ns() <= s->deadline_ns || cpu_ns() <= s->cpu_end_ns)
		return false;
	s->stop = SONDE_STOP_TIME;
	return true;
}

static void hook(lua_State *L, lua_Debug *ar);

/* An allocation that fails makes Lua collect everything at once, which takes longer than a decision
 * may. So the limit is announced at half of it: the next instruction raises. */
static bool refuse_growth(struct sonde_sandbox *s, size_t fresh, size_t more)
{
	if (s->memory + more > s->memory_max) {
		s->stop = s->armed ? SONDE_STOP_MEMORY : s->stop;
		return true;
	}
	if (!s->armed)
		return false;
	if (s->memory + more > s->memory_max / 2 && s->stop == SONDE_STOP_NONE) {
		s->stop = SONDE_STOP_MEMORY;
		lua_sethook(s->L, hook, LUA_MASKCOUNT, 1);
	}
	s->unseen += fresh < LOOK ? (uint32_t)fresh : LOOK;
	return s->stop == SONDE_STOP_TIME || (s->unseen >= LOOK && late(s));
}

static void *allocate(void *arg, void *old, size_t old_size, size_t size)
{
	struct sonde_sandbox *s = arg;
	bool is_text = !old && old_size == LUA_TSTRING;
	size_t held = old ? old_size : 0;

	if (!size) {
		free(old);
		s->memory -= held;
		return NULL;
	}
	if (is_text && size > SONDE_SANDBOX_STRING + 64)
		return NULL;
	if (size > held && refuse_growth(s, size, size - held))
		return NULL;
	void *p = realloc(old, size);
	if (p)
		s->memory = s->memory - held + size;
	else if (size <= held)
		p = old; /* Lua relies on shrinking to succeed; the block is large enough */
	return p;
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct sonde_sandbox *s = sandbox_of(L);

	s->spent += HOOK_STEP;
	if (s->stop == SONDE_STOP_NONE && s->spent > s->spent_max)
		s->stop = SONDE_STOP_INSTRUCTIONS;
	else if (s->stop == SONDE_STOP_NONE && !late(s))
		return;
	/* Should anything ever catch this error, the next instruction raises it again. */
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	lua_getinfo(L, "Sl", ar);
	lua_pushfstring(L, "%s:%d: %s", ar->short_src, ar->currentline, stop_text[s->stop]);
	lua_error(L);
}

void sonde_sandbox_charge(lua_State *L, size_t n)
{
	struct sonde_sandbox *s = sandbox_of(L);

	s->spent += n;
	s->unseen += n < LOOK ? (uint32_t)n * 8 : LOOK;
	if (!s->armed)
		return;
	if (s->stop == SONDE_STOP_NONE && s->spent > s->spent_max)
		s->stop = SONDE_STOP_INSTRUCTIONS;
	else if (s->stop == SONDE_STOP_NONE && (s->unseen < LOOK || !late(s)))
		return;
	luaL_error(L, "%s", stop_text[s->stop]);
}

void sonde_sandbox_forgive(lua_State *L, int64_t start_ns)
{
	struct sonde_sandbox *s = sandbox_of(L);
	int64_t took = sonde_boottime_ns() - start_ns;

	s->deadline_ns += took;
	if (s->cpu_end_ns)
		s->cpu_end_ns += took;
}

bool sonde_sandbox_sweep(struct sonde_sandbox *s)
{
	int64_t end = sonde_boottime_ns() + SONDE_NS_PER_MS;

	while (sonde_boottime_ns() < end)
		if (lua_gc(s->L, LUA_GCSTEP, SWEEP_KB))
			return s->memory < s->memory_max / 2;
	return false;
}

void sonde_sandbox_arm(struct sonde_sandbox *s, uint64_t instructions, int64_t wall_ns)
{
	s->spent = 0;
	s->spent_max = instructions;
	s->wall_ns = wall_ns;
	s->deadline_ns = sonde_boottime_ns() + wall_ns;
	s->cpu_end_ns = 0;
	s->unseen = 0;
	s->stop = SONDE_STOP_NONE;
	s->armed = true;
	lua_sethook(s->L, hook, LUA_MASKCOUNT, HOOK_STEP);
}

void sonde_sandbox_disarm(struct sonde_sandbox *s)
{
	s->armed = false;
	lua_sethook(s->L, NULL, 0, 0);
}

int sonde_sandbox_call(struct sonde_sandbox *s, lua_CFunction fn, void *arg, char *why, size_t room)
{
	lua_State *L = s->L;

	lua_settop(L, 0);
	lua_pushcfunction(L, fn);
	lua_pushlightuserdata(L, arg);
	int rc = lua_pcall(L, 1, 0, 0);
	if (rc != LUA_OK) {
		const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error";
		if (rc == LUA_ERRMEM)
			text = s->stop ? stop_text[s->stop] : "a text or the state is too large";
		size_t n = strnlen(text, room - 1);
		memcpy(why, text, n);
		why[n] = '\0';
	}
	lua_settop(L, 0);
	return rc == LUA_OK ? SONDE_OK : SONDE_EDENIED;
}

/* The environment */

static const char *const blocked[] = {
	"collectgarbage", "coroutine", "debug", "dofile", "getmetatable", "io", "load", "loadfile",
	"loadstring", "next", "os", "package", "pcall", "print", "rawequal", "rawget", "rawlen",
	"rawset", "require", "setmetatable", "unpack", "utf8", "warn", "xpcall", "_G", "_VERSION",
	NULL,
};

static bool is_blocked(const char *name)
{
	for (unsigned i = 0; blocked[i]; i++)
		if (!strcmp(blocked[i], name))
			return true;
	return false;
}

/* Upvalue 1: the label, "" for globals. */
static int unknown_name(lua_State *L)
{
	const char *label = lua_tostring(L, lua_upvalueindex(1));
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);

	if (*label)
		return luaL_error(L, "%s.%s is not available in a policy", label, name);
	if (is_blocked(name))
		return luaL_error(L, "%s is not available in a policy", name);
	return luaL_error(L, "unknown name '%s'", name);
}

static int read_only(lua_State *L)
{
	const char *label = lua_tostring(L, lua_upvalueindex(1));
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);

	return luaL_error(L, "%s.%s cannot be changed: it is read-only", label, name);
}

/* Upvalue 2: the table of globals. */
static int set_global(lua_State *L)
{
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);

	if (sandbox_of(L)->sealed)
		return luaL_error(L, "global '%s' cannot be changed in a decision: use a local", name);
	lua_settop(L, 3);
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(2));
	/* Ours are C functions and stand-ins; a policy can make neither. */
	if (lua_iscfunction(L, 4) || lua_getmetatable(L, 4))
		return luaL_error(L, "'%s' cannot be changed: it is read-only", name);
	lua_settop(L, 3);
	lua_rawset(L, lua_upvalueindex(2));
	return 0;
}

/* Length and walking of a stand-in are those of what it stands for. */
static int stand_in_length(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
	return 1;
}

static void set_closure(lua_State *L, const char *field, const char *label, lua_CFunction fn)
{
	lua_pushstring(L, label);
	lua_pushcclosure(L, fn, 1);
	lua_setfield(L, -2, field);
}

/* A metatable for the table on top that refuses names it does not have. */
static void refuse_unknown(lua_State *L, const char *label)
{
	lua_createtable(L, 0, 1);
	set_closure(L, "__index", label, unknown_name);
	lua_setmetatable(L, -2);
}

void sonde_sandbox_freeze(lua_State *L, const char *label)
{
	refuse_unknown(L, label);
	lua_createtable(L, 0, 0);
	lua_createtable(L, 0, 4);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushvalue(L, -3);
	lua_pushcclosure(L, stand_in_length, 1);
	lua_setfield(L, -2, "__len");
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "real");
	set_closure(L, "__newindex", label, read_only);
	lua_setmetatable(L, -2);
	lua_remove(L, -2);
}

static void make_environment(lua_State *L)
{
	lua_createtable(L, 0, 32);
	refuse_unknown(L, "");
	lua_createtable(L, 0, 0);
	lua_createtable(L, 0, 2);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "");
	lua_pushvalue(L, -4);
	lua_pushcclosure(L, set_global, 2);
	lua_setfield(L, -2, "__newindex");
	lua_setmetatable(L, -2);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_rawsetp(L, LUA_REGISTRYINDEX, sonde_sandbox_names);
}

void sonde_sandbox_global(lua_State *L, const char *name)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, sonde_sandbox_names);
	lua_insert(L, -2);
	lua_pushstring(L, name);
	lua_insert(L, -2);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

static int build(lua_State *L)
{
	make_environment(L);
	sonde_lib_open(L);
	return 0;
}

int sonde_sandbox_init(struct sonde_sandbox *s, size_t memory_max, void *owner)
{
	char why[160];

	*s = (struct sonde_sandbox){ .memory_max = memory_max, .owner = owner };
	s->L = lua_newstate(allocate, s);
	if (!s->L)
		return SONDE_ENOMEM;
	*(struct sonde_sandbox **)lua_getextraspace(s->L) = s;
	if (sonde_sandbox_call(s, build, NULL, why, sizeof(why)) == SONDE_OK)
		return SONDE_OK;
	sonde_sandbox_deinit(s);
	return SONDE_ENOMEM;
}

void sonde_sandbox_deinit(struct sonde_sandbox *s)
{
	if (s->L)
		lua_close(s->L);
	s->L = NULL;
}

struct source {
	const char *text;
	size_t len;
};

static const char *read_source(lua_State *L, void *arg, size_t *len)
{
	struct source *s = arg;

	*len = s->len;
	s->len = 0;
	return *len ? s->text : NULL;
}

int sonde_sandbox_compile(lua_State *L, const char *chunkname, const char *text, size_t len)
{
	struct source s = { text, len };

	return lua_load(L, read_source, &s, chunkname, "t");
}
