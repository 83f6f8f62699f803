/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a result -> its facts -> a verdict that looks at every one of them. Facts are only those that
 * the rows name, and the verdict never fails over one: a field of a wrong type is not there. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "param/param.h"
#include "script/facts.h"
#include "script/policy.h"

static const char verdict[] =
	"local numbers = { 'took', 'rtt', 'rtt_min', 'rtt_max', 'jitter', 'loss', 'code', 'days' }\n"
	"return { api = 1, summary = 's', on_result = function(req, result)\n"
	"  local sum = 0\n"
	"  for _, name in ipairs(numbers) do\n"
	"    local v = result[name]\n"
	"    if v then sum = sum + v lb.window(name, 4, v) end\n"
	"  end\n"
	"  for _, hop in ipairs(result.hops or {}) do sum = sum + #hop end\n"
	"  local text = (result.status or '') .. (result.failure or '') .. (result.address or '')\n"
	"  lb.raise('k', 'info', string.format('%.1f %d', sum, #text))\n"
	"end }\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sonde_policies *make(void)
{
	static const struct sonde_policy_limits limits = { .wall_ms = 5000 };
	struct sonde_policies *ps;
	struct sonde_error err;

	sonde_log_level(SONDE_LOG_ERROR);
	if (sonde_policies_new(&limits, &ps) != SONDE_OK ||
	    sonde_policy_load(ps, "v", "v.lua", verdict, sizeof(verdict) - 1, &err) != SONDE_OK)
		abort();
	return ps;
}

static void check_names(json_t *facts)
{
	const char *name;
	json_t *value;

	json_object_foreach(facts, name, value) {
		const struct sonde_fact_row *r = sonde_result_rows;
		while (r->name && strcmp(r->name, name))
			r++;
		if (!r->name || !r->paths[0])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_policies *ps;
	struct sonde_request req = { .type = "ping", .target = "x", .schedule = "s", .seed = 1 };
	struct sonde_actions actions;
	struct sonde_error err;

	ps = ps ? ps : make();
	json_t *result = sonde_json_load((const char *)data, size, &err);
	json_t *facts = result ? sonde_result_facts(result) : NULL;
	if (facts) {
		check_names(facts);
		if (sonde_policy_observe(ps, "v", SONDE_ENTRY_ON_RESULT, &req, facts, &actions) != SONDE_OK ||
		    actions.n != 1)
			abort();
	}
	json_decref(facts);
	json_decref(result);
	return 0;
}
