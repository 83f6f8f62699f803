/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions a second: each shipped policy and some helpers, with all nodes as candidates. The set
 * is looked at anew each time ("set":"new") or named by set_id ("set":"same"); "live" is the latter with
 * ten changes of load between two decisions. A first argument: only what has this name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "base/status.h"
#include "script/history.h"
#include "script/policy.h"

static const unsigned sizes[] = { 20, 200, 2000, 10000 };
static const char *const shipped[] = { "round_robin", "least_load", "capability", "regional",
	                               "hybrid", "priority", "tiers", "diverse", "sticky", "world",
	                               "predictive",
	                               "regional,least_load", NULL };
static const struct {
	const char *name, *pick;
} helpers[] = {
	{ "lua_two_choices", "return lb.two_choices(set, view.pressure, req.want)" },
	{ "lua_sample", "return lb.sample(set, req.want)" },
	{ "lua_round_robin", "return lb.round_robin(set, req.want)" },
	{ "lua_least", "return lb.least(set, view.pressure, req.want)" },
	{ "lua_hash", "return lb.hash(set, req.target, req.want)" },
	{ "lua_weighted", "return lb.weighted(set, view.capacity, req.want)" },
	{ "lua_spread_by", "return lb.spread_by(set, view.city, req.want)" },
	{ "lua_below_least", "return lb.least(lb.below(set, view.rtt, 80), view.load, req.want)" },
	{ "lua_sample16_scan",
	  "local best, low = nil, math.huge local load = view.load\n"
	  "for _, i in ipairs(lb.sample(set, 16)) do local l = load[i]\n"
	  "if l < low then best, low = i, l end end return best" },
	{ "lua_top16",
	  "local best, low = nil, math.huge local rtt = view.rtt\n"
	  "for _, i in ipairs(lb.top(set, view.load, 16)) do local l = rtt[i]\n"
	  "if l < low then best, low = i, l end end return best" },
	{ "lua_scan",
	  "local best, low = set[1], math.huge local load = view.load\n"
	  "for k = 1, #set do local i = set[k] local l = load[i]\n"
	  "if l < low then best, low = i, l end end return best" },
};

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(struct sonde_policies *ps, unsigned n)
{
	static const char *const regions[] = { "europe", "asia", "africa", "north-america" };
	static const char *const continents[] = { "EU", "AS", "AF", "NA" };
	static const char *const countries[] = { "DE", "FR", "JP", "US", "ZA", "BR", "AU" };
	struct sonde_rng rng;
	char name[32];

	sonde_rng_seed(&rng, 1);
	for (unsigned i = 0; i < n; i++) {
		const char *tags[] = { "ipv6", regions[i % 4] };
		snprintf(name, sizeof(name), "node-%u", i);
		sonde_column_text(ps, i, SONDE_COL_NAME, name);
		snprintf(name, sizeof(name), "city-%u", i % 97);
		sonde_column_text(ps, i, SONDE_COL_CITY, name);
		sonde_column_text(ps, i, SONDE_COL_REGION, regions[i % 4]);
		sonde_column_text(ps, i, SONDE_COL_CONTINENT, continents[i % 4]);
		sonde_column_text(ps, i, SONDE_COL_COUNTRY, countries[i % 7]);
		sonde_column_number(ps, i, SONDE_COL_LOAD, (double)sonde_rng_below(&rng, 1000) / 1e3);
		sonde_column_number(ps, i, SONDE_COL_RTT, (double)sonde_rng_below(&rng, 200));
		sonde_column_number(ps, i, SONDE_COL_CAPACITY, 100);
		sonde_column_tags(ps, i, tags, 2);
		for (unsigned k = 0; k < 4; k++) {
			struct sonde_outcome o = { .row = i, .type = "ping", .target = "example.com",
				                   .address = "192.0.2.1", .ok = k ? 1 : 0.9,
				                   .ms = (double)sonde_rng_below(&rng, 200) };
			sonde_policy_note(ps, &o);
		}
	}
}

enum mode { NEW, SAME, LIVE, MODES };
static const char *const modes[] = { "new", "same", "live" };

static void disturb(struct sonde_policies *ps, unsigned count, unsigned n)
{
	for (unsigned i = 0; i < 10; i++) {
		unsigned k = count * 10 + i;
		sonde_column_number(ps, k * 7919 % n, SONDE_COL_LOAD, (double)(k * 104729 % 1000) / 1e3);
	}
}

