/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one program: push what the entry gets, call it within the limits, check every
 * part of the answer. Owns nothing. Refuses answers that are not of the candidates. Whatever raises
 * does so inside sonde_sandbox_call. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/facts.h"
#include "script/names.h"
#include "script/program.h"

struct asking {
	struct sonde_program *program;
	struct sonde_question question;
	struct sonde_set set;
	unsigned limit; /* nodes it may answer with; the rest is cut off */
	struct sonde_answer *answer;
};

static const char *entry_name(const struct asking *a)
{
	return sonde_entry_rows[a->question.entry].name;
}

/* Answers that are nodes */

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
static uint64_t *no_rows(lua_State *L, struct sonde_binding *b)
{
	size_t size = (b->choice.columns->rows / 64 + 1) * sizeof(uint64_t);
	uint64_t *bits = sonde_scratch_take(b->choice.scratch, size);

	if (!bits)
		luaL_error(L, "too many or too large lists");
	return memset(bits, 0, size);
}

static bool add_bit(uint64_t *bits, unsigned row)
{
	bool fresh = !(bits[row / 64] & UINT64_C(1) << row % 64);

	bits[row / 64] |= UINT64_C(1) << row % 64;
	return fresh;
}

static void take_rows(lua_State *L, struct asking *a, struct sonde_set given)
{
	uint64_t *seen = no_rows(L, &a->program->binding);
	unsigned n = given.n < a->limit ? given.n : a->limit;

	for (unsigned i = 0; i < n; i++) {
		unsigned row = given.rows[i];
		if (!is_member(a->set, row))
			luaL_error(L, "%s answered %d, which is not a candidate", entry_name(a),
			           (int)row + 1);
		if (!add_bit(seen, row))
			luaL_error(L, "%s answered %d twice", entry_name(a), (int)row + 1);
		a->answer->rows[i] = row;
	}
	a->answer->count = n;
}

static void take_nodes(lua_State *L, struct asking *a)
{
	int is_int;
	unsigned row;

	if (lua_type(L, 1) == LUA_TTABLE) {
		take_rows(L, a, sonde_binding_check_list(L, 1));
		return;
	}
	if (lua_type(L, 1) != LUA_TNUMBER)
		luaL_error(L, "%s must answer with positions, not %s", entry_name(a),
		           luaL_typename(L, 1));
	lua_Integer at = lua_tointegerx(L, 1, &is_int);
	if (!is_int || at < 1 || at > a->program->binding.choice.columns->rows)
		luaL_error(L, "%s answered a number that is not a position", entry_name(a));
	row = (unsigned)at - 1;
	take_rows(L, a, (struct sonde_set){ &row, 1, true });
}

static void take_retry(lua_State *L, struct asking *a)
{
	a->answer->refused = lua_isboolean(L, 1) && !lua_toboolean(L, 1);
	if (!a->answer->refused)
		take_nodes(L, a);
}

/* Other answers */

static void take_regions(lua_State *L, struct asking *a)
{
	if (!lua_istable(L, 1))
		luaL_error(L, "route must answer with a list of regions");
	for (unsigned i = 0; i < a->answer->max && i < lua_rawlen(L, 1); i++) {
		size_t len = 0;
		const char *region = lua_rawgeti(L, 1, i + 1) == LUA_TSTRING
					     ? lua_tolstring(L, -1, &len) : NULL;
		if (!region || !len || len >= SONDE_REGION_TEXT)
			luaL_error(L, "route answered something that is not a region");
		memcpy(a->answer->regions[i], region, len + 1);
		a->answer->count = i + 1;
		lua_pop(L, 1);
	}
}

static void take_admission(lua_State *L, struct asking *a)
{
	int is_int;

	a->answer->want = a->question.want;
	if (lua_isboolean(L, 1)) {
		a->answer->refused = !lua_toboolean(L, 1);
		return;
	}
	lua_Integer n = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &is_int) : -1;
	if (n < 0 || !is_int)
		luaL_error(L, "admit must answer true, false or a number of nodes");
	a->answer->refused = n == 0;
	if (n < a->answer->want)
		a->answer->want = (unsigned)n;
}

/* Which candidates there are, as bits, and for each row the last node it was a peer of, + 1. */
struct peering {
	uint64_t *members;
	unsigned *last;
};

static void take_pairs_of(lua_State *L, struct asking *a, struct peering *p, unsigned from)
{
	struct sonde_answer *out = a->answer;
	struct sonde_set to = sonde_binding_check_list(L, -1);

	sonde_sandbox_charge(L, to.n);
	for (unsigned i = 0; i < to.n; i++) {
		unsigned row = to.rows[i];
		if (!(p->members[row / 64] >> row % 64 & 1))
			luaL_error(L, "peers answered %d, which is not a candidate", (int)row + 1);
		if (row == from || p->last[row] == from + 1)
			continue;
		p->last[row] = from + 1;
		if (out->count < out->max)
			out->pairs[out->count++] = (struct sonde_peering){ from, row };
		else
			out->over++;
	}
}

