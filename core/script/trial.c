/* SPDX-License-Identifier: Apache-2.0 */
/* The C half of the test bench: each case gets a fresh set of columns and a fresh load of the
 * policy. Owns both states. Refuses unknown node fields, so that a misspelt one fails its test. */
#include "script/trial.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "script/columns.h"
#include "script/facts.h"
#include "script/policies.h"
#include "script/sandbox.h"

enum {
	NODES_MAX = 4096,
	WORDS_MAX = 64,
	MEMORY = 64 << 20,
	WALL_MS = 15000,
	POLICY_WALL_MS = 2000, /* a test shall not fail because the machine is busy */
	REGIONS_MAX = 32,
	PAIRS_MAX = 65536,
};
static const uint64_t instructions_max = UINT64_C(2000000000);

struct trial {
	struct sonde_sandbox sandbox;
	struct sonde_policies *policies;
	struct sonde_trial_text bench, policy, test;
	unsigned nodes;
	unsigned all[NODES_MAX], rows[NODES_MAX], current[NODES_MAX];
	struct sonde_peering pairs[PAIRS_MAX];
	const char *near[WORDS_MAX]; /* the request table holds them */
	struct sonde_buf params;
	sonde_trial_fn *report;
	void *arg;
};

static struct trial *trial_of(lua_State *L)
{
	return sonde_sandbox_owner(L);
}

/* Nodes */

static unsigned read_words(lua_State *L, const char **words)
{
	unsigned n = 0;

	luaL_checktype(L, -1, LUA_TTABLE);
	for (; n < WORDS_MAX && lua_rawgeti(L, -1, n + 1) == LUA_TSTRING; n++) {
		words[n] = lua_tostring(L, -1); /* stays in its table */
		lua_pop(L, 1);
	}
	if (n < WORDS_MAX)
		lua_pop(L, 1);
	return n;
}

static const struct sonde_column_info *column_named(const char *name)
{
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		if (!strcmp(sonde_column_infos[i].name, name))
			return &sonde_column_infos[i];
	return NULL;
}

/* Key at -2, value at -1. */
static void set_cell(lua_State *L, struct trial *t, unsigned at)
{
	const char *name = luaL_checkstring(L, -2), *words[WORDS_MAX];
	const struct sonde_column_info *info = column_named(name);
	unsigned column = info ? (unsigned)(info - sonde_column_infos) : SONDE_COL_ALL;
	int rc = SONDE_EINVAL;

	if (column == SONDE_COL_TAGS)
		rc = sonde_column_tags(t->policies, at, words, read_words(L, words));
	else if (column == SONDE_COL_TYPES)
		rc = sonde_column_types(t->policies, at, words, read_words(L, words));
	else if (column < SONDE_COL_FIRST_TEXT)
		rc = sonde_column_number(t->policies, at, column, luaL_checknumber(L, -1));
	else if (column < SONDE_COL_COUNT)
		rc = sonde_column_text(t->policies, at, column, luaL_checkstring(L, -1));
	if (rc != SONDE_OK)
		luaL_error(L, "node %d: %s cannot be set", (int)at + 1, name);
}

