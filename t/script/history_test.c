/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of results, and what a policy sees of it. */
#include "script/history.h"

#include <math.h>

#include "room.h"

static void note(struct sonde_policies *ps, unsigned row, const char *target, const char *address,
                 double ok, double ms)
{
	struct sonde_outcome o = { .row = row, .type = "ping", .target = target, .address = address,
		                   .ok = ok, .ms = ms };

	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_OK);
}

/* "ok rtt spread seen" of node 0, as a policy reads them. */
static struct sonde_policies *watched(void)
{
	struct sonde_policies *ps = room_new(2000);
	struct sonde_error err = { { 0 }, { 0 } };

	int rc = room_load_pick(ps, "w", "", "return {}, string.format('%.3f %.1f %.1f %d', view.past_ok[1], "
	                        "view.past_rtt[1], view.past_spread[1], view.past_seen[1])", &err);
	if (rc != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
	return ps;
}

static struct sonde_decision seen(struct sonde_policies *ps, const char *type, const char *target)
{
	static unsigned rows[ROOM_NODES];
	struct sonde_request req = { .type = type, .target = target, .want = 2, .seed = 7 };
	struct sonde_decision d = { .rows = rows };

	sonde_policy_pick(ps, "w", &req, room_all, ROOM_NODES, &d);
	return d;
}

static void the_target_then_its_network_then_all(void)
{
	struct sonde_policies *ps = watched();

	EXPECT_STR(seen(ps, "ping", "a.test").reason, "nan nan nan 0");
	note(ps, 0, "a.test", "192.0.2.1", 1, 10);
	note(ps, 0, "b.test", "192.0.2.9", 0, NAN);
	note(ps, 0, "far.test", "198.51.100.1", 1, 100);
	EXPECT_STR(seen(ps, "ping", "a.test").reason, "1.000 10.0 0.0 1");
	EXPECT_STR(seen(ps, "ping", "b.test").reason, "0.000 nan nan 1");
	EXPECT_STR(seen(ps, "ping", "192.0.2.200").reason, "0.500 10.0 0.0 2"); /* its network */
	EXPECT_STR(seen(ps, "ping", "203.0.113.1").reason, "0.667 55.0 45.0 3"); /* anywhere */
	EXPECT_STR(seen(ps, "ping", NULL).reason, "0.667 55.0 45.0 3");
	EXPECT_STR(seen(ps, "http", "a.test").reason, "nan nan nan 0"); /* of no other type */
	/* A name that another node has resolved says in which network it is. */
	note(ps, 1, "new.test", "192.0.2.77", 1, 5);
	EXPECT_STR(seen(ps, "ping", "new.test").reason, "0.500 10.0 0.0 2");
	sonde_policies_free(ps);
}

static void sixes_by_forty_eight_bits(void)
{
	struct sonde_policies *ps = watched();

	note(ps, 0, "2001:db8:1:2::3", "2001:db8:1:2::3", 1, 30);
	note(ps, 0, "2001:db8:9::1", "2001:db8:9::1", 1, 90);
	EXPECT_STR(seen(ps, "ping", "2001:db8:1:ffff::1").reason, "1.000 30.0 0.0 1");
	sonde_policies_free(ps);
}

static void new_results_weigh_most(void)
{
	struct sonde_policies *ps = watched();
	double ok, ms;

	for (unsigned i = 0; i < 100; i++)
		note(ps, 0, "t", NULL, 1, 10);
	for (unsigned i = 0; i < 30; i++)
		note(ps, 0, "t", NULL, 0.5, 50);
	EXPECT_INT(sscanf(seen(ps, "ping", "t").reason, "%lf %lf", &ok, &ms), 2);
	EXPECT(ok > 0.5 && ok < 0.55 && ms > 45 && ms < 50);
	sonde_policies_free(ps);
}

static void several_at_once_weigh_as_much(void)
{
	struct sonde_policies *ps = watched();
	struct sonde_outcome o = { .row = 0, .type = "ping", .target = "t", .ok = 0.25, .ms = 40,
		                   .variance = 9, .count = 1000 };

	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_OK);
	EXPECT_STR(seen(ps, "ping", "t").reason, "0.250 40.0 3.0 1000");
	o.count = UINT32_MAX;
	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_OK);
	EXPECT_STR(seen(ps, "ping", "t").reason, "0.250 40.0 3.0 4294967295");
	sonde_policies_free(ps);
}

