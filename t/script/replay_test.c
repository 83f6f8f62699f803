/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded decision, made again by another process' worth of state, answers the same. */
#include "base/rng.h"
#include "param/param.h"
#include "room.h"
#include "script/history.h"
#include "script/replay.h"

enum { NODES = 60 };

static struct sonde_policies *shipped(void)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	struct sonde_policy_limits limits = { .wall_ms = 2000 };
	struct sonde_policies *ps = NULL;
	struct sonde_error err = { { 0 }, { 0 } };
	char dir[1024];

	EXPECT_INT(sonde_policies_new(&limits, &ps), SONDE_OK);
	snprintf(dir, sizeof(dir), "%s/policies", top);
	if (sonde_policy_load_dir(ps, dir, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
	return ps;
}

static void fill(struct sonde_policies *ps, struct sonde_rng *rng)
{
	static const char *const regions[] = { "europe", "asia", "africa" };
	static const char *const tags[] = { "ipv6", "gpu" };
	char text[32];

	for (unsigned i = 0; i < NODES; i++) {
		snprintf(text, sizeof(text), "node%u", i);
		sonde_column_text(ps, i, SONDE_COL_NAME, text);
		snprintf(text, sizeof(text), "city%u", (unsigned)sonde_rng_below(rng, 9));
		sonde_column_text(ps, i, SONDE_COL_CITY, text);
		sonde_column_text(ps, i, SONDE_COL_REGION, regions[sonde_rng_below(rng, 3)]);
		sonde_column_text(ps, i, SONDE_COL_CONTINENT, i % 2 ? "EU" : "AS");
		sonde_column_number(ps, i, SONDE_COL_LOAD, (double)sonde_rng_below(rng, 4) / 3);
		sonde_column_number(ps, i, SONDE_COL_RTT, (double)sonde_rng_below(rng, 1000) / 7);
		sonde_column_number(ps, i, SONDE_COL_ASN, (double)sonde_rng_below(rng, 5));
		sonde_column_number(ps, i, SONDE_COL_PRIORITY, 10 + (double)sonde_rng_below(rng, 3));
		sonde_column_tags(ps, i, tags, (unsigned)sonde_rng_below(rng, 3));
	}
}

static void note_past(struct sonde_policies *ps, struct sonde_rng *rng)
{
	for (unsigned i = 0; i < 3 * NODES; i++) {
		struct sonde_outcome o = {
			.row = (unsigned)sonde_rng_below(rng, NODES), .type = "ping",
			.target = i % 3 ? "example.com" : "elsewhere.test", .address = "192.0.2.7",
			.ok = (double)sonde_rng_below(rng, 8) / 7, .ms = (double)sonde_rng_below(rng, 900) / 7,
		};
		EXPECT_INT(sonde_policy_note(ps, &o), SONDE_OK);
	}
}

/* The record of one decision about every second node, as JSON. */
static char *decide(struct sonde_policies *ps, const char *names, const struct sonde_request *req)
{
	unsigned set[NODES], rows[16], n = 0;
	struct sonde_decision d = { .rows = rows };
	struct sonde_buf b;
	struct sonde_json j;

	for (unsigned i = 1; i < NODES; i += 2)
		set[n++] = i;
	sonde_policy_pick(ps, names, req, set, n, &d);
	if (d.fallback)
		tap_fail(__FILE__, __LINE__, "%s: %s", names, d.reason);
	d.took_us = 0;
	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_decision_record(ps, &j, names, req, set, n, NODES, &d);
	sonde_json_close(&j);
	char *text = strdup(sonde_buf_cstr(&b));
	sonde_buf_deinit(&b);
	return text;
}

static void expect_same(const char *text)
{
	static struct sonde_replay r;
	struct sonde_policies *ps = shipped();
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned rows[16];
	struct sonde_decision d = { .rows = rows };
	struct sonde_buf b;
	struct sonde_json j;

	/* Other texts first, so that nothing depends on their ids. */
	sonde_column_text(ps, 3, SONDE_COL_CITY, "elsewhere");
	json_t *record = sonde_json_load(text, strlen(text), &err);
	if (!record || sonde_replay_open(ps, record, &r, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s: %s", err.text, text);
	sonde_policy_pick(ps, r.policy, &r.request, r.rows, r.n, &d);
	d.took_us = 0;
	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_decision_record(ps, &j, r.policy, &r.request, r.rows, r.n, NODES, &d);
	sonde_json_close(&j);
	EXPECT_STR(sonde_buf_cstr(&b), text);
	sonde_replay_close(&r);
	json_decref(record);
	sonde_buf_deinit(&b);
	sonde_policies_free(ps);
}

static void every_shipped_policy_replays_byte_for_byte(void)
{
	static const struct {
		const char *names, *params;
	} cases[] = {
		{ "round_robin", NULL }, { "least_load", NULL }, { "capability", "{\"require\":\"ipv6\"}" },
		{ "hybrid", "{\"rtt\":3}" }, { "regional", NULL }, { "priority", "{\"busy\":0.5}" },
		{ "tiers", "{\"from\":12}" }, { "diverse", NULL }, { "diverse", "{\"by\":\"asn\"}" },
		{ "sticky", NULL }, { "predictive", NULL }, { "regional,predictive", NULL },
		{ "predictive", "{\"explore\":50,\"known\":1,\"penalty\":\"40ms\"}" }, { "world", NULL }, { "regional,least_load", NULL },
		{ "regional,diverse,round_robin", "{\"diverse\":{\"by\":\"city\"}}" },
		{ "round_robin", "{\"priority\":\"ignore\"}" },
	};
	static const char *const near[] = { "africa", "asia" };
	struct sonde_policies *ps = shipped();
	struct sonde_rng rng;

	tap_limit(120);
	sonde_rng_seed(&rng, 42);
	fill(ps, &rng);
	note_past(ps, &rng);
	for (unsigned k = 0; k < 6; k++) {
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct sonde_request req = {
				.type = "ping", .target = "example.com", .region = k % 2 ? "europe" : NULL,
				.near = near, .near_n = k % 2 ? 2 : 0, .want = 1 + k, .seed = sonde_rng_next(&rng) >> 11,
				.params_json = cases[i].params,
			};
			char *text = decide(ps, cases[i].names, &req);
			EXPECT_INT(!strstr(text, "past_seen"), !strstr(cases[i].names, "predictive"));
			if (k == 0 || k == 5)
				expect_same(text);
			free(text);
		}
		fill(ps, &rng);
		note_past(ps, &rng);
	}
	sonde_policies_free(ps);
}

static void an_incomplete_record_is_refused(void)
{
	static struct sonde_replay r;
	static const char *const texts[] = {
		"{}", "[]", "{\"policy\":\"x\"}", "{\"policy\":\"x\",\"request\":{}}",
		"{\"policy\":\"x\",\"request\":{},\"rows\":1,\"nodes\":[{\"at\":1}]}",
		"{\"policy\":\"x\",\"request\":{},\"rows\":1,\"nodes\":[{\"at\":0,\"load\":\"x\"}]}",
		"{\"policy\":\"x\",\"request\":{},\"rows\":1,\"nodes\":[{\"at\":0,\"priority\":900}]}",
		"{\"policy\":\"x\",\"request\":{},\"rows\":9999999,\"nodes\":[]}",
		"{\"policy\":\"x\",\"request\":{\"want\":99999},\"rows\":1,\"nodes\":[]}",
		"{\"policy\":\"x\",\"request\":{},\"complete\":false,\"rows\":1,\"nodes\":[]}",
	};
	struct sonde_policies *ps = room_new(0);

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *record = sonde_json_load(texts[i], strlen(texts[i]), NULL);
		if (sonde_replay_open(ps, record, &r, NULL) == SONDE_OK)
			tap_fail(__FILE__, __LINE__, "%s", texts[i]);
		sonde_replay_close(&r);
		json_decref(record);
	}
	sonde_policies_free(ps);
}

static long long reported(struct sonde_simulation *s, const char *key)
{
	struct sonde_buf b;
	struct sonde_json j;
	char *end;

	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_simulation_report(s, &j, NULL);
	const char *at = strstr(sonde_buf_cstr(&b), key);
	EXPECT(at);
	long long v = strtoll(at + strlen(key), &end, 10);
	sonde_buf_deinit(&b);
	return v;
}

static void a_simulation_counts_changes(void)
{
	static const char other[] = "return { api = 1, summary = 's', pick = function(req, set) return "
				    "lb.first(set, req.want) end }";
	struct sonde_policies *ps = shipped();
	struct sonde_simulation *s = NULL;
	struct sonde_request req = { .type = "ping", .want = 2 };
	struct sonde_rng rng;

	sonde_rng_seed(&rng, 1);
	fill(ps, &rng);
	EXPECT_INT(sonde_simulation_new("other", other, strlen(other), NULL, &s, NULL), SONDE_OK);
	for (unsigned i = 0; i < 5; i++) {
		req.seed = i;
		char *text = decide(ps, "least_load", &req);
		json_t *record = sonde_json_load(text, strlen(text), NULL);
		sonde_simulation_replay(s, record);
		json_decref(record);
		free(text);
	}
	EXPECT_INT(reported(s, "\"changed\":"), 5);
	EXPECT_INT(reported(s, "\"fallbacks\":"), 0);
	EXPECT_INT(sonde_simulation_invent(s, &req, 50, 100, NULL), SONDE_OK);
	EXPECT_INT(reported(s, "\"decisions\":"), 105);
	sonde_simulation_free(s);
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(every_shipped_policy_replays_byte_for_byte), CASE(an_incomplete_record_is_refused),
         CASE(a_simulation_counts_changes))
