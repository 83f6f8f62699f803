/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: recorded decisions, as they are stored and as a file that somebody sends. What opens
 * is decided again. */
#include "fuzz_dir.h"

#include "base/log.h"
#include "base/status.h"
#include "param/param.h"
#include "script/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy[] = "return { api = 1, summary = 's', params = { n = { type = 'int', "
                             "default = 1 } }, pick = function(req, nodes) return "
                             "lb.sample(nodes, req.want) end }\n";

static void simulate(const json_t *record)
{
	struct sonde_simulation *s;
	struct sonde_error e;
	struct sonde_json j;
	struct sonde_buf b;

	if (sonde_simulation_new("p", policy, sizeof(policy) - 1, fuzz_dir(), &s, &e))
		abort();
	sonde_simulation_params(s, "{\"n\":2}");
	sonde_simulation_replay(s, record);
	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_simulation_report(s, &j, "r");
	sonde_json_close(&j);
	if (!b.failed && !sonde_json_valid(b.data, b.len, true))
		abort();
	sonde_buf_deinit(&b);
	sonde_simulation_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_policies *ps;
	static struct sonde_replay r;
	unsigned rows[SONDE_REPLAY_NODES];
	struct sonde_error e;

	sonde_log_level(-1);
	if (!ps && (sonde_policies_new(NULL, &ps) != SONDE_OK ||
	            sonde_policy_load(ps, "p", "p.lua", policy, sizeof(policy) - 1, &e) != SONDE_OK))
		abort();
	json_t *record = sonde_json_load((const char *)data, size, &e);
	if (record && sonde_replay_open(ps, record, &r, &e) == SONDE_OK) {
		struct sonde_decision d = { .rows = rows };
		if (r.n > SONDE_REPLAY_NODES || r.answered > SONDE_REPLAY_NODES)
			abort();
		sonde_policy_pick(ps, "p", &r.request, r.rows, r.n, &d);
		if (d.count > r.n)
			abort();
		sonde_replay_close(&r);
		simulate(record);
	}
	json_decref(record);
	return 0;
}