/* In the order of the candidates, which is the same in every run. */
static void take_pairs(lua_State *L, struct asking *a)
{
	struct sonde_binding *b = &a->program->binding;
	size_t size = b->choice.columns->rows * sizeof(unsigned);
	struct peering p = { no_rows(L, b), sonde_scratch_take(b->choice.scratch, size + 1) };
	unsigned found = 0;

	if (!p.last)
		luaL_error(L, "too many or too large lists");
	memset(p.last, 0, size);
	for (unsigned i = 0; i < a->set.n; i++)
		add_bit(p.members, a->set.rows[i]);
	if (!lua_istable(L, 1))
		luaL_error(L, "peers must answer with a table of lists");
	for (unsigned i = 0; i < a->set.n; i++) {
		int type = lua_rawgeti(L, 1, (lua_Integer)a->set.rows[i] + 1);
		found += type != LUA_TNIL;
		if (type == LUA_TTABLE)
			take_pairs_of(L, a, &p, a->set.rows[i]);
		else if (type != LUA_TNIL)
			luaL_error(L, "peers answered something that is not a list");
		lua_pop(L, 1);
	}
	lua_settop(L, 2);
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
		if (!found--)
			luaL_error(L, "peers answered for a node that is not a candidate");
	lua_settop(L, 2);
}

/* Asking */

static void (*const take[SONDE_ENTRY_COUNT])(lua_State *, struct asking *) = {
	[SONDE_ENTRY_PICK] = take_nodes,     [SONDE_ENTRY_NARROW] = take_nodes,
	[SONDE_ENTRY_ROUTE] = take_regions,  [SONDE_ENTRY_ADMIT] = take_admission,
	[SONDE_ENTRY_RETRY] = take_retry,    [SONDE_ENTRY_ASSIGN] = take_nodes,
	[SONDE_ENTRY_PEERS] = take_pairs,
};

static bool has_set(enum sonde_entry entry)
{
	return entry != SONDE_ENTRY_ROUTE && entry != SONDE_ENTRY_ADMIT &&
	       entry != SONDE_ENTRY_ON_RESULT && entry != SONDE_ENTRY_ON_NODE;
}

/* Its answer is what it called; what it returns is not looked at. */
static int run_observer(lua_State *L)
{
	struct asking *a = lua_touserdata(L, 1);
	enum sonde_entry entry = a->question.entry;

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->program->entry[entry]);
	sonde_question_push(L, &a->question);
	sonde_facts_push(L, entry == SONDE_ENTRY_ON_RESULT ? sonde_result_rows : sonde_change_rows,
	                 a->question.facts);
	sonde_binding_push_view(L);
	lua_call(L, 3, 0);
	return 0;
}

static int run_entry(lua_State *L)
{
	struct asking *a = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->program->entry[a->question.entry]);
	sonde_question_push(L, &a->question);
	if (has_set(a->question.entry))
		sonde_binding_push_list(L, a->set);
	sonde_binding_push_view(L);
	lua_call(L, lua_gettop(L) - 1, 2);
	take[a->question.entry](L, a);
	if (lua_type(L, 2) == LUA_TSTRING)
		snprintf(a->answer->reason, sizeof(a->answer->reason), "%s", lua_tostring(L, 2));
	else if (!lua_isnil(L, 2))
		return luaL_error(L, "the reason must be a text");
	return 0;
}

static uint64_t shape_of(const struct sonde_request *req)
{
	uint64_t h = req->type ? sonde_hash_text(req->type, strlen(req->type)) : 0;

	return req->region ? h ^ sonde_hash_text(req->region, strlen(req->region)) * 3 : h;
}

static int run(struct asking *a, const struct sonde_policy_limits *limits, int64_t left_ns)
{
	struct sonde_binding *b = &a->program->binding;
	struct sonde_answer *out = a->answer;

	bool littered = b->littered;
	if (littered)
		b->littered = !sonde_sandbox_sweep(&b->sandbox);
	/* Sweeping took its time: the policy is asked again the next time. */
	if (b->broken || littered) {
		snprintf(out->reason, sizeof(out->reason), "memory limit reached");
		return SONDE_EDENIED;
	}
	sonde_sandbox_arm(&b->sandbox, limits->instructions, left_ns);
	lua_CFunction fn = b->actions ? run_observer : run_entry;
	int rc = sonde_sandbox_call(&b->sandbox, fn, a, out->reason, sizeof(out->reason));
	sonde_sandbox_disarm(&b->sandbox);
	if (rc == SONDE_OK)
		return rc;
	out->count = 0;
	/* What the failed decision left is swept in slices, before the next ones. */
	b->littered = b->sandbox.stop == SONDE_STOP_MEMORY;
	return rc;
}

static int apply_rule(struct sonde_program *p, const struct asking *a)
{
	struct sonde_answer *out = a->answer;
	int n = sonde_rule_apply(p->rule, &p->binding.choice, a->set, a->question.req->target,
	                         a->question.want, p->ignore_priority, out->rows);

	out->count = n < 0 ? 0 : (unsigned)n;
	snprintf(out->reason, sizeof(out->reason), "%s", n < 0 ? "out of memory" : p->rule->name);
	return n < 0 ? SONDE_EDENIED : SONDE_OK;
}

int sonde_program_ask(struct sonde_program *p, const struct sonde_program_env *env,
                      enum sonde_entry entry, const struct sonde_request *req, struct sonde_set set,
                      unsigned want, int64_t left_ns, struct sonde_answer *answer)
{
	struct asking a = { p, { entry, req, want, p->params_ref, answer->facts }, set,
	                    entry == SONDE_ENTRY_NARROW ? set.n : want, answer };

	answer->reason[0] = '\0';
	answer->count = answer->over = 0;
	answer->refused = false;
	sonde_binding_begin(&p->binding, req->seed, shape_of(req));
	env->past->req = req;
	p->binding.choice.tape = answer->tape;
	p->binding.choice.replay = req->replay;
	if (entry == SONDE_ENTRY_PICK && p->rule)
		return apply_rule(p, &a);
	p->binding.actions = answer->actions;
	int rc = run(&a, &env->limits, left_ns);
	p->binding.actions = NULL;
	return rc;
}
