/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions that go well: what a policy sees of the nodes, what the helpers choose, loading,
 * faults, and what comes back. */
#include <math.h>

#include "base/buf.h"
#include "base/rng.h"
#include "room.h"
#include "script/text.h"

static void load_pick(struct sonde_policies *ps, const char *name, const char *head,
                      const char *body)
{
	struct sonde_error err = { { 0 }, { 0 } };

	if (room_load_pick(ps, name, head, body, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
}

/* The one row that the body answers with. */
static int row_of(struct sonde_policies *ps, const char *body)
{
	unsigned rows[ROOM_NODES];

	load_pick(ps, "one", "", body);
	struct sonde_decision d = room_pick(ps, "one", 1, rows);
	if (d.fallback)
		tap_fail(__FILE__, __LINE__, "%s: %s", body, d.reason);
	return d.count ? (int)rows[0] : -1;
}

static void columns_are_seen_when_they_change(void)
{
	static const char body[] =
		"local best for _, i in ipairs(set) do\n"
		"if not best or view.load[i] < view.load[best] then best = i end end\n"
		"return best, view.name[best] .. ' ' .. view.tags[best] .. ' ' .. #view.load";
	const char *tags[] = { "x", "y" };
	struct sonde_policies *ps = room_new(5000);
	unsigned rows[1];

	load_pick(ps, "p", "", body);
	struct sonde_decision d = room_pick(ps, "p", 1, rows);
	EXPECT(!d.fallback && rows[0] == 7);
	EXPECT_STR(d.reason, "node7  8");
	sonde_column_number(ps, 2, SONDE_COL_LOAD, 0.01);
	sonde_column_text(ps, 2, SONDE_COL_NAME, "two");
	sonde_column_tags(ps, 2, tags, 2);
	d = room_pick(ps, "p", 1, rows);
	EXPECT_STR(d.reason, "two x,y 8");
	EXPECT_INT(rows[0], 2);
	sonde_policies_free(ps);
}

static void columns_grow_under_a_policy(void)
{
	struct sonde_policies *ps = room_new(5000);
	unsigned rows[1], set[2] = { 3, 500 };
	struct sonde_request req = { .want = 1 };
	struct sonde_decision d = { .rows = rows };

	load_pick(ps, "p", "", "return set[2] or set[1], view.name[set[#set]] .. #view.name");
	EXPECT(!room_pick(ps, "p", 1, rows).fallback);
	sonde_column_text(ps, 500, SONDE_COL_NAME, "far");
	sonde_policy_pick(ps, "p", &req, set, 2, &d);
	EXPECT(!d.fallback && rows[0] == 500);
	EXPECT_STR(d.reason, "far501");
	EXPECT_INT(sonde_column_number(ps, 1u << 30, SONDE_COL_LOAD, 1), SONDE_EFULL);
	EXPECT_INT(sonde_column_number(ps, 0, SONDE_COL_PRIORITY, 101), SONDE_EINVAL);
	EXPECT_INT(sonde_column_number(ps, 0, SONDE_COL_PRIORITY, NAN), SONDE_EINVAL);
	EXPECT_INT(sonde_column_number(ps, 0, SONDE_COL_NAME, 1), SONDE_EINVAL);
	EXPECT_INT(sonde_column_text(ps, 0, SONDE_COL_LOAD, "x"), SONDE_EINVAL);
	sonde_policies_free(ps);
}

static void a_cleared_row_is_as_new(void)
{
	const char *tags[] = { "gpu" };
	struct sonde_policies *ps = room_new(5000);
	unsigned rows[ROOM_NODES];

	load_pick(ps, "p", "", "return lb.has(set, view.tags, 'gpu'), "
	                       "tostring(view.rtt[1]) .. '|' .. view.name[1] .. '|' .. view.load[1]");
	sonde_column_tags(ps, 0, tags, 1);
	sonde_column_number(ps, 0, SONDE_COL_RTT, 5);
	sonde_column_number(ps, 0, SONDE_COL_PRIORITY, 90);
	struct sonde_decision d = room_pick(ps, "p", 8, rows);
	EXPECT_STR(d.reason, "5.0|node0|1.0");
	EXPECT(d.count == 1 && rows[0] == 0);
	sonde_column_clear(ps, 0);
	d = room_pick(ps, "p", 8, rows);
	EXPECT(strstr(d.reason, "nan||0.0"));
	EXPECT(!d.fallback && d.count == 0);
	sonde_column_text(ps, 0, SONDE_COL_NAME, "fresh");
	d = room_pick(ps, "p", 8, rows);
	EXPECT(strstr(d.reason, "nan|fresh|0.0"));
	/* Its priority went with it: the built-in looks at load again. */
	d = room_pick(ps, "none", 1, rows);
	EXPECT(d.fallback && rows[0] == 0);
	sonde_policies_free(ps);
}

static void helpers_choose_what_they_say(void)
{
	struct sonde_policies *ps = room_new(5000);
	const char *types[] = { "ping", "dns" };

	for (unsigned i = 0; i < ROOM_NODES; i++) {
		sonde_column_number(ps, i, SONDE_COL_RTT, 10 * i);
		sonde_column_text(ps, i, SONDE_COL_REGION, i % 2 ? "odd" : "even");
		sonde_column_number(ps, i, SONDE_COL_LATITUDE, 10 * i);
		sonde_column_number(ps, i, SONDE_COL_LONGITUDE, 0);
	}
	sonde_column_types(ps, 4, types, 2);
	sonde_column_number(ps, 3, SONDE_COL_ERROR_RATE, 0.5);
	EXPECT_INT(row_of(ps, "return lb.least(set, view.rtt, 1)"), 0);
	EXPECT_INT(row_of(ps, "return lb.most(set, view.rtt, 1)"), 7);
	EXPECT_INT(row_of(ps, "return lb.top(set, view.rtt, 3)[3]"), 5);
	EXPECT_INT(row_of(ps, "return lb.least(set, view.active, 1, view.load)"), 7);
	EXPECT_INT(row_of(ps, "return lb.least(set, view.active, 1, view.rtt)"), 0);
	EXPECT_INT(row_of(ps, "return lb.below(set, view.rtt, 10)"), 0);
	EXPECT_INT(row_of(ps, "return lb.above(set, view.rtt, 60)"), 7);
	EXPECT_INT(row_of(ps, "return lb.equal(set, view.region, 'odd')"), 1);
	EXPECT_INT(row_of(ps, "return lb.equal(set, view.region, 'none')"), -1);
	EXPECT_INT(row_of(ps, "return lb.equal(set, view.city, '')"), 0);
	EXPECT_INT(row_of(ps, "return lb.has(set, view.types, 'dns')"), 4);
	EXPECT_INT(row_of(ps, "return lb.weighted(set, view.error_rate, 5)"), 3);
	EXPECT_INT(row_of(ps, "return lb.nearest(set, 41, 0, 1)"), 4);
	EXPECT_INT(row_of(ps, "return lb.within(set, 51, 0, 500)"), 5);
	EXPECT_INT(row_of(ps, "return lb.without(set, {1, 2})"), 2);
	EXPECT_INT(row_of(ps, "return lb.join({4}, set, 3)[3]"), 1);
	EXPECT_INT(row_of(ps, "return lb.mix(set, 1, view.rtt, 1, view.latitude, -1.1)"), 7);
	EXPECT_INT(row_of(ps, "return lb.most(lb.below(set, view.rtt, 35), view.rtt, 1)"), 3);
	EXPECT_INT(row_of(ps, "local t = {} for i, p in pairs(set) do t[i] = p end return t[6]"), 5);
	EXPECT_INT(row_of(ps, "table.sort(set, function(a, b) return a > b end) return set"), 7);
	EXPECT_INT(row_of(ps, "assert(#lb.spread_by(set, view.region, 2) == 2) "
	                      "local a = lb.spread_by(set, view.region, 2) "
	                      "assert(view.region[a[1]] ~= view.region[a[2]]) return 1"), 0);
	EXPECT_INT(row_of(ps, "local d = lb.distance(48.85, 2.35, 52.52, 13.40) "
	                      "assert(d > 870 and d < 885) return 1"), 0);
	EXPECT_INT(row_of(ps, "local s = lb.split(' a, b,,c ') "
	                      "assert(#s == 3 and s[1] == 'a' and s[3] == 'c') return 1"), 0);
	EXPECT_INT(row_of(ps, "for i = 1, 100 do local r = lb.random(3) assert(r >= 1 and r <= 3) "
	                      "r = lb.random() assert(r >= 0 and r < 1) end return 1"), 0);
	EXPECT_INT(row_of(ps, "local k = '' for n in pairs({ b = 1, a = 1, [2] = 1, [1] = 1 }) do "
	                      "k = k .. n end assert(k == '12ab', k) return 1"), 0);
	sonde_policies_free(ps);
}

static void texts_match(void)
{
	EXPECT(sonde_glob("eu-*", 4, "eu-west", 7));
	EXPECT(sonde_glob("*", 1, "", 0));
	EXPECT(sonde_glob("a?c*e", 5, "abcde", 5));
	EXPECT(!sonde_glob("a?c*e", 5, "abcd", 4));
	EXPECT(!sonde_glob("", 0, "a", 1));
	EXPECT(sonde_glob("*a*b", 4, "aab", 3));
	EXPECT_INT(sonde_cidr_match("10.1.2.3", "10.0.0.0/8"), 1);
	EXPECT_INT(sonde_cidr_match("11.1.2.3", "10.0.0.0/8"), 0);
	EXPECT_INT(sonde_cidr_match("10.0.0.129", "10.0.0.128/25"), 1);
	EXPECT_INT(sonde_cidr_match("10.0.0.127", "10.0.0.128/25"), 0);
	EXPECT_INT(sonde_cidr_match("1.2.3.4", "0.0.0.0/0"), 1);
	EXPECT_INT(sonde_cidr_match("2001:db8::1", "2001:db8::/32"), 1);
	EXPECT_INT(sonde_cidr_match("2001:db9::1", "2001:db8::/32"), 0);
	EXPECT_INT(sonde_cidr_match("1.2.3.4", "2001:db8::/32"), 0);
	EXPECT_INT(sonde_cidr_match("1.2.3.4", "1.2.3.4"), 1);
	EXPECT_INT(sonde_cidr_match("1.2.3.4", "1.2.3.4/33"), -1);
	EXPECT_INT(sonde_cidr_match("1.2.3.4", "1.2.3.4/"), -1);
	EXPECT_INT(sonde_cidr_match("x", "1.2.3.4/8"), -1);
}

/* Whatever is given as a set, the answer is a part of it without repeats. */
static void the_answer_is_of_the_set(void)
{
	static const char *const bodies[] = {
		"return lb.sample(set, req.want)",
		"return lb.least(set, view.load, req.want)",
		"return lb.two_choices(set, view.load, req.want)",
		"return lb.round_robin(set, req.want)",
		"return lb.hash(set, 'k', req.want)",
		"return lb.spread_by(set, view.region, req.want)",
		"return lb.weighted(set, view.capacity, req.want)",
		"return lb.by_priority(set, req.want, lb.sample)",
		"return set",
	};
	struct sonde_policies *ps = room_new(5000);
	struct sonde_rng rng;

	tap_limit(60);
	for (unsigned i = 0; i < 100; i++) {
		sonde_column_number(ps, i, SONDE_COL_LOAD, i % 7);
		sonde_column_number(ps, i, SONDE_COL_PRIORITY, 1 + i % 3);
		sonde_column_text(ps, i, SONDE_COL_REGION, i % 5 ? "a" : "b");
	}
	for (unsigned b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++) {
		load_pick(ps, "p", "", bodies[b]);
		sonde_rng_seed(&rng, b + 1);
		for (unsigned round = 0; round < 300; round++) {
			unsigned set[40], rows[64], in[128] = { 0 };
			unsigned n = (unsigned)sonde_rng_below(&rng, 40);
			struct sonde_request req = { .want = (unsigned)sonde_rng_below(&rng, 64),
			                             .seed = round };
			struct sonde_decision d = { .rows = rows };
			for (unsigned i = 0; i < n; i++)
				in[set[i] = (unsigned)sonde_rng_below(&rng, 128)] = 1;
			sonde_policy_pick(ps, "p", &req, set, n, &d);
			if (d.fallback)
				tap_fail(__FILE__, __LINE__, "%s: %s", bodies[b], d.reason);
			unsigned there = 0;
			for (unsigned i = 0; i < 100; i++)
				there += in[i];
			EXPECT_INT(d.count, req.want < there ? req.want : there);
			for (unsigned i = 0; i < d.count; i++) {
				EXPECT(rows[i] < 100 && in[rows[i]]);
				in[rows[i]] = 0;
			}
		}
	}
	sonde_policies_free(ps);
}

static void the_same_seed_gives_the_same_answer(void)
{
	static const char body[] =
		"local a = lb.sample(set, 3) local b = lb.two_choices(lb.without(set, a), view.rtt, 2)\n"
		"return lb.join(a, b), lb.random(1000000) .. ''";
	struct sonde_policies *x = room_new(5000), *y = room_new(5000);
	unsigned r[5], s[5];
	bool differ = false;

	load_pick(x, "p", "", body);
	load_pick(y, "p", "", body);
	for (uint64_t seed = 1; seed < 50; seed++) {
		struct sonde_request req = { .want = 5, .seed = seed };
		struct sonde_decision d = { .rows = r }, e = { .rows = s };
		sonde_policy_pick(x, "p", &req, room_all, ROOM_NODES, &d);
		sonde_policy_pick(y, "p", &req, room_all, ROOM_NODES, &e);
		EXPECT(d.count == 5 && !memcmp(r, s, sizeof(r)));
		EXPECT_STR(d.reason, e.reason);
		req.seed += 1000;
		sonde_policy_pick(x, "p", &req, room_all, ROOM_NODES, &d);
		differ |= memcmp(r, s, sizeof(r)) != 0;
	}
	EXPECT(differ);
	sonde_policies_free(x);
	sonde_policies_free(y);
}

/* Two sorts of requests that alternate must not make one of them always start at its first. */
static void turns_of_different_sets_do_not_disturb(void)
{
	static const unsigned left[] = { 0, 1, 2 }, right[] = { 4, 5, 6, 7 };
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err;
	unsigned count[ROOM_NODES] = { 0 }, rows[1];
	struct sonde_request req = { .want = 1, .type = "ping" };
	struct sonde_decision d = { .rows = rows };

	room_load(ps, "rr", "return { api = 1, summary = 's', pick = lb.round_robin }", &err);
	for (unsigned i = 0; i < 120; i++) {
		sonde_policy_pick(ps, "rr", &req, left, 3, &d);
		count[rows[0]]++;
		sonde_policy_pick(ps, "rr", &req, right, 4, &d);
		count[rows[0]]++;
	}
	for (unsigned i = 0; i < 3; i++)
		EXPECT_INT(count[i], 40);
	for (unsigned i = 4; i < 8; i++)
		EXPECT_INT(count[i], 30);
	sonde_policies_free(ps);
}

static void few_move_when_a_node_goes(void)
{
	struct sonde_policies *ps = room_new(5000);
	unsigned before[1], after[1], moved = 0;
	char key[16];

	load_pick(ps, "h", "", "return lb.hash(set, req.target, 1)");
	for (unsigned i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "target%u", i);
		struct sonde_request req = { .want = 1, .seed = i, .target = key };
		struct sonde_decision d = { .rows = before }, e = { .rows = after };
		sonde_policy_pick(ps, "h", &req, room_all, ROOM_NODES, &d);
		sonde_policy_pick(ps, "h", &req, room_all, ROOM_NODES - 1, &e);
		EXPECT(before[0] == 7 || before[0] == after[0]);
		moved += before[0] == 7;
	}
	EXPECT(moved > 20 && moved < 100);
	sonde_policies_free(ps);
}

static void a_bad_reload_keeps_the_old(void)
{
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned rows[1];

	load_pick(ps, "p", "", "return 5");
	EXPECT_INT(room_load(ps, "p", "local x = 1\nreturn { api = 1,\n  pick = = }", &err),
	           SONDE_EINVAL);
	EXPECT(strstr(err.text, "policies/p.lua:3: "));
	struct sonde_decision d = room_pick(ps, "p", 1, rows);
	EXPECT(!d.fallback && rows[0] == 4);
	EXPECT_INT(d.version, 1);
	load_pick(ps, "p", "", "return 6");
	d = room_pick(ps, "p", 1, rows);
	EXPECT(!d.fallback && rows[0] == 5);
	EXPECT_INT(d.version, 2);
	EXPECT_INT(room_load(ps, "Bad/name", "", &err), SONDE_EINVAL);
	sonde_policies_free(ps);
}

static void three_faults_quarantine(void)
{
	struct sonde_policies *ps = room_new(5000);
	unsigned rows[1];

	load_pick(ps, "p", "local n = 0",
	          "n = n + 1 if n == 3 then return 1 end error('fault ' .. n)");
	room_pick(ps, "p", 1, rows);
	EXPECT(strstr(room_pick(ps, "p", 1, rows).reason, "policies/p.lua:3: fault 2"));
	EXPECT(!room_pick(ps, "p", 1, rows).fallback); /* not three in a row */
	for (int i = 4; i <= 6; i++)
		EXPECT(strstr(room_pick(ps, "p", 1, rows).reason, ": fault "));
	struct sonde_decision d = room_pick(ps, "p", 1, rows);
	EXPECT(d.fallback && strstr(d.reason, "quarantined"));
	load_pick(ps, "p", "", "return 2");
	EXPECT(!room_pick(ps, "p", 1, rows).fallback);
	sonde_policies_free(ps);
}

static void params_are_checked(void)
{
	static const char text[] =
		"return { api = 1, summary = 's', params = {\n"
		"  max_rtt = { type = 'duration', default = '80ms', help = 'h' },\n"
		"  n = { type = 'int', default = 3, min = 1, max = 9 },\n"
		"  mode = { type = 'enum', names = { 'x', 'y' }, default = 'y' },\n"
		"  on = { type = 'bool', default = true }, words = { type = 'string' } },\n"
		"pick = function(req) local p = req.params\n"
		"  return 1, p.max_rtt .. ' ' .. p.n .. ' ' .. p.mode .. ' ' .. tostring(p.on) ..\n"
		"    '[' .. p.words .. ']' end }";
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned rows[1];
	struct sonde_request req = { .want = 1 };
	struct sonde_decision d = { .rows = rows };

	if (room_load(ps, "p", text, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
	EXPECT_STR(room_pick(ps, "p", 1, rows).reason, "80.0 3 y true[]");
	req.params_json = "{\"n\":5,\"max_rtt\":\"2s\",\"mode\":\"x\",\"on\":false,\"words\":\"w\"}";
	sonde_policy_pick(ps, "p", &req, room_all, ROOM_NODES, &d);
	EXPECT_STR(d.reason, "2000.0 5 x false[w]");
	EXPECT_STR(room_pick(ps, "p", 1, rows).reason, "80.0 3 y true[]");
	EXPECT_INT(sonde_policy_check_params(ps, "p", "{\"n\":10}", &err), SONDE_EINVAL);
	EXPECT_STR(err.path, "n");
	EXPECT_INT(sonde_policy_check_params(ps, "p", "{\"m\":1}", &err), SONDE_EINVAL);
	EXPECT_INT(sonde_policy_check_params(ps, "p", "[", &err), SONDE_EINVAL);
	EXPECT_INT(sonde_policy_check_params(ps, "none", NULL, &err), SONDE_ENOENT);
	EXPECT_INT(sonde_policy_check_params(ps, "p", NULL, &err), SONDE_OK);
	/* The request's fault is none of the policy's: it is not switched off. */
	req.params_json = "{\"n\":10}";
	for (int i = 0; i < 5; i++) {
		sonde_policy_pick(ps, "p", &req, room_all, ROOM_NODES, &d);
		EXPECT(d.fallback && strstr(d.reason, "params"));
	}
	EXPECT(!room_pick(ps, "p", 1, rows).fallback);
	sonde_policies_free(ps);
}

static void the_built_in_decides_without_a_policy(void)
{
	struct sonde_policies *ps = room_new(5000);
	unsigned rows[ROOM_NODES];
	struct sonde_request req = { .want = 4 };
	struct sonde_decision d = { .rows = rows };

	sonde_column_number(ps, 0, SONDE_COL_PRIORITY, 100);
	sonde_column_number(ps, 1, SONDE_COL_PRIORITY, 1);
	sonde_policy_pick(ps, NULL, &req, room_all, ROOM_NODES, &d);
	EXPECT(d.fallback && d.count == 4);
	EXPECT(rows[0] == 0 && rows[1] == 7 && rows[2] == 6 && rows[3] == 5);
	d = room_pick(ps, "none", 8, rows);
	EXPECT(d.count == 8 && rows[7] == 1);
	EXPECT_STR(d.reason, "no policy is named none");
	sonde_policy_pick(ps, NULL, &req, NULL, 0, &d);
	EXPECT_INT(d.count, 0);
	sonde_policies_free(ps);
}

static void the_shipped_directory_loads(void)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char dir[1024];
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_buf buf;
	struct sonde_json j;

	snprintf(dir, sizeof(dir), "%s/policies", top);
	if (sonde_policy_load_dir(ps, dir, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
	EXPECT(sonde_policy_exists(ps, "hybrid") && !sonde_policy_exists(ps, "hybrid.t"));
	sonde_buf_init(&buf, 65536);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '[');
	sonde_policies_describe(ps, &j);
	sonde_json_close(&j);
	EXPECT(strstr(sonde_buf_cstr(&buf), "[{\"name\":\"capability\",\"summary\":\""));
	EXPECT(strstr(sonde_buf_cstr(&buf), "\"name\":\"error_rate\""));
	sonde_buf_deinit(&buf);
	EXPECT_INT(sonde_policy_load_dir(ps, "/nonexistent", &err), SONDE_EIO);
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(columns_are_seen_when_they_change), CASE(columns_grow_under_a_policy),
         CASE(a_cleared_row_is_as_new), CASE(helpers_choose_what_they_say), CASE(texts_match),
         CASE(the_answer_is_of_the_set), CASE(the_same_seed_gives_the_same_answer),
         CASE(turns_of_different_sets_do_not_disturb), CASE(few_move_when_a_node_goes),
         CASE(a_bad_reload_keeps_the_old), CASE(three_faults_quarantine), CASE(params_are_checked),
         CASE(the_built_in_decides_without_a_policy), CASE(the_shipped_directory_loads))
