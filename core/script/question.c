/* SPDX-License-Identifier: Apache-2.0 */
/* `req`: the fields of a request, each with what pushes it. Owns nothing. */
#include <lauxlib.h>

#include "script/names.h"

static void push_text(lua_State *L, const char *text)
{
	if (text)
		lua_pushstring(L, text);
	else
		lua_pushnil(L);
}

static void push_type(lua_State *L, const struct sonde_question *q)
{
	push_text(L, q->req->type);
}

static void push_target(lua_State *L, const struct sonde_question *q)
{
	push_text(L, q->req->target);
}

static void push_region(lua_State *L, const struct sonde_question *q)
{
	push_text(L, q->req->region);
}

static void push_near(lua_State *L, const struct sonde_question *q)
{
	if (!q->req->region) {
		lua_pushnil(L);
		return;
	}
	lua_createtable(L, (int)q->req->near_n, 0);
	for (unsigned i = 0; i < q->req->near_n; i++) {
		lua_pushstring(L, q->req->near[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_tier(lua_State *L, const struct sonde_question *q)
{
	push_text(L, q->req->tier);
}

static void push_want(lua_State *L, const struct sonde_question *q)
{
	lua_pushinteger(L, q->want);
}

static void push_seed(lua_State *L, const struct sonde_question *q)
{
	lua_pushinteger(L, (lua_Integer)q->req->seed);
}

static void push_params(lua_State *L, const struct sonde_question *q)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, q->params_ref);
}

static void push_schedule(lua_State *L, const struct sonde_question *q)
{
	push_text(L, q->req->schedule);
}

static void push_current(lua_State *L, const struct sonde_question *q)
{
	lua_createtable(L, (int)q->req->current_n, 0);
	for (unsigned i = 0; i < q->req->current_n; i++) {
		lua_pushinteger(L, (lua_Integer)q->req->current[i] + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_attempt(lua_State *L, const struct sonde_question *q)
{
	lua_pushinteger(L, q->req->attempt);
}

static void push_failure(lua_State *L, const struct sonde_question *q)
{
	push_text(L, q->req->failure);
}

static void push_failed(lua_State *L, const struct sonde_question *q)
{
	if (q->req->failed)
		lua_pushinteger(L, q->req->failed);
	else
		lua_pushnil(L);
}

enum {
	ALL = (1u << SONDE_ENTRY_COUNT) - 1,
	SEEN = SONDE_ASKS(ON_RESULT) | SONDE_ASKS(ON_NODE),
	PLACED = ALL & ~SEEN,
	LASTING = SONDE_ASKS(ASSIGN) | SONDE_ASKS(PEERS),
	AGAIN = SONDE_ASKS(RETRY),
};

const struct sonde_request_row sonde_request_rows[] = {
	{ "type", "string", "measurement type, such as \"ping\"", ALL & ~SONDE_ASKS(ON_NODE), push_type },
	{ "target", "string?", "what is probed, nil when it has none",
	  ALL & ~SONDE_ASKS(ON_NODE), push_target },
	{ "region", "string?", "the one asked for, nil = anywhere", PLACED, push_region },
	{ "near", "string[]?", "regions by the round trip that nodes of meshes measured from req.region, nearest "
	  "first; nil without a region", PLACED, push_near },
	{ "tier", "string?", "tier of who asks, nil = none", PLACED, push_tier },
	{ "want", "integer", "how many nodes; never more than there are candidates", PLACED, push_want },
	{ "seed", "integer", "the only randomness; lb.random draws from it", ALL, push_seed },
	{ "params", "table<string, any>", "the policy's own, checked; durations in ms", ALL,
	  push_params },
	{ "schedule", "string?", "id of the schedule", LASTING | SONDE_ASKS(ON_RESULT), push_schedule },
	{ "current", "set", "nodes that run the schedule now", LASTING, push_current },
	{ "attempt", "integer", "how many there were, from 1 on", AGAIN, push_attempt },
	{ "failure", "string?", "why the last one failed, such as \"node_lost\"", AGAIN, push_failure },
	{ "failed", "position?", "the node that failed, nil when it is gone", AGAIN, push_failed },
	{ NULL, NULL, NULL, 0, NULL },
};

void sonde_question_push(lua_State *L, const struct sonde_question *q)
{
	lua_createtable(L, 0, 8);
	for (const struct sonde_request_row *r = sonde_request_rows; r->name; r++) {
		if (!(r->entries & 1u << q->entry))
			continue;
		r->push(L, q);
		lua_setfield(L, -2, r->name);
	}
}
