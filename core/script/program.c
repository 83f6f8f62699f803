/* SPDX-License-Identifier: Apache-2.0 */
/* From text to a program that can be asked. Owns the state, the parameter rows and the cached
 * parameter values. Refuses a file that is not of api 1 or has unknown fields. Everything that may
 * raise runs inside sonde_sandbox_call. */
#include "script/program.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/names.h"

enum { API = 1, LOAD_FACTOR = 10, LOAD_WALL_MS = 200, FILE_SHOWN = 56 };

/* Loading */

struct loading {
	struct sonde_program *program;
	const char *chunkname, *text;
	size_t len;
};

static void check_fields(lua_State *L, int table)
{
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		bool known;
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "a policy has named fields only");
		const char *name = lua_tostring(L, -2);
		const char *near = sonde_names_nearest("policy", name, &known);
		if (!known)
			luaL_error(L, "unknown field '%s'%s%s%s", name,
			           near ? "; did you mean '" : "", near ? near : "",
			           near ? "'?" : "");
	}
}

static const struct sonde_rule *rule_named(lua_State *L, const char *name)
{
	const char *names[16] = { 0 };

	for (unsigned i = 0; sonde_rules[i].name; i++) {
		names[i] = sonde_rules[i].name;
		if (!strcmp(sonde_rules[i].name, name))
			return &sonde_rules[i];
	}
	const char *near = sonde_nearest(name, names);
	luaL_error(L, "pick: no rule is named '%s'%s%s%s", name, near ? "; did you mean '" : "",
	           near ? near : "", near ? "'?" : "");
	return NULL;
}

static const struct sonde_rule *rule_of_helper(lua_State *L, lua_CFunction fn)
{
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		if (r->fn != fn)
			continue;
		if (r->rule)
			return rule_named(L, r->rule);
		luaL_error(L, "pick: lb.%s cannot decide alone; call it from a function", r->name);
	}
	luaL_error(L, "pick must be a function of the file");
	return NULL;
}

static void read_pick(lua_State *L, struct sonde_program *p)
{
	if (lua_type(L, -1) == LUA_TSTRING)
		p->rule = rule_named(L, lua_tostring(L, -1));
	else if (lua_iscfunction(L, -1))
		p->rule = rule_of_helper(L, lua_tocfunction(L, -1));
	else
		luaL_error(L, "pick must be a function or the name of a rule");
}

static void read_entries(lua_State *L, int table, struct sonde_program *p)
{
	unsigned found = 0;

	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++) {
		int type = lua_getfield(L, table, sonde_entry_rows[i].name);
		found += type != LUA_TNIL;
		if (type == LUA_TFUNCTION && !lua_iscfunction(L, -1))
			p->entry[i] = luaL_ref(L, LUA_REGISTRYINDEX);
		else if (type != LUA_TNIL && i == SONDE_ENTRY_PICK)
			read_pick(L, p);
		else if (type != LUA_TNIL)
			luaL_error(L, "%s must be a function of the file", sonde_entry_rows[i].name);
		lua_settop(L, table);
	}
	if (!found)
		luaL_error(L, "pick must be a function or the name of a rule");
}

static void read_policy(lua_State *L, int table, struct sonde_program *p)
{
	struct sonde_error err = { { 0 }, { 0 } };

	check_fields(L, table);
	lua_getfield(L, table, "api");
	if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) != API)
		luaL_error(L, "api must be %d", API);
	if (lua_getfield(L, table, "summary") != LUA_TSTRING)
		luaL_error(L, "summary must be a text");
	snprintf(p->summary, sizeof(p->summary), "%s", lua_tostring(L, -1));
	lua_getfield(L, table, "params");
	if (sonde_params_read(L, lua_gettop(L), &p->params, &err) != SONDE_OK)
		luaL_error(L, "params%s%s: %s", err.path[0] ? " " : "", err.path, err.text);
	lua_settop(L, table);
	read_entries(L, table, p);
}

static int run_load(lua_State *L)
{
	struct loading *l = lua_touserdata(L, 1);

	if (sonde_sandbox_compile(L, l->chunkname, l->text, l->len) != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 1);
	if (!lua_istable(L, -1))
		return luaL_error(L, "%s: the file must return a table", l->chunkname + 1);
	read_policy(L, lua_gettop(L), l->program);
	return 0;
}