static int bench_new(lua_State *L)
{
	struct trial *t = trial_of(L);
	struct sonde_policy_limits limits = { .wall_ms = POLICY_WALL_MS };
	struct sonde_error err = { { 0 }, { 0 } };

	luaL_checktype(L, 1, LUA_TTABLE);
	sonde_policies_free(t->policies);
	t->policies = NULL;
	if (sonde_policies_new(&limits, &t->policies) != SONDE_OK)
		return luaL_error(L, "out of memory");
	if (sonde_policy_load(t->policies, "policy", t->policy.name, t->policy.text, t->policy.len,
	                      &err) != SONDE_OK)
		return luaL_error(L, "%s", err.text);
	lua_Unsigned n = lua_rawlen(L, 1);
	luaL_argcheck(L, n <= NODES_MAX, 1, "too many nodes");
	t->nodes = (unsigned)n;
	for (unsigned i = 0; i < t->nodes; i++) {
		t->all[i] = i;
		lua_rawgeti(L, 1, i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		sonde_column_number(t->policies, i, SONDE_COL_LOAD, 0);
		for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
			set_cell(L, t, i);
		lua_pop(L, 1);
	}
	return 0;
}

/* Requests */

static const char *text_field(lua_State *L, const char *key)
{
	lua_getfield(L, 1, key);
	return lua_tostring(L, -1); /* the request table holds it */
}

static lua_Integer int_field(lua_State *L, const char *key, lua_Integer otherwise)
{
	lua_getfield(L, 1, key);
	return luaL_optinteger(L, -1, otherwise);
}

static void add_param(struct sonde_json *j, lua_State *L)
{
	const char *key = luaL_checkstring(L, -2);

	if (lua_isboolean(L, -1))
		sonde_json_bool(j, key, lua_toboolean(L, -1));
	else if (lua_isinteger(L, -1))
		sonde_json_int(j, key, lua_tointeger(L, -1));
	else if (lua_type(L, -1) == LUA_TNUMBER)
		sonde_json_number(j, key, lua_tonumber(L, -1), 6);
	else
		sonde_json_str(j, key, luaL_checkstring(L, -1));
}

static const char *params_of(lua_State *L, struct trial *t)
{
	struct sonde_json j;

	if (lua_getfield(L, 1, "params") != LUA_TTABLE)
		return NULL;
	sonde_buf_reset(&t->params);
	sonde_json_init(&j, &t->params);
	sonde_json_open(&j, NULL, '{');
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		add_param(&j, L);
	sonde_json_close(&j);
	return sonde_buf_cstr(&t->params);
}

static const char *name_of(struct trial *t, unsigned row)
{
	return sonde_column_peek_text(t->policies, row, SONDE_COL_NAME);
}

/* Row of the node whose name is on top; pops it. */
static unsigned row_named(lua_State *L, struct trial *t)
{
	const char *name = luaL_checkstring(L, -1);
	unsigned i = 0;

	while (i < t->nodes && strcmp(name_of(t, i), name))
		i++;
	if (i == t->nodes)
		luaL_error(L, "no node of the case is named %s", name);
	lua_pop(L, 1);
	return i;
}

static void read_current(lua_State *L, struct trial *t, struct sonde_request *req)
{
	if (lua_getfield(L, 1, "current") == LUA_TTABLE)
		for (unsigned n = (unsigned)lua_rawlen(L, -1); req->current_n < n;) {
			lua_rawgeti(L, -1, req->current_n + 1);
			t->current[req->current_n++] = row_named(L, t);
			if (req->current_n == NODES_MAX)
				break;
		}
	req->current = t->current;
	if (lua_getfield(L, 1, "failed") == LUA_TSTRING)
		req->failed = row_named(L, t) + 1;
}

static unsigned read_near(lua_State *L, struct trial *t)
{
	unsigned n = 0;

	if (lua_getfield(L, 1, "near") == LUA_TTABLE)
		n = read_words(L, t->near);
	return n;
}

static struct sonde_request read_request(lua_State *L, struct trial *t)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!t->policies)
		luaL_error(L, "no nodes were given");
	struct sonde_request req = {
		.near = t->near, .near_n = read_near(L, t),
		.type = text_field(L, "type"),
		.target = text_field(L, "target"),
		.region = text_field(L, "region"),
		.tier = text_field(L, "tier"),
		.schedule = text_field(L, "schedule"),
		.failure = text_field(L, "failure"),
		.attempt = (unsigned)int_field(L, "attempt", 1),
		.want = (unsigned)int_field(L, "want", 1),
		.seed = (uint64_t)int_field(L, "seed", 1),
		.params_json = params_of(L, t),
	};
	luaL_argcheck(L, req.want <= NODES_MAX, 1, "too many nodes wanted");
	read_current(L, t, &req);
	return req;
}

static int give_nodes(lua_State *L, struct trial *t, const unsigned *rows, unsigned n,
                      const char *reason, bool fallback)
{
	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushstring(L, name_of(t, rows[i]));
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushstring(L, reason);
	lua_pushboolean(L, fallback);
	return 3;
}

typedef void choose_fn(struct sonde_policies *, const char *, const struct sonde_request *,
                       const unsigned *, unsigned, struct sonde_decision *);

static int bench_choose(lua_State *L, choose_fn *choose, bool keep_failed)
{
	struct trial *t = trial_of(L);
	struct sonde_request req = read_request(L, t);
	struct sonde_decision d = { .rows = t->rows };
	unsigned n = 0;

	for (unsigned i = 0; i < t->nodes; i++)
		if (keep_failed || i + 1 != req.failed)
			t->all[n++] = i;
	choose(t->policies, "policy", &req, t->all, n, &d);
	return give_nodes(L, t, t->rows, d.count, d.reason, d.fallback);
}

static int bench_pick(lua_State *L)
{
	return bench_choose(L, sonde_policy_pick, true);
}

static int bench_assign(lua_State *L)
{
	return bench_choose(L, sonde_policy_assign, true);
}

static int bench_retry(lua_State *L)
{
	return bench_choose(L, sonde_policy_retry, false);
}

