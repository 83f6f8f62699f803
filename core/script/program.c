/* SPDX-License-Identifier: Apache-2.0 */
/* From text to a decision. Owns the state, the parameter rows and the cached parameter values.
 * Refuses a file that is not of api 1, has unknown fields, or answers with anything but
 * candidates. Everything that may raise runs inside sonde_sandbox_call. */
#include "script/program.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { API = 1, LOAD_FACTOR = 10, LOAD_WALL_MS = 500, FILE_SHOWN = 56 };

/* Loading */

struct loading {
	struct sonde_program *program;
	const char *chunkname, *text;
	size_t len;
};

static const char *const fields[] = { "api", "params", "pick", "route", "summary", NULL };

static void check_fields(lua_State *L, int table)
{
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "a policy has named fields only");
		const char *name = lua_tostring(L, -2);
		unsigned i = 0;
		while (fields[i] && strcmp(fields[i], name))
			i++;
		if (fields[i])
			continue;
		const char *near = sonde_nearest(name, fields);
		luaL_error(L, "unknown field '%s'%s%s%s", name, near ? "; did you mean '" : "",
		           near ? near : "", near ? "'?" : "");
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

static void read_pick(lua_State *L, int table, struct sonde_program *p)
{
	int type = lua_getfield(L, table, "pick");

	if (type == LUA_TSTRING)
		p->rule = rule_named(L, lua_tostring(L, -1));
	else if (lua_iscfunction(L, -1))
		p->rule = rule_of_helper(L, lua_tocfunction(L, -1));
	else if (type == LUA_TFUNCTION)
		p->pick = luaL_ref(L, LUA_REGISTRYINDEX);
	else
		luaL_error(L, "pick must be a function or the name of a rule");
	lua_settop(L, table);
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
	read_pick(L, table, p);
	int type = lua_getfield(L, table, "route");
	if (type == LUA_TFUNCTION)
		p->route = luaL_ref(L, LUA_REGISTRYINDEX);
	else if (type != LUA_TNIL)
		luaL_error(L, "route must be a function");
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
	p->pick = p->route = p->params_ref = LUA_NOREF;
	sonde_params_init(&p->params);
	if (sonde_binding_init(&p->binding, env->limits.memory, env->columns, env->scratch,
	                       turns) != SONDE_OK) {
		sonde_program_free(p);
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	}
	/* Lua shortens what is longer from the wrong end. */
	snprintf(chunkname, sizeof(chunkname), "=%s%s", file_len > FILE_SHOWN ? "..." : "",
	         file + (file_len > FILE_SHOWN ? file_len - FILE_SHOWN + 3 : 0));
	struct loading l = { p, chunkname, text, len };
	sonde_binding_begin(&p->binding, 0, 0);
	sonde_sandbox_arm(&p->binding.sandbox, env->limits.instructions * LOAD_FACTOR, LOAD_WALL_MS);
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

/* Deciding */

struct decision {
	struct sonde_program *program;
	const struct sonde_request *req;
	struct sonde_set set;
	unsigned want;
	struct sonde_answer *answer;
	char (*regions)[SONDE_REGION_TEXT];
	unsigned max;
};

static void set_text(lua_State *L, const char *key, const char *text)
{
	if (!text)
		return;
	lua_pushstring(L, text);
	lua_setfield(L, -2, key);
}

static void push_request(lua_State *L, const struct decision *d)
{
	lua_createtable(L, 0, 6);
	set_text(L, "type", d->req->type);
	set_text(L, "target", d->req->target);
	set_text(L, "region", d->req->region);
	lua_pushinteger(L, d->want);
	lua_setfield(L, -2, "want");
	lua_pushinteger(L, (lua_Integer)d->req->seed);
	lua_setfield(L, -2, "seed");
	lua_rawgeti(L, LUA_REGISTRYINDEX, d->program->params_ref);
	lua_setfield(L, -2, "params");
}

static bool is_member(struct sonde_set set, unsigned row)
{
	unsigned low = 0, high = set.n;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (set.rows[mid] < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set.n && set.rows[low] == row;
}

/* One bit a row. */
static uint64_t *no_rows(struct sonde_binding *b)
{
	size_t size = (b->choice.columns->rows / 64 + 1) * sizeof(uint64_t);
	uint64_t *bits = sonde_scratch_take(b->choice.scratch, size);

	return bits ? memset(bits, 0, size) : NULL;
}

static void take_rows(lua_State *L, struct decision *d, struct sonde_set given)
{
	uint64_t *seen = no_rows(&d->program->binding);

	if (!seen)
		luaL_error(L, "too many or too large lists");
	unsigned n = given.n < d->want ? given.n : d->want;
	for (unsigned i = 0; i < n; i++) {
		unsigned row = given.rows[i];
		if (!is_member(d->set, row))
			luaL_error(L, "pick answered %d, which is not a candidate", (int)row + 1);
		if (seen[row / 64] & (UINT64_C(1) << row % 64))
			luaL_error(L, "pick answered %d twice", (int)row + 1);
		seen[row / 64] |= UINT64_C(1) << row % 64;
		d->answer->rows[i] = row;
	}
	d->answer->count = n;
}

static void take_answer(lua_State *L, struct decision *d, int idx)
{
	int is_int;
	unsigned row;

	if (lua_type(L, idx) == LUA_TTABLE) {
		take_rows(L, d, sonde_binding_check_list(L, idx));
		return;
	}
	if (lua_type(L, idx) != LUA_TNUMBER)
		luaL_error(L, "pick must answer with positions, not %s", luaL_typename(L, idx));
	lua_Integer at = lua_tointegerx(L, idx, &is_int);
	if (!is_int || at < 1 || at > d->program->binding.choice.columns->rows)
		luaL_error(L, "pick answered a number that is not a position");
	row = (unsigned)at - 1;
	take_rows(L, d, (struct sonde_set){ &row, 1, true });
}

static int run_pick(lua_State *L)
{
	struct decision *d = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, d->program->pick);
	push_request(L, d);
	sonde_binding_push_list(L, d->set);
	sonde_binding_push_view(L);
	lua_call(L, 3, 2);
	take_answer(L, d, 1);
	if (lua_type(L, 2) == LUA_TSTRING)
		snprintf(d->answer->reason, sizeof(d->answer->reason), "%s", lua_tostring(L, 2));
	else if (!lua_isnil(L, 2))
		return luaL_error(L, "the reason must be a text");
	return 0;
}

static int run_route(lua_State *L)
{
	struct decision *d = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, d->program->route);
	push_request(L, d);
	sonde_binding_push_view(L);
	lua_call(L, 2, 1);
	if (!lua_istable(L, 1))
		return luaL_error(L, "route must answer with a list of regions");
	for (unsigned i = 0; i < d->max && i < lua_rawlen(L, 1); i++) {
		size_t len = 0;
		const char *region = lua_rawgeti(L, 1, i + 1) == LUA_TSTRING
					     ? lua_tolstring(L, -1, &len) : NULL;
		if (!region || !len || len >= SONDE_REGION_TEXT)
			return luaL_error(L, "route answered something that is not a region");
		memcpy(d->regions[i], region, len + 1);
		d->answer->count = i + 1;
		lua_pop(L, 1);
	}
	return 0;
}