static void load_error(struct sonde_error *err, const char *file, const char *why)
{
	size_t n = strlen(file);

	if (!strncmp(why, file, n) || !strncmp(why, "...", 3))
		sonde_fail(err, SONDE_EINVAL, NULL, "%s", why);
	else
		sonde_fail(err, SONDE_EINVAL, NULL, "%s: %s", file, why);
}

int sonde_program_new(const struct sonde_program_env *env, struct sonde_turns *turns,
                      const char *file, const char *text, size_t len, struct sonde_program **out,
                      struct sonde_error *err)
{
	char why[200], chunkname[FILE_SHOWN + 8];
	size_t file_len = strlen(file);

	if (len > SONDE_SANDBOX_TEXT)
		return sonde_fail(err, SONDE_EINVAL, NULL, "%s: larger than %d bytes", file,
		                  SONDE_SANDBOX_TEXT);
	struct sonde_program *p = calloc(1, sizeof(*p));
	if (!p)
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++)
		p->entry[i] = LUA_NOREF;
	p->params_ref = LUA_NOREF;
	sonde_params_init(&p->params);
	if (sonde_binding_init(&p->binding, env->limits.memory, env->past, env->scratch,
	                       turns) != SONDE_OK) {
		sonde_program_free(p);
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	}
	/* Lua shortens what is longer from the wrong end. */
	snprintf(chunkname, sizeof(chunkname), "=%s%s", file_len > FILE_SHOWN ? "..." : "",
	         file + (file_len > FILE_SHOWN ? file_len - FILE_SHOWN + 3 : 0));
	struct loading l = { p, chunkname, text, len };
	sonde_binding_begin(&p->binding, 0, 0);
	sonde_sandbox_arm(&p->binding.sandbox, env->limits.instructions * LOAD_FACTOR,
	                  LOAD_WALL_MS * SONDE_NS_PER_MS);
	int rc = sonde_sandbox_call(&p->binding.sandbox, run_load, &l, why, sizeof(why));
	sonde_sandbox_disarm(&p->binding.sandbox);
	if (rc != SONDE_OK) {
		load_error(err, chunkname + 1, why);
		sonde_program_free(p);
		return SONDE_EINVAL;
	}
	p->binding.sandbox.sealed = true;
	*out = p;
	return SONDE_OK;
}

void sonde_program_free(struct sonde_program *p)
{
	if (!p)
		return;
	sonde_binding_deinit(&p->binding);
	sonde_params_deinit(&p->params);
	free(p->params_text);
	free(p);
}

bool sonde_program_has(const struct sonde_program *p, enum sonde_entry entry)
{
	return p->entry[entry] != LUA_NOREF || (entry == SONDE_ENTRY_PICK && p->rule);
}

/* Parameters */

struct param_call {
	struct sonde_program *program;
	const char *json;
	struct sonde_error *err;
	int rc;
};

static int run_params(lua_State *L)
{
	struct param_call *c = lua_touserdata(L, 1);
	struct sonde_program *p = c->program;

	c->rc = sonde_params_push(L, &p->params, c->json, &p->ignore_priority, c->err);
	if (c->rc != SONDE_OK)
		return 0;
	luaL_unref(L, LUA_REGISTRYINDEX, p->params_ref);
	p->params_ref = LUA_NOREF;
	p->params_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static bool same_params(const struct sonde_program *p, const char *json)
{
	if (p->params_ref == LUA_NOREF)
		return false;
	return json && p->params_text ? !strcmp(json, p->params_text) : json == p->params_text;
}

int sonde_program_params(struct sonde_program *p, const char *json, struct sonde_error *err)
{
	char why[128];

	if (same_params(p, json))
		return SONDE_OK;
	struct param_call c = { p, json, err, SONDE_OK };
	char *copy = json ? strdup(json) : NULL;
	if (json && !copy)
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	int rc = sonde_sandbox_call(&p->binding.sandbox, run_params, &c, why, sizeof(why));
	if (rc != SONDE_OK)
		c.rc = sonde_fail(err, SONDE_EINVAL, NULL, "%s", why);
	if (c.rc != SONDE_OK) {
		free(copy);
		return c.rc;
	}
	free(p->params_text);
	p->params_text = copy;
	return SONDE_OK;
}
