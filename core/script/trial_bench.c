/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of `bench`: each asks the policy one question and answers with names of nodes, as
 * a test writes them. */
#include "script/trial_private.h"

#include <jansson.h>

#include "base/clock.h"
#include "script/facts.h"

enum { REGIONS_MAX = 32 };

static int give_nodes(lua_State *L, struct trial *t, const unsigned *rows, unsigned n,
                      const char *reason, bool fallback)
{
	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushstring(L, sonde_trial_node_name(t, rows[i]));
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
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_request req = sonde_trial_request(L, t);
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
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_request req = sonde_trial_request(L, t);
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
		                       TRIAL_POLICY_WALL_MS * SONDE_NS_PER_MS, &a);
	return give_nodes(L, t, t->rows, a.count, a.reason, rc != SONDE_OK);
}

static int bench_admit(lua_State *L)
{
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_request req = sonde_trial_request(L, t);
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
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_request req = sonde_trial_request(L, t);
	struct sonde_decision d = { 0 };
	struct sonde_peering *pairs = t->pairs;
	unsigned from = UINT32_MAX, k = 0;

	for (unsigned i = 0; i < t->nodes; i++)
		t->all[i] = i;
	unsigned n = sonde_policy_peers(t->policies, "policy", &req, t->all, t->nodes, pairs,
	                                TRIAL_PAIRS_MAX, &d);
	lua_createtable(L, 0, (int)t->nodes);
	lua_newtable(L);
	for (unsigned i = 0; i < n; i++) {
		if (pairs[i].from != from) {
			lua_pop(L, 1);
			lua_newtable(L);
			lua_pushvalue(L, -1);
			lua_setfield(L, -3, sonde_trial_node_name(t, pairs[i].from));
			k = 0;
		}
		from = pairs[i].from;
		lua_pushstring(L, sonde_trial_node_name(t, pairs[i].to));
		lua_rawseti(L, -2, ++k);
	}
	lua_pop(L, 1);
	lua_pushstring(L, d.reason);
	lua_pushboolean(L, d.fallback);
	return 3;
}

static int bench_route(lua_State *L)
{
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_request req = sonde_trial_request(L, t);
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
	struct trial *t = sonde_sandbox_owner(L);
	struct sonde_request req = sonde_trial_request(L, t);
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
	struct trial *t = sonde_sandbox_owner(L);

	t->report(t->arg, lua_toboolean(L, 1), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
	return 0;
}

const luaL_Reg sonde_trial_functions[] = {
	{ "new", sonde_trial_new },       { "pick", bench_pick },   { "route", bench_route },
	{ "narrow", bench_narrow }, { "admit", bench_admit }, { "retry", bench_retry },
	{ "assign", bench_assign }, { "peers", bench_peers }, { "ok", bench_ok },
	{ "observe", bench_observe },
	{ NULL, NULL },
};