/* What the next policy of a chain would see. */
static int bench_narrow(lua_State *L)
{
	struct trial *t = trial_of(L);
	struct sonde_request req = read_request(L, t);
	struct sonde_answer a = { .rows = t->rows };
	struct sonde_set set = { t->all, t->nodes, true };
	struct sonde_program *p = sonde_policies_find(t->policies, "policy")->program;
	unsigned want = req.want < set.n ? req.want : set.n;

	for (unsigned i = 0; i < t->nodes; i++)
		t->all[i] = i;
	if (!sonde_program_has(p, SONDE_ENTRY_NARROW))
		return luaL_error(L, "the policy has no narrow");
	int rc = sonde_program_params(p, req.params_json, NULL);
	if (rc == SONDE_OK)
		rc = sonde_program_ask(p, &t->policies->env, SONDE_ENTRY_NARROW, &req, set, want,
		                       POLICY_WALL_MS * SONDE_NS_PER_MS, &a);
	return give_nodes(L, t, t->rows, a.count, a.reason, rc != SONDE_OK);
}

static int bench_admit(lua_State *L)
{
	struct trial *t = trial_of(L);
	struct sonde_request req = read_request(L, t);
	struct sonde_admission a;

	sonde_policy_admit(t->policies, "policy", &req, &a);
	if (a.refused)
		lua_pushboolean(L, 0);
	else
		lua_pushinteger(L, a.want);
	lua_pushstring(L, a.reason);
	return 2;
}

static int bench_peers(lua_State *L)
{
	struct trial *t = trial_of(L);
	struct sonde_request req = read_request(L, t);
	struct sonde_decision d = { 0 };
	struct sonde_peering *pairs = t->pairs;
	unsigned from = UINT32_MAX, k = 0;

	for (unsigned i = 0; i < t->nodes; i++)
		t->all[i] = i;
	unsigned n = sonde_policy_peers(t->policies, "policy", &req, t->all, t->nodes, pairs,
	                                PAIRS_MAX, &d);
	lua_createtable(L, 0, (int)t->nodes);
	lua_newtable(L);
	for (unsigned i = 0; i < n; i++) {
		if (pairs[i].from != from) {
			lua_pop(L, 1);
			lua_newtable(L);
			lua_pushvalue(L, -1);
			lua_setfield(L, -3, name_of(t, pairs[i].from));
			k = 0;
		}
		from = pairs[i].from;
		lua_pushstring(L, name_of(t, pairs[i].to));
		lua_rawseti(L, -2, ++k);
	}
	lua_pop(L, 1);
	lua_pushstring(L, d.reason);
	lua_pushboolean(L, d.fallback);
	return 3;
}