static void measure(struct sonde_policies *ps, const char *name, const unsigned *all, unsigned n,
                    enum mode mode)
{
	unsigned rows[3];
	struct sonde_request req = { .type = "ping", .target = "example.com", .region = "europe",
	                             .want = 1, .set_id = mode == NEW ? 0 : n };
	struct sonde_decision d = { .rows = rows };
	unsigned count = 0;
	double start = cpu_now(), spent;

	do {
		for (unsigned i = 0; i < 64; i++, count++) {
			req.seed = count;
			if (mode == LIVE)
				disturb(ps, count, n);
			sonde_policy_pick(ps, name, &req, all, n, &d);
			if (d.fallback || d.count != 1) {
				fprintf(stderr, "%s: %s\n", name, d.reason);
				exit(1);
			}
		}
		spent = cpu_now() - start;
	} while (spent < 0.05);
	printf("{\"bench\":\"policy.%s\",\"nodes\":%u,\"set\":\"%s\",\"unit\":\"decisions/s\","
	       "\"value\":%.0f,\"cpu_us_per\":%.3f}\n",
	       name, n, modes[mode], count / spent, spent * 1e6 / count);
	fflush(stdout);
}

static void measure_updates(struct sonde_policies *ps, unsigned n)
{
	unsigned count = 0;
	double start = cpu_now(), spent;

	do {
		for (unsigned i = 0; i < 1000; i++, count++)
			sonde_column_number(ps, count % n, SONDE_COL_LOAD, i / 1e3);
		spent = cpu_now() - start;
	} while (spent < 0.05);
	printf("{\"bench\":\"policy.column_update\",\"nodes\":%u,\"unit\":\"updates/s\","
	       "\"value\":%.0f,\"cpu_us_per\":%.3f}\n",
	       n, count / spent, spent * 1e6 / count);
}

/* Bytes a policy's state holds: all of them, as describe says. */
static void measure_memory(struct sonde_policies *ps, unsigned n)
{
	struct sonde_buf b;
	struct sonde_json j;
	unsigned long long sum = 0, most = 0;
	unsigned count = 0;

	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	sonde_policies_describe(ps, &j);
	sonde_json_close(&j);
	for (const char *at = sonde_buf_cstr(&b); (at = strstr(at, "\"memory\":")); count++) {
		unsigned long long v = strtoull(at += 9, NULL, 10);
		sum += v;
		most = v > most ? v : most;
	}
	sonde_buf_deinit(&b);
	printf("{\"bench\":\"policy.memory\",\"nodes\":%u,\"unit\":\"bytes/policy\",\"value\":%llu,"
	       "\"max\":%llu}\n", n, sum / count, most);
}

static int load_all(struct sonde_policies *ps)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	struct sonde_error err = { { 0 }, { 0 } };
	char dir[1024], text[1024];

	snprintf(dir, sizeof(dir), "%s/policies", top);
	int rc = sonde_policy_load_dir(ps, dir, &err);
	for (unsigned i = 0; rc == SONDE_OK && i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(text, sizeof(text), "return { api = 1, summary = 's', "
		         "pick = function(req, set, view)\n%s\nend }", helpers[i].pick);
		rc = sonde_policy_load(ps, helpers[i].name, helpers[i].name, text, strlen(text), &err);
	}
	if (rc != SONDE_OK)
		fprintf(stderr, "%s\n", err.text);
	return rc;
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;

	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct sonde_policy_limits limits = { .wall_ms = 10000 };
		struct sonde_policies *ps;
		unsigned n = sizes[s], *all = calloc(n, sizeof(*all));
		if (!all || sonde_policies_new(&limits, &ps) != SONDE_OK || load_all(ps) != SONDE_OK)
			return 1;
		fill(ps, n);
		for (unsigned i = 0; i < n; i++)
			all[i] = i;
		for (enum mode m = NEW; m < MODES; m++) {
			for (unsigned i = 0; shipped[i]; i++)
				if (!only || !strcmp(only, shipped[i]))
					measure(ps, shipped[i], all, n, m);
			for (unsigned i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
				if (!only || !strcmp(only, helpers[i].name))
					measure(ps, helpers[i].name, all, n, m);
		}
		measure_updates(ps, n);
		measure_memory(ps, n);
		sonde_policies_free(ps);
		free(all);
	}
	return 0;
}