static void a_node_that_goes_takes_its_past_along(void)
{
	struct sonde_policies *ps = watched();
	struct sonde_outcome o = { .row = 0, .type = "ping", .target = "t", .ok = 1, .ms = 1 };

	for (unsigned i = 0; i < ROOM_NODES; i++)
		note(ps, i, "t", "192.0.2.1", 1, 10 + i);
	sonde_column_clear(ps, 0);
	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_EINVAL);
	sonde_column_text(ps, 0, SONDE_COL_NAME, "another");
	EXPECT_STR(seen(ps, "ping", "t").reason, "nan nan nan 0");
	for (unsigned i = 1; i < ROOM_NODES; i++)
		sonde_column_clear(ps, i);
	note(ps, 0, "t", "192.0.2.1", 1, 3);
	EXPECT_STR(seen(ps, "ping", "t").reason, "1.000 3.0 0.0 1");
	sonde_policies_free(ps);
}

static void what_is_no_outcome_is_refused(void)
{
	struct sonde_policies *ps = room_new(2000);
	struct sonde_outcome o = { .row = 0, .type = "ping", .ok = NAN, .ms = 1 };

	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_EINVAL);
	o.ok = 2;
	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_EINVAL);
	o.ok = 1;
	o.row = 1000000;
	EXPECT_INT(sonde_policy_note(ps, &o), SONDE_EINVAL);
	sonde_policies_free(ps);
}

static void helpers_take_the_past_as_columns(void)
{
	struct sonde_policies *ps = room_new(2000);
	unsigned rows[ROOM_NODES];
	struct sonde_error err = { { 0 }, { 0 } };

	for (unsigned i = 0; i < ROOM_NODES; i++)
		note(ps, i, NULL, NULL, 1, 100 - i);
	EXPECT_INT(room_load_pick(ps, "p", "", "return lb.least(set, view.past_rtt, req.want)", &err), SONDE_OK);
	struct sonde_decision d = room_pick(ps, "p", 2, rows);
	EXPECT(!d.fallback && d.count == 2 && rows[0] == 7 && rows[1] == 6);
	EXPECT_INT(room_load_pick(ps, "q", "", "for k in pairs(view.past_rtt) do end return {}", &err), SONDE_OK);
	d = room_pick(ps, "q", 2, rows);
	EXPECT(d.fallback && strstr(d.reason, "walk the set"));
	EXPECT_INT(room_load_pick(ps, "r", "", "return {}, tostring(view.past_rtt[-1]) .. tostring(view.past_rtt[99])"
	                          " .. tostring(view.past_rtt.x) .. #view.past_rtt", &err), SONDE_OK);
	EXPECT_STR(room_pick(ps, "r", 2, rows).reason, "nilnilnil8");
	sonde_policies_free(ps);
}

static void memory_is_bounded(void)
{
	struct sonde_history h;
	char target[32];

	tap_limit(120);
	sonde_history_init(&h);
	for (unsigned i = 0; i < 3 * SONDE_HISTORY_SERIES; i++) {
		snprintf(target, sizeof(target), "t%u", i);
		struct sonde_outcome o = { .row = i % 100, .type = "ping", .target = target, .ok = 1, .ms = 1 };
		EXPECT_INT(sonde_history_note(&h, &o), SONDE_OK);
	}
	EXPECT(h.map.len <= SONDE_HISTORY_SERIES && h.evicted > SONDE_HISTORY_SERIES);
	for (unsigned i = 0; i < 2000000; i++) {
		snprintf(target, sizeof(target), "large%u", i / 50000);
		struct sonde_outcome o = { .row = i % 50000, .type = "ping", .target = target, .ok = 1, .ms = 1 };
		EXPECT_INT(sonde_history_note(&h, &o), SONDE_OK);
	}
	EXPECT(h.bytes <= SONDE_HISTORY_BYTES);
	sonde_history_deinit(&h);
	EXPECT_INT(h.bytes, 0);
}

TAP_MAIN(CASE(the_target_then_its_network_then_all), CASE(sixes_by_forty_eight_bits),
         CASE(new_results_weigh_most), CASE(several_at_once_weigh_as_much),
         CASE(a_node_that_goes_takes_its_past_along), CASE(what_is_no_outcome_is_refused),
         CASE(helpers_take_the_past_as_columns), CASE(memory_is_bounded))
