/* SPDX-License-Identifier: Apache-2.0 */
/* Every entry point: what it gets, what it may answer, what happens when it fails; and chains. */
#include "room.h"

static void load(struct sonde_policies *ps, const char *name, const char *entries)
{
	struct sonde_error err = { { 0 }, { 0 } };
	char text[4096];

	snprintf(text, sizeof(text), "return { api = 1, summary = 's', %s }", entries);
	if (room_load(ps, name, text, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s: %s", entries, err.text);
}

static struct sonde_request request(unsigned want)
{
	return (struct sonde_request){ .type = "ping", .target = "x", .want = want, .seed = 7 };
}

/* ---- admit ---- */

struct admit_case {
	const char *body;
	bool refused;
	unsigned want;
	const char *reason;
};

static void admit_narrows_and_never_widens(void)
{
	static const struct admit_case cases[] = {
		{ "return true", false, 5, "" },
		{ "return 3, 'three are enough'", false, 3, "three are enough" },
		{ "return 99", false, 5, "" },
		{ "return 0", true, 0, "" },
		{ "return false, 'not today'", true, 5, "not today" },
		{ "return req.target ~= 'x', 'x is not for you'", true, 5, "x is not for you" },
		{ "return req.tier == nil and req.want == 5 and view.load[1] == 1", false, 5, "" },
		/* faults refuse */
		{ "return nil", true, 5, "true, false or a number" },
		{ "return -1", true, 5, "true, false or a number" },
		{ "return 1.5", true, 5, "true, false or a number" },
		{ "return 'yes'", true, 5, "true, false or a number" },
		{ "error('broken')", true, 5, "broken" },
		{ "while true do end", true, 5, "limit reached" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sonde_policies *ps = room_new(100);
		struct sonde_request req = request(5);
		struct sonde_admission a;
		char entry[256];
		snprintf(entry, sizeof(entry), "admit = function(req, view) %s end", cases[i].body);
		load(ps, "a", entry);
		sonde_policy_admit(ps, "a", &req, &a);
		if (a.refused != cases[i].refused || (!a.refused && a.want != cases[i].want) ||
		    !strstr(a.reason, cases[i].reason))
			tap_fail(__FILE__, __LINE__, "%s: refused %d, want %u: %s", cases[i].body,
			         a.refused, a.want, a.reason);
		sonde_policies_free(ps);
	}
}

static void every_admit_of_a_chain_is_asked(void)
{
	struct sonde_policies *ps = room_new(100);
	struct sonde_request req = request(8);
	struct sonde_admission a;

	load(ps, "four", "narrow = function(r, s) return s end, admit = function() return 4 end");
	load(ps, "six", "admit = function(req) return 6, 'saw ' .. req.want end");
	load(ps, "none", "pick = 'hash'");
	sonde_policy_admit(ps, "four,six", &req, &a);
	EXPECT(!a.refused && a.want == 4 && strstr(a.reason, "six: saw 4"));
	sonde_policy_admit(ps, "four,none", &req, &a);
	EXPECT(!a.refused && a.want == 4);
	sonde_policy_admit(ps, "none", &req, &a);
	EXPECT(!a.refused && a.want == 8);
	sonde_policy_admit(ps, "missing", &req, &a);
	EXPECT(a.refused);
	sonde_policies_free(ps);
}

static void a_quarantined_admit_refuses(void)
{
	struct sonde_policies *ps = room_new(100);
	struct sonde_request req = request(1);
	struct sonde_admission a;

	load(ps, "a", "admit = function(req) if req.type == 'bad' then error('x') end return true end");
	req.type = "bad";
	for (int i = 0; i < 3; i++)
		sonde_policy_admit(ps, "a", &req, &a);
	req.type = "ping";
	sonde_policy_admit(ps, "a", &req, &a);
	EXPECT(a.refused && strstr(a.reason, "a is quarantined"));
	sonde_policies_free(ps);
}

/* ---- retry ---- */

static void retry_chooses_gives_up_or_picks(void)
{
	static const unsigned others[] = { 0, 1, 2, 3, 4, 5, 6 };
	struct sonde_policies *ps = room_new(100);
	struct sonde_request req = request(4);
	unsigned rows[4];
	struct sonde_decision d = { .rows = rows };

	req.attempt = 2;
	req.failure = "node_lost";
	req.failed = 8;
	load(ps, "near", "retry = function(req, set, view) assert(req.failed == 8 and req.attempt == 2 "
	                 "and req.failure == 'node_lost' and req.want == 1) return set[2] end");
	load(ps, "stop", "retry = function(req) return req.attempt < 2, 'twice is enough' end");
	load(ps, "pick", "pick = function(req, set, view) return lb.least(set, view.load, req.want) end");
	load(ps, "same", "retry = function(req, set) return req.failed end");
	sonde_policy_retry(ps, "near", &req, others, 7, &d);
	EXPECT(!d.fallback && d.count == 1 && rows[0] == 1);
	sonde_policy_retry(ps, "stop", &req, others, 7, &d);
	EXPECT(!d.fallback && d.count == 0);
	EXPECT_STR(d.reason, "twice is enough");
	sonde_policy_retry(ps, "pick", &req, others, 7, &d);
	EXPECT(!d.fallback && d.count == 1 && rows[0] == 6);
	sonde_policy_retry(ps, "same", &req, others, 7, &d);
	EXPECT(d.fallback && d.count == 1 && strstr(d.reason, "not a candidate"));
	sonde_policies_free(ps);
}

/* ---- assign ---- */

static void assign_sees_who_has_it(void)
{
	static const unsigned current[] = { 2, 5 };
	struct sonde_policies *ps = room_new(100);
	struct sonde_request req = request(3);
	unsigned rows[3];
	struct sonde_decision d = { .rows = rows };

	req.schedule = "s1";
	req.current = current;
	req.current_n = 2;
	load(ps, "keep", "assign = function(req, set, view) assert(req.schedule == 's1') "
	                 "local rest = lb.least(lb.without(set, req.current), view.load, req.want) "
	                 "return lb.join(req.current, rest, req.want), 'kept' end");
	load(ps, "pick", "pick = 'least_load'");
	sonde_policy_assign(ps, "keep", &req, room_all, ROOM_NODES, &d);
	EXPECT(!d.fallback && d.count == 3 && rows[0] == 2 && rows[1] == 5 && rows[2] == 7);
	EXPECT_STR(d.reason, "kept");
	sonde_policy_assign(ps, "pick", &req, room_all, ROOM_NODES, &d);
	EXPECT(!d.fallback && d.count == 3 && rows[0] == 7);
	sonde_policies_free(ps);
}

/* ---- peers ---- */

static unsigned peers(struct sonde_policies *ps, const char *name, unsigned n,
                      struct sonde_peering *out, unsigned max, struct sonde_decision *d)
{
	struct sonde_request req = request(n);

	return sonde_policy_peers(ps, name, &req, room_all, n, out, max, d);
}

static void peers_are_pairs(void)
{
	struct sonde_policies *ps = room_new(100);
	struct sonde_peering p[64];
	struct sonde_decision d = { 0 };

	load(ps, "ring", "peers = function(req, set) local out = {} "
	                 "for i, n in ipairs(set) do out[n] = { set[i % #set + 1] } end "
	                 "return out, 'a ring' end");
	EXPECT_INT(peers(ps, "ring", 4, p, 64, &d), 4);
	EXPECT(!d.fallback && p[0].from == 0 && p[0].to == 1 && p[3].from == 3 && p[3].to == 0);
	EXPECT_STR(d.reason, "a ring");
	load(ps, "self", "peers = function(req, set) local out = {} "
	                 "for _, n in ipairs(set) do out[n] = { n, set[1], set[1] } end return out end");
	EXPECT_INT(peers(ps, "self", 3, p, 64, &d), 2);
	EXPECT(!d.fallback && p[0].from == 1 && p[0].to == 0 && p[1].from == 2);
	EXPECT_INT(peers(ps, "ring", 4, p, 2, &d), 2);
	EXPECT(strstr(d.reason, "2 of 4 pairs left out"));
	load(ps, "none", "pick = 'hash'");
	EXPECT_INT(peers(ps, "none", 4, p, 64, &d), 12);
	EXPECT(d.fallback);
	EXPECT_INT(peers(ps, "none", 4, p, 5, &d), 5);
	EXPECT(strstr(d.reason, "7 of 12 pairs left out"));
	EXPECT_INT(peers(ps, "none", 0, p, 5, &d), 0);
	sonde_policies_free(ps);
}

/* A thousand nodes within the default limits: everybody probes and is probed. */
static void a_large_mesh_is_within_the_limits(void)
{
	enum { NODES = 1000, DEGREE = 3 };
	static struct sonde_peering pairs[NODES * DEGREE + 1];
	static unsigned all[NODES], probed[NODES], probes[NODES];
	struct sonde_policies *ps = room_new(getenv("TAP_SLOW") ? 1000 : 20);
	struct sonde_request req = request(NODES);
	struct sonde_decision d = { 0 };
	char name[16];

	for (unsigned i = 0; i < NODES; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		EXPECT_INT(sonde_column_text(ps, i, SONDE_COL_NAME, name), SONDE_OK);
		all[i] = i;
	}
	load(ps, "mesh", "peers = function(req, set) return lb.mesh(set, 3) end");
	unsigned n = 0;
	for (unsigned i = 0; i < 3; i++)
		n = sonde_policy_peers(ps, "mesh", &req, all, NODES, pairs, NODES * DEGREE + 1, &d);
	if (d.fallback)
		tap_fail(__FILE__, __LINE__, "%s", d.reason);
	EXPECT_INT(n, NODES * DEGREE);
	printf("# a mesh of %d nodes took %u us\n", NODES, d.took_us);
	for (unsigned i = 0; i < n; i++) {
		EXPECT(pairs[i].from != pairs[i].to);
		probes[pairs[i].from]++;
		probed[pairs[i].to]++;
	}
	for (unsigned i = 0; i < NODES; i++)
		EXPECT(probes[i] == DEGREE && probed[i] >= 1);
	sonde_policies_free(ps);
}

static void bad_peers_fall_back(void)
{
	static const char *const bodies[] = {
		"return nil", "return 1", "return set", "return { [9] = { 1 } }", "return { a = { 1 } }",
		"return { { 5 } }", "return { 1 }", "return { { 'x' } }", "while true do end",
	};

	for (unsigned i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct sonde_policies *ps = room_new(100);
		struct sonde_peering p[64];
		struct sonde_decision d = { 0 };
		char entry[256];
		snprintf(entry, sizeof(entry), "peers = function(req, set, view) %s end", bodies[i]);
		load(ps, "bad", entry);
		unsigned n = peers(ps, "bad", 4, p, 64, &d);
		if (!d.fallback || n != 12)
			tap_fail(__FILE__, __LINE__, "%s: %u pairs", bodies[i], n);
		sonde_policies_free(ps);
	}
}

/* ---- chains ---- */

static struct sonde_decision pick(struct sonde_policies *ps, const char *names, const char *params,
                                  unsigned want, unsigned *rows)
{
	struct sonde_request req = request(want);
	struct sonde_decision d = { .rows = rows };

	req.params_json = params;
	sonde_policy_pick(ps, names, &req, room_all, ROOM_NODES, &d);
	return d;
}

static struct sonde_policies *chained(void)
{
	struct sonde_policies *ps = room_new(100);

	load(ps, "even", "narrow = function(req, set) local out = {} "
	                 "for _, n in ipairs(set) do if n % 2 == 0 then out[#out + 1] = n end end "
	                 "return out, #out .. ' even' end");
	load(ps, "upto", "params = { max = { type = 'int', default = 4 } }, "
	                 "narrow = function(req, set) local out = {} for _, n in ipairs(set) do "
	                 "if n <= req.params.max then out[#out + 1] = n end end return out end");
	load(ps, "least_load", "pick = 'least_load'");
	load(ps, "broken", "narrow = function() error('broken') end");
	return ps;
}

static void a_chain_narrows_then_picks(void)
{
	struct sonde_policies *ps = chained();
	unsigned rows[8];
	struct sonde_decision d = pick(ps, "even,least_load", NULL, 2, rows);

	/* Positions 2, 4, 6, 8 are rows 1, 3, 5, 7; the last has the least load. */
	EXPECT(!d.fallback && d.count == 2 && rows[0] == 7 && rows[1] == 5);
	EXPECT_STR(d.reason, "even: 4 even; least_load: least_load");
	d = pick(ps, "even,upto,least_load", NULL, 8, rows);
	EXPECT(!d.fallback && d.count == 2 && rows[0] == 3 && rows[1] == 1);
	d = pick(ps, "even,upto,least_load", "{\"upto\":{\"max\":6}}", 8, rows);
	EXPECT(!d.fallback && d.count == 3 && rows[0] == 5);
	d = pick(ps, "upto,least_load", "{\"upto\":{\"max\":0}}", 3, rows);
	EXPECT(!d.fallback && d.count == 0);
	/* A policy that only narrows leaves the rest to the built-in order when it is the last. */
	d = pick(ps, "upto", "{\"max\":3}", 8, rows);
	EXPECT(!d.fallback && d.count == 3 && rows[0] == 2);
	d = pick(ps, "broken,least_load", NULL, 2, rows);
	EXPECT(d.fallback && d.count == 2 && rows[0] == 7 && strstr(d.reason, "broken"));
	sonde_policies_free(ps);
}

static void wrong_chains_are_said(void)
{
	static const struct {
		const char *names, *params, *text;
	} cases[] = {
		{ "least_load,even", NULL, "least_load cannot stand before another policy" },
		{ "even,missing", NULL, "no policy is named missing" },
		{ "even,,least_load", NULL, "no policy is named" },
		{ "", NULL, "no policy is named" },
		{ "even,even", NULL, "stands twice" },
		{ "upto,least_load", "{\"max\":6}", "no policy of the chain" },
		{ "upto,least_load", "{\"upto\":1}", "must be an object" },
		{ "upto,least_load", "{\"upto\":{\"mx\":6}}", "unknown" },
		{ "upto,least_load", "[]", "by policy name" },
		{ "upto", "{\"max\":\"x\"}", "integer" },
	};
	struct sonde_policies *ps = chained();

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sonde_error err = { { 0 }, { 0 } };
		int rc = sonde_policy_check_params(ps, cases[i].names, cases[i].params, &err);
		if (rc == SONDE_OK || !strstr(err.text, cases[i].text))
			tap_fail(__FILE__, __LINE__, "%s %s: %d: %s", cases[i].names, cases[i].params,
			         rc, err.text);
	}
	EXPECT_INT(sonde_policy_check_params(ps, "even,upto,least_load", "{\"upto\":{}}", NULL), SONDE_OK);
	sonde_policies_free(ps);
}

/* ---- quarantine ---- */

static void note(void *arg, const char *name, const char *why)
{
	EXPECT_STR(name, "a");
	EXPECT(strstr(why, "x"));
	++*(unsigned *)arg;
}

static void three_faults_tell_once(void)
{
	struct sonde_policies *ps = room_new(100);
	unsigned rows[1], told = 0;

	sonde_policies_on_quarantine(ps, note, &told);
	load(ps, "a", "pick = function(req, set) if req.seed == 7 then error('x') end return 1 end");
	for (int i = 0; i < 5; i++) {
		EXPECT_INT(told, i >= 3);
		EXPECT(pick(ps, "a", NULL, 1, rows).fallback);
	}
	load(ps, "a", "pick = function(req, set) return 1 end");
	EXPECT(!pick(ps, "a", NULL, 1, rows).fallback);
	EXPECT_INT(told, 1);
	sonde_policies_free(ps);
}

/* ---- adopting ---- */

static void an_adopted_policy_sees_the_new_set(void)
{
	struct sonde_policies *ps = room_new(100), *from = NULL;
	struct sonde_policy_limits limits = { .wall_ms = 100 };
	unsigned rows[2];

	load(ps, "a", "pick = function(req, set, view) return set[1], 'old' end");
	for (unsigned i = 0; i < 100; i++) {
		EXPECT_INT(sonde_policies_new(&limits, &from), SONDE_OK);
		load(from, "a", "pick = function(req, set, view) assert(view.name[8] == 'node7') "
		                "return lb.least(set, view.load, req.want), 'new' end");
		EXPECT_INT(sonde_policy_adopt(ps, from, "b", 1), SONDE_ENOENT);
		EXPECT_INT(sonde_policy_adopt(ps, from, "a", 7 + i), SONDE_OK);
		sonde_policies_free(from);
		struct sonde_decision d = pick(ps, "a", NULL, 2, rows);
		EXPECT(!d.fallback && d.count == 2 && rows[0] == 7 && d.version == 7 + i);
		EXPECT_STR(d.reason, "new");
		EXPECT_INT(sonde_column_number(ps, 7, SONDE_COL_LOAD, 0.1), SONDE_OK);
	}
	sonde_policies_free(ps);
}

static void a_new_policy_can_be_adopted(void)
{
	struct sonde_policies *ps = room_new(100), *from = room_new(100);
	unsigned rows[1];

	load(from, "fresh", "pick = 'least_load'");
	EXPECT_INT(sonde_policy_adopt(ps, from, "fresh", 1), SONDE_OK);
	EXPECT(sonde_policy_exists(ps, "fresh"));
	sonde_policies_free(from);
	EXPECT(!pick(ps, "fresh", NULL, 1, rows).fallback);
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(an_adopted_policy_sees_the_new_set), CASE(a_new_policy_can_be_adopted),
         CASE(admit_narrows_and_never_widens), CASE(every_admit_of_a_chain_is_asked),
         CASE(a_quarantined_admit_refuses), CASE(retry_chooses_gives_up_or_picks),
         CASE(assign_sees_who_has_it), CASE(peers_are_pairs),
         CASE(a_large_mesh_is_within_the_limits), CASE(bad_peers_fall_back),
         CASE(a_chain_narrows_then_picks), CASE(wrong_chains_are_said),
         CASE(three_faults_tell_once))
