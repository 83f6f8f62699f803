/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of results and node changes: read by path, pushed by name. Owns nothing. A value of another
 * type than its row says is left out. */
#include "script/facts.h"

#include <lua.h>
#include <string.h>

const struct sonde_fact_row sonde_result_rows[] = {
	{ "node", "string", "name of the node that measured", { NULL } },
	{ "position", "position?", "the node in view, nil when it is gone", { NULL } },
	{ "region", "string", "region of the node, \"\" when unknown", { NULL } },
	{ "series", "string", "what is measured: the schedule's name", { NULL } },
	{ "at", "number", "when it was measured, ms since 1970", { NULL } },
	{ "ok", "boolean", "the target answered as it should", { NULL } },
	{ "measured", "boolean", "false where the node could not measure: it says nothing of the target",
	  { NULL } },
	{ "uplink_down", "boolean", "the node's own uplink check fails: its failures say nothing of the target",
	  { NULL } },
	{ "status", "string", "\"finished\" or \"failed\"", { "status" } },
	{ "failure", "string?", "why it failed: \"timeout\", \"refused\", ...", { "failure" } },
	{ "address", "string?", "of the target", { "resolvedAddress" } },
	{ "took", "number?", "time of the measurement, ms", { "durationMs" } },
	{ "rtt", "number?", "mean round trip, or time of the whole answer, ms",
	  { "stats.avg", "timings.total", "hops[-1].stats.avg", "timings.tcp" } },
	{ "rtt_min", "number?", "shortest round trip, ms", { "stats.min", "hops[-1].stats.min" } },
	{ "rtt_max", "number?", "longest round trip, ms", { "stats.max", "hops[-1].stats.max" } },
	{ "jitter", "number?", "mean difference of neighbouring round trips, ms",
	  { "stats.jitter", "hops[-1].stats.jAvg" } },
	{ "loss", "number?", "share without an answer, %", { "stats.loss", "hops[-1].stats.loss" } },
	{ "code", "number?", "status code of HTTP or DNS", { "statusCode" } },
	{ "days", "number?", "days until the certificate expires",
	  { "chainDaysLeft", "daysLeft", "certificateDays" } },
	{ "hops", "string[]?", "addresses of the routers in order, \"*\" for a silent one",
	  { "hops[].resolvedAddress" } },
	{ NULL, NULL, NULL, { NULL } },
};

const struct sonde_fact_row sonde_change_rows[] = {
	{ "node", "string", "its name", { NULL } },
	{ "position", "position?", "the node in view", { NULL } },
	{ "region", "string", "its region, \"\" when unknown", { NULL } },
	{ "status", "string", "\"online\", \"stale\", \"offline\", \"disabled\", \"deregistered\", "
	  "\"banned\"", { NULL } },
	{ "ok", "boolean", "it is online", { NULL } },
	{ "uplink_down", "boolean", "its own uplink check fails", { NULL } },
	{ "at", "number", "when it changed, ms since 1970", { NULL } },
	{ NULL, NULL, NULL, { NULL } },
};

/* ---- reading ---- */

static json_t *member(const json_t *object, const char *name, size_t len)
{
	char key[64];

	if (len >= sizeof(key))
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	return json_object_get(object, key);
}

static json_t *list_of(const json_t *array, const char *rest)
{
	json_t *out = json_array(), *row;
	size_t i;

	json_array_foreach(array, i, row) {
		const char *text = json_string_value(json_object_get(row, rest));
		if (i < SONDE_FACT_ITEMS)
			json_array_append_new(out, json_string(text ? text : "*"));
	}
	return out;
}

/* A new reference, NULL when there is none. */
static json_t *value_at(const json_t *at, const char *path)
{
	while (at) {
		size_t n = strcspn(path, ".[");
		at = member(at, path, n);
		path += n;
		if (!strncmp(path, "[].", 3))
			return json_is_array(at) ? list_of(at, path + 3) : NULL;
		if (!strncmp(path, "[-1]", 4)) {
			size_t len = json_array_size(at);
			at = len ? json_array_get(at, len - 1) : NULL;
			path += 4;
		}
		if (*path != '.')
			return json_incref((json_t *)at);
		path++;
	}
	return NULL;
}

static int fits(const char *type, const json_t *v)
{
	if (!strncmp(type, "string[]", 8))
		return json_is_array(v);
	if (!strncmp(type, "string", 6))
		return json_is_string(v);
	if (!strncmp(type, "boolean", 7))
		return json_is_boolean(v);
	return json_is_number(v);
}

json_t *sonde_result_facts(const json_t *result)
{
	json_t *facts = json_object();

	for (const struct sonde_fact_row *r = sonde_result_rows; facts && r->name; r++)
		for (unsigned i = 0; i < 4 && r->paths[i]; i++) {
			json_t *v = value_at(result, r->paths[i]);
			if (v && fits(r->type, v)) {
				json_object_set_new(facts, r->name, v);
				break;
			}
			json_decref(v);
		}
	return facts;
}

/* ---- pushing ---- */

static void push_list(lua_State *L, const json_t *v)
{
	size_t n = json_array_size(v);

	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n && i < SONDE_FACT_ITEMS; i++) {
		const char *text = json_string_value(json_array_get(v, i));
		lua_pushstring(L, text ? text : "*");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_value(lua_State *L, const json_t *v)
{
	if (json_is_array(v))
		push_list(L, v);
	else if (json_is_string(v))
		lua_pushlstring(L, json_string_value(v), json_string_length(v));
	else if (json_is_boolean(v))
		lua_pushboolean(L, json_is_true(v));
	else if (json_is_integer(v))
		lua_pushinteger(L, json_integer_value(v));
	else
		lua_pushnumber(L, json_number_value(v));
}

void sonde_facts_push(lua_State *L, const struct sonde_fact_row *rows, const json_t *facts)
{
	lua_createtable(L, 0, 16);
	for (const struct sonde_fact_row *r = rows; r->name; r++) {
		const json_t *v = json_object_get(facts, r->name);
		if (!v || !fits(r->type, v))
			continue;
		push_value(L, v);
		lua_setfield(L, -2, r->name);
	}
}
