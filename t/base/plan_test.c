/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions, due times, phases, windows, run ids. */
#include "base/plan.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tap.h"

static int64_t at(const char *text)
{
	int64_t ms = 0;

	if (!sonde_parse_time(text, strlen(text), &ms))
		tap_fail(__FILE__, __LINE__, "%s is no time", text);
	return ms;
}

static struct sonde_cron cron(const char *text)
{
	struct sonde_error e = { "", "" };
	struct sonde_cron c;

	if (sonde_cron_parse(text, strlen(text), &c, &e) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s: %s", text, e.text);
	return c;
}

static void expect_next(const char *expr, int zone, const char *after, const char *want)
{
	struct sonde_cron c = cron(expr);
	char got[SONDE_TIME_TEXT], full[SONDE_TIME_TEXT];

	sonde_format_time(got, sonde_cron_next(&c, zone, at(after)));
	sonde_format_time(full, at(want));
	if (strcmp(got, full))
		tap_fail(__FILE__, __LINE__, "%s after %s: %s, expected %s", expr, after, got, full);
}

static void times_are_parsed(void)
{
	char text[SONDE_TIME_TEXT];
	struct sonde_rng r;
	int64_t back;

	EXPECT_INT(at("1970-01-01T00:00:00Z"), 0);
	EXPECT_INT(at("2026-11-21T08:00:00.25+02:00"), at("2026-11-21T06:00:00.250Z"));
	sonde_rng_seed(&r, 7);
	for (int i = 0; i < 20000; i++) {
		int64_t ms = (int64_t)sonde_rng_below(&r, UINT64_C(253402300800000));
		EXPECT_INT(sonde_format_time(text, ms), 24);
		EXPECT(sonde_parse_time(text, 24, &back));
		EXPECT_INT(back, ms);
	}
	static const char *const bad[] = { "", "2026", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx",
		"1969-12-31T23:59:59Z", "2026-01-01T00:00:00.Z", "2025-02-29T00:00:00Z" };
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(!sonde_parse_time(bad[i], strlen(bad[i]), &back));
}

static void cron_fires_when_it_should(void)
{
	expect_next("* * * * *", 0, "2026-11-21T08:00:00Z", "2026-11-21T08:01:00Z");
	expect_next("*/5 * * * *", 0, "2026-11-21T08:04:59.999Z", "2026-11-21T08:05:00Z");
	expect_next("*/5 * * * *", 0, "2026-11-21T08:05:00Z", "2026-11-21T08:10:00Z");
	expect_next("30 2 * * *", 0, "2026-12-31T02:30:00Z", "2027-01-01T02:30:00Z");
	expect_next("0 0 29 2 *", 0, "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
	expect_next("0 0 29 2 *", 0, "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z");
	expect_next("0 9-17/4 * * mon-fri", 0, "2026-11-21T08:00:00Z", "2026-11-23T09:00:00Z");
	expect_next("15 10 1,15 * 5", 0, "2026-11-21T08:00:00Z", "2026-11-27T10:15:00Z");
	expect_next("0 0 * * 7", 0, "2026-11-21T08:00:00Z", "2026-11-22T00:00:00Z");
	expect_next("5/20 0 * JAN *", 0, "2026-11-21T08:00:00Z", "2027-01-01T00:05:00Z");
	expect_next("0 8 * * *", 120, "2026-11-21T05:59:00Z", "2026-11-21T06:00:00Z");
	expect_next("0 22 * * *", -330, "2026-11-21T03:31:00Z", "2026-11-22T03:30:00Z");
	expect_next("@weekly", 0, "2026-11-21T08:00:00Z", "2026-11-22T00:00:00Z");
}

static void bad_cron_is_refused(void)
{
	static const char *const bad[] = { "", "*", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *",
		"a * * * *", "1, * * * *", "1- * * * *", "-1 * * * *", "* * 30 2 *", "@often",
		"99999 * * * *", "1,,2 * * * *" };
	struct sonde_error e;
	struct sonde_cron c;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sonde_cron_parse(bad[i], strlen(bad[i]), &c, &e) == SONDE_OK)
			tap_fail(__FILE__, __LINE__, "'%s' was taken", bad[i]);
}

/* Against a walk over all minutes. */
static void cron_agrees_with_a_walk(void)
{
	static const char *const exprs[] = { "*/7 */5 * * *", "3 4 5-20/5 * 2", "0 0 31 * *",
		"59 23 * 2,12 *", "1-5 0,12 * * sat,sun" };

	for (unsigned i = 0; i < sizeof(exprs) / sizeof(exprs[0]); i++) {
		struct sonde_cron c = cron(exprs[i]);
		int64_t from = at("2027-11-25T00:00:00Z"), next = sonde_cron_next(&c, 0, from);
		for (int64_t t = from; t < next && t < from + INT64_C(86400000) * 120; t += 60000)
			EXPECT(sonde_cron_next(&c, 0, t) == next);
		EXPECT(sonde_cron_next(&c, 0, next - 1) == next);
		EXPECT(sonde_cron_next(&c, 0, next) > next);
	}
}

static void intervals_keep_their_times(void)
{
	struct sonde_plan p = { .every_ms = 30000, .until_ms = SONDE_PLAN_NEVER, .phase_ms = 12345 };
	int64_t t = at("2026-11-21T08:00:00Z"), due = sonde_plan_next(&p, t);

	EXPECT_INT(due % 30000, 12345);
	for (int i = 0; i < 1000; i++) {
		int64_t next = sonde_plan_next(&p, due);
		EXPECT_INT(next - due, 30000);
		EXPECT(sonde_plan_is_due(&p, next) && !sonde_plan_is_due(&p, next + 1));
		due = next;
	}
	EXPECT_INT(sonde_plan_count(&p, t, t + 3600000, UINT64_MAX), 120);
	p.start_ms = t + 7;
	EXPECT_INT(sonde_plan_next(&p, 0), t + 7 + 12345);
	p.until_ms = t + 7 + 12345 + 30001;
	EXPECT_INT(sonde_plan_count(&p, 0, SONDE_PLAN_NEVER - 1, UINT64_MAX), 2);
	EXPECT(sonde_plan_next(&p, t + 100000) == SONDE_PLAN_NEVER);
}

static void windows_are_left_out(void)
{
	struct sonde_plan_window w[SONDE_PLAN_WINDOWS];
	struct sonde_error e;
	char text[128];
	int64_t t = at("2026-11-21T01:00:00Z"), n = 0;

	snprintf(text, sizeof(text), "7200000@0 2 * * *;%lld-%lld", (long long)t + 600000,
	         (long long)t + 1200000);
	struct sonde_plan p = { .every_ms = 60000, .until_ms = SONDE_PLAN_NEVER, .windows = w };
	EXPECT_INT(sonde_plan_windows(text, strlen(text), w, &p.window_count, &e), SONDE_OK);
	EXPECT_INT(p.window_count, 2);
	for (int64_t d = t - 1; (d = sonde_plan_next(&p, d)) < t + INT64_C(86400000); n++) {
		EXPECT(d < t + 600000 || d >= t + 1200000);
		EXPECT(d < at("2026-11-21T02:00:00Z") || d >= at("2026-11-21T04:00:00Z"));
	}
	EXPECT_INT(n, 1440 - 120 - 10);
	EXPECT_INT(sonde_plan_count(&p, t - 1, t - 1 + 86400000, UINT64_MAX), n);
	static const char *const bad[] = { "5", "5-4", "60000@", "1@* * * * *", "x-y", "1-2-3",
		"999999999999999-9999999999999999" };
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(sonde_plan_windows(bad[i], strlen(bad[i]), w, &p.window_count, &e) != SONDE_OK);
	/* Never open: found out, not searched for ever. */
	EXPECT_INT(sonde_plan_windows("86400000@* * * * *", 18, w, &p.window_count, &e), SONDE_OK);
	EXPECT(sonde_plan_next(&p, t) == SONDE_PLAN_NEVER);
}

static void phases_spread_evenly_and_stay(void)
{
	struct sonde_id schedule, node;
	unsigned buckets[10] = { 0 };

	sonde_random_bytes(&schedule, sizeof(schedule));
	for (int i = 0; i < 10000; i++) {
		sonde_random_bytes(&node, sizeof(node));
		int64_t phase = sonde_plan_phase(&schedule, &node, 60000);
		EXPECT(phase >= 0 && phase < 60000);
		EXPECT_INT(sonde_plan_phase(&schedule, &node, 60000), phase);
		buckets[phase / 6000]++;
	}
	for (int i = 0; i < 10; i++)
		EXPECT(buckets[i] > 800 && buckets[i] < 1200);
	EXPECT_INT(sonde_plan_phase(&schedule, &node, 0), 0);
}

static void run_ids_say_what_they_are(void)
{
	struct sonde_id schedule = { { 1, 2, 3 } }, node = { { 9 } }, zero = { { 0 } }, id;
	struct sonde_run run = { at("2026-11-21T08:00:00.123Z"), sonde_run_tag(&schedule),
		                 sonde_run_pair(&schedule, &node, &zero), 513 }, back;

	sonde_run_format(&run, &id);
	EXPECT_INT(sonde_id_wall_ms(&id), run.due_ms);
	sonde_run_parse(&id, &back);
	EXPECT(back.due_ms == run.due_ms && back.schedule == run.schedule && back.pair == run.pair &&
	       back.revision == 513);
	EXPECT(sonde_run_pair(&schedule, &node, &node) != run.pair);
}

TAP_MAIN(CASE(times_are_parsed), CASE(cron_fires_when_it_should), CASE(bad_cron_is_refused),
         CASE(cron_agrees_with_a_walk), CASE(intervals_keep_their_times), CASE(windows_are_left_out),
         CASE(phases_spread_evenly_and_stay), CASE(run_ids_say_what_they_are))