static uint64_t shape_of(const struct sonde_request *req)
{
	uint64_t h = req->type ? sonde_hash_text(req->type, strlen(req->type)) : 0;

	return req->region ? h ^ sonde_hash_text(req->region, strlen(req->region)) * 3 : h;
}

static int run(struct sonde_program *p, const struct sonde_program_env *env, lua_CFunction fn,
               struct decision *d)
{
	struct sonde_binding *b = &p->binding;

	d->answer->reason[0] = '\0';
	d->answer->count = 0;
	if (b->broken) {
		snprintf(d->answer->reason, sizeof(d->answer->reason), "memory limit reached");
		return SONDE_EDENIED;
	}
	sonde_sandbox_arm(&b->sandbox, env->limits.instructions, env->limits.wall_ms);
	int rc = sonde_sandbox_call(&b->sandbox, fn, d, d->answer->reason,
	                            sizeof(d->answer->reason));
	sonde_sandbox_disarm(&b->sandbox);
	if (rc == SONDE_OK)
		return rc;
	d->answer->count = 0;
	/* What the failed decision left shall not be the next one's burden. */
	if (b->sandbox.stop == SONDE_STOP_MEMORY)
		lua_gc(b->sandbox.L, LUA_GCCOLLECT);
	return rc;
}

int sonde_program_pick(struct sonde_program *p, const struct sonde_program_env *env,
                       const struct sonde_request *req, struct sonde_set set, unsigned want,
                       struct sonde_answer *answer)
{
	struct decision d = { p, req, set, want, answer, NULL, 0 };

	sonde_binding_begin(&p->binding, req->seed, shape_of(req));
	if (!p->rule)
		return run(p, env, run_pick, &d);
	int n = sonde_rule_apply(p->rule, &p->binding.choice, set, req->target, want,
	                         p->ignore_priority, answer->rows);
	answer->count = n < 0 ? 0 : (unsigned)n;
	snprintf(answer->reason, sizeof(answer->reason), "%s", n < 0 ? "out of memory" : p->rule->name);
	return n < 0 ? SONDE_EDENIED : SONDE_OK;
}

int sonde_program_route(struct sonde_program *p, const struct sonde_program_env *env,
                        const struct sonde_request *req, char (*out)[SONDE_REGION_TEXT],
                        unsigned max, struct sonde_answer *answer)
{
	struct decision d = { p, req, { 0 }, req->want, answer, out, max };

	sonde_binding_begin(&p->binding, req->seed, shape_of(req));
	return run(p, env, run_route, &d);
}
