/* SPDX-License-Identifier: Apache-2.0 */
/* What verdicts see, remember and call for; the bounds of all three. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "param/param.h"
#include "room.h"
#include "script/facts.h"
#include "script/window.h"
#include "tap.h"

static json_t *facts_of(const char *text)
{
	struct sonde_error err;
	json_t *result = sonde_json_load(text, strlen(text), &err);
	json_t *facts = sonde_result_facts(result);

	EXPECT(result && facts);
	json_decref(result);
	return facts;
}

static double number(const json_t *facts, const char *name)
{
	const json_t *v = json_object_get(facts, name);
	return v ? json_number_value(v) : NAN;
}

static void fields_are_read_by_path(void)
{
	json_t *f = facts_of("{\"status\":\"finished\",\"durationMs\":12.5,\"resolvedAddress\":\"192.0.2.1\","
	                     "\"stats\":{\"avg\":3.5,\"loss\":25,\"jitter\":null}}");
	EXPECT(number(f, "rtt") == 3.5 && number(f, "loss") == 25 && number(f, "took") == 12.5);
	EXPECT_STR(json_string_value(json_object_get(f, "address")), "192.0.2.1");
	EXPECT(!json_object_get(f, "jitter") && !json_object_get(f, "hops"));
	json_decref(f);
	f = facts_of("{\"hops\":[{\"resolvedAddress\":\"a\"},{\"resolvedAddress\":null},"
	             "{\"resolvedAddress\":\"b\",\"stats\":{\"avg\":7,\"loss\":1}}]}");
	const json_t *hops = json_object_get(f, "hops");
	EXPECT(json_array_size(hops) == 3 && number(f, "rtt") == 7 && number(f, "loss") == 1);
	EXPECT_STR(json_string_value(json_array_get(hops, 1)), "*");
	json_decref(f);
	f = facts_of("{\"daysLeft\":\"many\",\"certificateDays\":3,\"stats\":7,\"hops\":{}}");
	EXPECT(number(f, "days") == 3 && isnan(number(f, "rtt")));
	json_decref(f);
}

static void a_window_sums_its_last_values(void)
{
	struct sonde_windows ws;
	struct sonde_window_sums s;

	sonde_windows_init(&ws);
	struct sonde_window *w = sonde_windows_get(&ws, 'w', "k", 1);
	for (int i = 1; i <= 150; i++)
		EXPECT(sonde_window_push(&ws, w, 100, i) == SONDE_OK);
	sonde_window_sum(w, &s);
	EXPECT(s.n == 100 && s.min == 51 && s.max == 150 && s.mean == 100.5 && s.last == 150);
	EXPECT(s.p50 == 100 && s.p95 == 145 && s.p99 == 149 && s.jitter == 1 && s.loss == 0);
	sonde_window_push(&ws, w, 100, NAN);
	sonde_window_sum(w, &s);
	EXPECT(s.missing == 1 && s.loss == 0.01 && isnan(s.last));
	sonde_windows_deinit(&ws);
}

static void the_memory_of_windows_is_bounded(void)
{
	struct sonde_windows ws;
	char key[32];

	sonde_windows_init(&ws);
	for (int i = 0; i < 20000; i++) {
		int n = snprintf(key, sizeof(key), "%d", i);
		struct sonde_window *w = sonde_windows_get(&ws, 'w', key, (size_t)n);
		sonde_window_push(&ws, w, SONDE_WINDOW_VALUES, i);
		EXPECT(ws.bytes <= SONDE_WINDOW_BYTES && ws.map.len <= SONDE_WINDOWS);
		sonde_windows_get(&ws, 'w', "0", 1); /* in use: it stays */
	}
	EXPECT(ws.evicted > 10000);
	EXPECT(sonde_windows_get(&ws, 'w', "0", 1)->n == 1);
	struct sonde_window *votes = sonde_windows_get(&ws, 't', "v", 1);
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "node %d", i);
		ws.now_ms = i;
		EXPECT(sonde_window_vote(&ws, votes, key, "", false) == SONDE_OK);
	}
	EXPECT(votes->votes_n == SONDE_VOTES);
	sonde_windows_deinit(&ws);
}

static int observe(struct sonde_policies *ps, const char *source, struct sonde_actions *out)
{
	struct sonde_request req = { .type = "ping", .target = "t", .schedule = "s" };
	struct sonde_error err = { { 0 }, { 0 } };
	json_t *facts = json_pack("{s:s,s:f,s:b}", "node", "a", "at", 1000.0, "ok", 0);

	if (sonde_policy_load(ps, "v", "/etc/policies/v.lua", source, strlen(source), &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
	int rc = sonde_policy_observe(ps, "v", SONDE_ENTRY_ON_RESULT, &req, facts, out);
	json_decref(facts);
	return rc;
}

#define VERDICT(body) "return { api = 1, summary = 's', on_result = function(req, result)\n" body " end }"

static void actions_come_with_their_line(void)
{
	struct sonde_policies *ps;
	struct sonde_actions a;

	EXPECT(sonde_policies_new(NULL, &ps) == SONDE_OK);
	EXPECT(observe(ps, VERDICT("lb.raise('k ' .. result.node, 'error', 'bad')\n"
	                           "lb.deepen('mtr', { packets = 3 }, { 'a', 'b' })"), &a) == SONDE_OK);
	EXPECT(a.n == 2 && a.all[0].kind == SONDE_ACTION_RAISE);
	EXPECT_STR(a.all[0].key, "k a");
	EXPECT_STR(a.all[0].cause, "policies/v.lua:2");
	EXPECT_STR(a.all[1].options, "{\"packets\":3}");
	EXPECT(a.all[1].node_count == 2);
	sonde_policies_free(ps);
}

static void what_is_wrong_is_a_fault(void)
{
	static const char *const bad[] = {
		VERDICT("while true do end"), VERDICT("lb.raise('k', 'loud', 't')"),
		VERDICT("lb.raise('', 'error', 't')"), VERDICT("lb.window('k', 257)"),
		VERDICT("for i = 1, 9 do lb.clear('k' .. i) end"),
		VERDICT("lb.deepen('mtr', { a = {} })"), VERDICT("lb.remember('k', lb)  error('x')"),
	};
	struct sonde_actions a;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sonde_policies *ps;
		EXPECT(sonde_policies_new(NULL, &ps) == SONDE_OK);
		EXPECT(observe(ps, bad[i], &a) == SONDE_EDENIED && a.n == 0);
		sonde_policies_free(ps);
	}
}

static void a_decision_has_no_memory(void)
{
	static const char source[] = "return { api = 1, summary = 's', pick = function(req, set) "
	                             "lb.window('k', 3, 1) return set end }";
	unsigned all[1] = { 0 }, rows[1];
	struct sonde_decision d = { .rows = rows };
	struct sonde_request req = { .type = "ping", .want = 1 };
	struct sonde_policies *ps;
	struct sonde_error err;

	EXPECT(sonde_policies_new(NULL, &ps) == SONDE_OK);
	sonde_column_number(ps, 0, SONDE_COL_LOAD, 0);
	EXPECT(sonde_policy_load(ps, "v", "v.lua", source, strlen(source), &err) == SONDE_OK);
	sonde_policy_pick(ps, "v", &req, all, 1, &d);
	EXPECT(d.fallback && strstr(d.reason, "only there in on_result and on_node"));
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(fields_are_read_by_path), CASE(a_window_sums_its_last_values),
         CASE(the_memory_of_windows_is_bounded), CASE(actions_come_with_their_line),
         CASE(what_is_wrong_is_a_fault), CASE(a_decision_has_no_memory))