static int bench_route(lua_State *L)
{
	struct trial *t = trial_of(L);
	struct sonde_request req = read_request(L, t);
	char regions[REGIONS_MAX][SONDE_REGION_TEXT];
	unsigned n = sonde_policy_route(t->policies, "policy", &req, regions, REGIONS_MAX);

	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushstring(L, regions[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* ---- verdicts ---- */

static json_t *fact_of(lua_State *L)
{
	if (lua_type(L, -1) == LUA_TTABLE) {
		json_t *list = json_array();
		for (lua_Unsigned i = 1; i <= lua_rawlen(L, -1); i++) {
			lua_rawgeti(L, -1, (lua_Integer)i);
			json_array_append_new(list, json_string(lua_tostring(L, -1)));
			lua_pop(L, 1);
		}
		return list;
	}
	if (lua_isboolean(L, -1))
		return json_boolean(lua_toboolean(L, -1));
	if (lua_type(L, -1) == LUA_TNUMBER)
		return json_real(lua_tonumber(L, -1));
	return json_string(lua_tostring(L, -1));
}

static json_t *facts_of(lua_State *L, int idx, const struct sonde_fact_row *rows)
{
	json_t *facts = json_object();

	for (const struct sonde_fact_row *r = rows; r->name; r++) {
		if (lua_getfield(L, idx, r->name) != LUA_TNIL)
			json_object_set_new(facts, r->name, fact_of(L));
		lua_pop(L, 1);
	}
	return facts;
}

static void push_actions(lua_State *L, const struct sonde_actions *actions)
{
	static const char *const names[] = { "raise", "clear", "deepen" };

	lua_createtable(L, (int)actions->n, 0);
	for (unsigned i = 0; i < actions->n; i++) {
		const struct sonde_action *a = &actions->all[i];
		lua_pushfstring(L, "%s %s%s%s", names[a->kind], a->key, *a->text ? ": " : "", a->text);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* The request, then what is seen: a result, or a node's change when it has no `series`. */
static int bench_observe(lua_State *L)
{
	struct trial *t = trial_of(L);
	struct sonde_request req = read_request(L, t);
	struct sonde_actions actions;

	luaL_checktype(L, 2, LUA_TTABLE);
	bool result = lua_getfield(L, 2, "series") != LUA_TNIL;
	enum sonde_entry entry = result ? SONDE_ENTRY_ON_RESULT : SONDE_ENTRY_ON_NODE;
	if (!sonde_policy_has(t->policies, "policy", entry))
		return luaL_error(L, "the policy has no on_%s", result ? "result" : "node");
	json_t *facts = facts_of(L, 2, result ? sonde_result_rows : sonde_change_rows);
	int rc = sonde_policy_observe(t->policies, "policy", entry, &req, facts, &actions);
	json_decref(facts);
	if (rc != SONDE_OK)
		return luaL_error(L, "%s", sonde_policies_find(t->policies, "policy")->last_error);
	push_actions(L, &actions);
	return 1;
}

static int bench_ok(lua_State *L)
{
	struct trial *t = trial_of(L);

	t->report(t->arg, lua_toboolean(L, 1), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
	return 0;
}

static const luaL_Reg bench_functions[] = {
	{ "new", bench_new },       { "pick", bench_pick },   { "route", bench_route },
	{ "narrow", bench_narrow }, { "admit", bench_admit }, { "retry", bench_retry },
	{ "assign", bench_assign }, { "peers", bench_peers }, { "ok", bench_ok },
	{ "observe", bench_observe },
	{ NULL, NULL },
};

/* Running */

static void run_text(lua_State *L, const struct sonde_trial_text *f)
{
	const char *name = strrchr(f->name, '/');

	lua_pushfstring(L, "=%s", name ? name + 1 : f->name);
	if (sonde_sandbox_compile(L, lua_tostring(L, -1), f->text, f->len) != LUA_OK)
		lua_error(L);
	lua_call(L, 0, 1);
	lua_remove(L, -2);
}

static int run_all(lua_State *L)
{
	struct trial *t = lua_touserdata(L, 1);

	luaL_newlib(L, bench_functions);
	sonde_sandbox_freeze(L, "bench");
	sonde_sandbox_global(L, "bench");
	run_text(L, &t->bench);
	run_text(L, &t->test);
	luaL_checktype(L, -1, LUA_TTABLE);
	lua_call(L, 1, 0);
	return 0;
}

static int run(struct trial *t, struct sonde_error *err)
{
	char why[200];
	int rc = sonde_sandbox_init(&t->sandbox, MEMORY, t);

	if (rc != SONDE_OK)
		return sonde_fail(err, rc, NULL, "out of memory");
	sonde_sandbox_arm(&t->sandbox, instructions_max, WALL_MS * SONDE_NS_PER_MS);
	rc = sonde_sandbox_call(&t->sandbox, run_all, t, why, sizeof(why));
	sonde_sandbox_disarm(&t->sandbox);
	return rc == SONDE_OK ? SONDE_OK : sonde_fail(err, SONDE_EINVAL, NULL, "%s", why);
}

int sonde_policy_trial_texts(const struct sonde_trial_text *bench,
                             const struct sonde_trial_text *policy,
                             const struct sonde_trial_text *test, sonde_trial_fn *report, void *arg,
                             struct sonde_error *err)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	t->report = report;
	t->arg = arg;
	t->bench = *bench;
	t->policy = *policy;
	t->test = *test;
	sonde_buf_init(&t->params, 65536);
	int rc = run(t, err);
	sonde_sandbox_deinit(&t->sandbox);
	sonde_policies_free(t->policies);
	sonde_buf_deinit(&t->params);
	free(t);
	return rc;
}

/* text is the caller's to free. */
static int read_text(const char *path, struct sonde_trial_text *out, struct sonde_error *err)
{
	FILE *f = fopen(path, "rbe");
	char *text = f ? malloc(SONDE_SANDBOX_TEXT) : NULL;

	out->name = path;
	out->text = text;
	out->len = text ? fread(text, 1, SONDE_SANDBOX_TEXT, f) : 0;
	bool ok = text && !ferror(f) && feof(f);
	if (f)
		fclose(f);
	return ok ? SONDE_OK : sonde_fail(err, SONDE_EIO, NULL, "%s: cannot be read", path);
}

int sonde_policy_trial(const char *bench_file, const char *policy_file, const char *test_file,
                       sonde_trial_fn *report, void *arg, struct sonde_error *err)
{
	struct sonde_trial_text bench = { 0 }, policy = { 0 }, test = { 0 };

	int rc = read_text(bench_file, &bench, err);
	if (rc == SONDE_OK)
		rc = read_text(policy_file, &policy, err);
	if (rc == SONDE_OK)
		rc = read_text(test_file, &test, err);
	if (rc == SONDE_OK)
		rc = sonde_policy_trial_texts(&bench, &policy, &test, report, arg, err);
	free((char *)bench.text);
	free((char *)policy.text);
	free((char *)test.text);
	return rc;
}
