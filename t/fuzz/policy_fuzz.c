/* SPDX-License-Identifier: Apache-2.0 */
/* Text -> load -> pick and route, with small budgets. The answer must be of the set. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "param/param.h"
#include "script/policy.h"

enum { NODES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sonde_policies *make(void)
{
	static const struct sonde_policy_limits limits = { 1 << 20, 20000, 20, 100 };
	static const char *const tags[] = { "x", "y" };
	struct sonde_policies *ps;

	if (sonde_policies_new(&limits, &ps) != SONDE_OK)
		abort();
	for (unsigned i = 0; i < NODES; i++) {
		sonde_column_text(ps, i, SONDE_COL_NAME, i % 2 ? "a" : "b");
		sonde_column_text(ps, i, SONDE_COL_REGION, i % 3 ? "europe" : "asia");
		sonde_column_number(ps, i, SONDE_COL_LOAD, i);
		sonde_column_number(ps, i, SONDE_COL_PRIORITY, 1 + i % 2);
		sonde_column_tags(ps, i, tags, i % 3);
	}
	return ps;
}

static void decide(struct sonde_policies *ps, uint64_t seed)
{
	static const unsigned set[] = { 1, 3, 2, 5, 8, 8, 11 };
	char regions[4][SONDE_REGION_TEXT];
	unsigned rows[3], seen = 0;
	struct sonde_request req = { .type = "ping", .target = "x", .region = "europe", .want = 3,
	                             .seed = seed };
	struct sonde_decision d = { .rows = rows };

	sonde_policy_pick(ps, "p", &req, set, sizeof(set) / sizeof(set[0]), &d);
	if (d.count > 3 || strnlen(d.reason, sizeof(d.reason)) == sizeof(d.reason))
		abort();
	for (unsigned i = 0; i < d.count; i++) {
		unsigned bit = rows[i] < NODES ? 1u << rows[i] : 0;
		if (!(bit & 0x92e) || (seen & bit))
			abort();
		seen |= bit;
	}
	sonde_policy_route(ps, "p", &req, regions, 4);
}

/* As a verdict, when it is one: options that it wrote are an object. */
static void observe(struct sonde_policies *ps, const char *name, const char *facts)
{
	struct sonde_request req = { .type = "ping", .target = "x", .schedule = "s", .seed = 1 };
	struct sonde_actions actions = { 0 };
	struct sonde_error err;
	json_t *object = sonde_json_load(facts, strlen(facts), &err);

	if (!object)
		abort();
	sonde_policy_observe(ps, name, SONDE_ENTRY_ON_RESULT, &req, object, &actions);
	for (unsigned i = 0; i < actions.n; i++)
		if (*actions.all[i].options && !sonde_json_valid(actions.all[i].options,
		                                                 strlen(actions.all[i].options), true))
			abort();
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_error err;

	sonde_log_level(SONDE_LOG_ERROR);
	struct sonde_policies *ps = make();
	if (sonde_policy_load(ps, "p", "p.lua", (const char *)data, size, &err) == SONDE_OK) {
		decide(ps, 1);
		sonde_column_number(ps, 1, SONDE_COL_LOAD, 0.5);
		sonde_column_clear(ps, 2);
		sonde_column_text(ps, 40, SONDE_COL_NAME, "c");
		decide(ps, 2);
		if (sonde_policy_has(ps, "p", SONDE_ENTRY_ON_RESULT))
			observe(ps, "p", "{\"rtt\":900,\"status\":\"finished\"}");
	}
	sonde_policies_free(ps);
	return 0;
}
