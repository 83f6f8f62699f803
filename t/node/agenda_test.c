/* SPDX-License-Identifier: Apache-2.0 */
/* The agenda under a clock of the test's own: due times, clocks that are set, suspend, overload,
 * a change of the set, and what 100,000 entries cost. */
#include "node/agenda.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/plan.h"
#include "tap.h"

static struct sonde_agenda *agenda;
static struct sonde_agenda_now now = { INT64_C(1795248000000), 5000000 };
static struct sonde_error error;

static struct sonde_id id_of(unsigned n)
{
	return (struct sonde_id){ { 1, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 7 } };
}

static struct sonde_msg_schedule item(unsigned n, unsigned every_ms)
{
	return (struct sonde_msg_schedule){
		.schedule = id_of(n), .revision = 1, .type = SONDE_TEXT("echo"),
		.target = SONDE_TEXT("x"), .options = SONDE_TEXT("{}"), .timeout_ms = 5000,
		.priority = 50, .every_ms = every_ms,
		.phase_ms = (uint64_t)(every_ms ? n * 7919u % every_ms : 0),
	};
}

static void load(struct sonde_msg_schedule *items, unsigned n, uint64_t version)
{
	unsigned parts = n ? (n + SONDE_MSG_ITEMS - 1) / SONDE_MSG_ITEMS : 1;

	for (unsigned i = 0; i < parts; i++) {
		struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULES };
		m.list.version = version;
		m.list.part = i;
		m.list.parts = parts;
		m.list.schedules = items + i * SONDE_MSG_ITEMS;
		m.list.count = i + 1 < parts ? SONDE_MSG_ITEMS : n - i * SONDE_MSG_ITEMS;
		EXPECT_INT(sonde_agenda_part(agenda, &m, &error), i + 1 == parts);
	}
	sonde_agenda_swap(agenda, now);
}

static void begin(unsigned n, unsigned every_ms)
{
	struct sonde_msg_schedule *items = calloc(n ? n : 1, sizeof(*items));
	struct sonde_id node = { { 42 } };

	EXPECT_INT(sonde_agenda_new(&node, &agenda), SONDE_OK);
	for (unsigned i = 0; i < n; i++)
		items[i] = item(i, every_ms);
	load(items, n, 1);
	free(items);
}

static void pass(int64_t ms)
{
	now.wall_ms += ms;
	now.boot_ms += ms;
}

/* Runs and ends all that is due; how many, and the last one's due time. */
static unsigned run_all(int64_t *due_ms)
{
	struct sonde_agenda_run r;
	unsigned n = 0;

	sonde_agenda_advance(agenda, now);
	while (sonde_agenda_take(agenda, now, &r)) {
		EXPECT(!r.skipped);
		EXPECT(r.due_ms <= now.wall_ms);
		if (due_ms)
			*due_ms = r.due_ms;
		EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &r));
		n++;
	}
	return n;
}

static void runs_at_its_times_without_drift(void)
{
	int64_t due = 0, before = 0;

	begin(1, 10000);
	for (int i = 0; i < 3600; i++) {
		pass(1003 + i % 5); /* the loop is never punctual */
		if (!run_all(&due))
			continue;
		if (before)
			EXPECT_INT(due - before, 10000);
		EXPECT(now.wall_ms - due < 1010);
		before = due;
	}
	sonde_agenda_free(agenda);
}

static void a_set_clock_makes_no_burst(void)
{
	static const int64_t hour = 3600000, year = INT64_C(31557600000);
	const int64_t jumps[] = { hour, -hour, 10 * year, -10 * year, 5000, -5000 };

	for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct sonde_agenda_stats s;
		unsigned in_interval = 0;
		begin(100, 10000);
		for (int k = 0; k < 10; k++) {
			pass(1000);
			run_all(NULL);
		}
		now.wall_ms += jumps[i];
		EXPECT(run_all(NULL) <= 1);
		for (int k = 0; k < 10; k++) {
			pass(1000);
			unsigned n = run_all(NULL);
			EXPECT(n <= 30);
			in_interval += n;
		}
		EXPECT(in_interval <= 100 && in_interval >= (jumps[i] == -5000 ? 40 : 90));
		sonde_agenda_stats(agenda, &s);
		EXPECT_INT(s.steps, 1);
		EXPECT(sonde_agenda_wait(agenda, now) <= 1000);
		sonde_agenda_free(agenda);
		now.wall_ms -= jumps[i];
	}
}

static void suspend_costs_one_run_each(void)
{
	int64_t due;

	begin(50, 10000);
	pass(10000);
	EXPECT_INT(run_all(NULL), 50);
	pass(3600000); /* boottime goes on in a suspend */
	EXPECT_INT(run_all(&due), 50);
	EXPECT(now.wall_ms - due < 10000);
	pass(10000);
	EXPECT_INT(run_all(NULL), 50);
	sonde_agenda_free(agenda);
}

static void a_full_node_runs_the_important_first(void)
{
	struct sonde_msg_schedule items[3] = { item(1, 120000), item(2, 120000), item(3, 10000) };
	struct sonde_agenda_run r, other;
	struct sonde_id node = { { 42 } };

	EXPECT_INT(sonde_agenda_new(&node, &agenda), SONDE_OK);
	items[1].priority = 90;
	items[0].phase_ms = items[1].phase_ms = items[2].phase_ms = 0;
	load(items, 3, 1);
	pass(120000);
	sonde_agenda_advance(agenda, now);
	EXPECT(sonde_agenda_take(agenda, now, &r) && r.what->priority == 90);
	EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, true, &r));
	EXPECT(sonde_agenda_take(agenda, now, &r) && !r.skipped);
	EXPECT(sonde_agenda_take(agenda, now, &other) && !other.skipped);
	pass(10000); /* one is still out when its next time comes */
	sonde_agenda_advance(agenda, now);
	EXPECT(sonde_agenda_take(agenda, now, &r) && r.skipped);
	EXPECT(!sonde_agenda_take(agenda, now, &r));
	sonde_agenda_free(agenda);
}

static void what_waits_too_long_is_told(void)
{
	struct sonde_agenda_run r;

	begin(5, 600000);
	pass(600000);
	sonde_agenda_advance(agenda, now);
	pass(SONDE_AGENDA_WAIT_MS + 600001);
	for (int i = 0; i < 5; i++)
		EXPECT(sonde_agenda_take(agenda, now, &r) && r.skipped);
	EXPECT(!sonde_agenda_take(agenda, now, &r));
	sonde_agenda_free(agenda);
}

static void exclusive_ones_never_meet(void)
{
	struct sonde_msg_schedule items[3] = { item(1, 60000), item(2, 60000), item(3, 60000) };
	struct sonde_agenda_run r, second;
	struct sonde_id node = { { 42 } };

	EXPECT_INT(sonde_agenda_new(&node, &agenda), SONDE_OK);
	items[0].exclusive = items[1].exclusive = true;
	items[0].priority = items[1].priority = 80;
	load(items, 3, 1);
	pass(60000);
	sonde_agenda_advance(agenda, now);
	EXPECT(sonde_agenda_take(agenda, now, &r) && r.what->exclusive);
	EXPECT(sonde_agenda_take(agenda, now, &second) && !second.what->exclusive);
	EXPECT(!sonde_agenda_take(agenda, now, &second));
	EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &second));
	EXPECT(sonde_agenda_take(agenda, now, &r) && r.what->exclusive && !r.skipped);
	sonde_agenda_free(agenda);
}

static void retries_are_for_what_could_not_be_measured(void)
{
	struct sonde_msg_schedule one = item(1, 60000);
	struct sonde_agenda_run r, again;
	struct sonde_id node = { { 42 } };

	EXPECT_INT(sonde_agenda_new(&node, &agenda), SONDE_OK);
	one.retries = 2;
	load(&one, 1, 1);
	pass(60000);
	sonde_agenda_advance(agenda, now);
	EXPECT(sonde_agenda_take(agenda, now, &r));
	EXPECT(sonde_agenda_finish(agenda, &r.id, 1, true, &again));
	EXPECT(sonde_id_equal(&again.id, &r.id));
	EXPECT(sonde_agenda_finish(agenda, &r.id, 2, true, &again));
	EXPECT(!sonde_agenda_finish(agenda, &r.id, 3, true, &again));
	EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, true, &again));
	sonde_agenda_free(agenda);
}

static void a_new_set_keeps_what_goes_on(void)
{
	struct sonde_msg_schedule items[2] = { item(1, 10000), item(2, 10000) };
	struct sonde_agenda_run r;
	struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULES };

	begin(3, 10000);
	pass(10000);
	sonde_agenda_advance(agenda, now);
	EXPECT(sonde_agenda_take(agenda, now, &r)); /* one is out, two are ready */
	load(items, 2, 2);
	EXPECT_INT(sonde_agenda_version(agenda), 2);
	struct sonde_id out = r.id;
	unsigned ready = 0;
	while (sonde_agenda_take(agenda, now, &r)) {
		EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &r));
		ready++;
	}
	EXPECT_INT(ready, 2);
	EXPECT(!sonde_agenda_finish(agenda, &out, 1, false, &r));
	pass(10000);
	EXPECT_INT(run_all(NULL), 2);
	/* Parts out of order, a bad entry: refused, the old set stays. */
	m.list.version = 3;
	m.list.part = 1;
	m.list.parts = 2;
	EXPECT_INT(sonde_agenda_part(agenda, &m, &error), SONDE_EINVAL);
	items[0].every_ms = 0;
	m.list.part = 0;
	m.list.parts = 1;
	m.list.schedules = items;
	m.list.count = 1;
	EXPECT_INT(sonde_agenda_part(agenda, &m, &error), SONDE_EINVAL);
	EXPECT_INT(sonde_agenda_version(agenda), 2);
	pass(10000);
	EXPECT_INT(run_all(NULL), 2);
	load(NULL, 0, 4);
	pass(10000);
	EXPECT_INT(run_all(NULL), 0);
	sonde_agenda_free(agenda);
}

/* Due before the new set came, not started yet: it is run as the old set says, whatever the new one
 * says of it. Its next due time is the new one's. */
static void what_was_due_before_a_change_is_run(void)
{
	struct sonde_msg_schedule items[2] = { item(1, 10000), item(2, 10000) };
	struct sonde_agenda_run r;
	struct sonde_run run;
	int64_t due[2];

	begin(3, 10000);
	pass(10000);
	sonde_agenda_advance(agenda, now);
	items[0].every_ms = 7000;
	items[0].phase_ms = 0;
	items[0].revision = items[1].revision = 2;
	load(items, 2, 2);
	for (unsigned n = 0; n < 3; n++) {
		EXPECT(sonde_agenda_take(agenda, now, &r) && !r.skipped);
		sonde_run_parse(&r.id, &run);
		EXPECT_INT(run.revision, 1);
		EXPECT_INT(run.due_ms, r.due_ms);
		EXPECT(now.wall_ms - r.due_ms < 10000 && r.due_ms <= now.wall_ms);
		if (n == 1)
			load(NULL, 0, 3); /* paused, with one out and one waiting */
		if (n != 1)
			EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &r));
	}
	EXPECT(!sonde_agenda_take(agenda, now, &r));
	load(items, 2, 4);
	for (unsigned n = 0; n < 2; n++) {
		pass(7000);
		sonde_agenda_advance(agenda, now);
		while (sonde_agenda_take(agenda, now, &r)) {
			sonde_run_parse(&r.id, &run);
			EXPECT_INT(run.revision, 2);
			if (r.what->every_ms == 7000)
				due[n] = r.due_ms;
			EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &r));
		}
	}
	EXPECT_INT(due[1] - due[0], 7000);
	sonde_agenda_free(agenda);
}

/* Skipped and not told yet when the set changes: it is told. */
static void what_was_skipped_before_a_change_is_told(void)
{
	struct sonde_agenda_run r, told;

	begin(1, 10000);
	pass(10000);
	sonde_agenda_advance(agenda, now);
	EXPECT(sonde_agenda_take(agenda, now, &r) && !r.skipped);
	pass(10000);
	load(NULL, 0, 2);
	EXPECT(sonde_agenda_take(agenda, now, &told) && told.skipped);
	EXPECT_INT(told.due_ms - r.due_ms, 10000);
	EXPECT(!sonde_agenda_take(agenda, now, &told));
	EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &told));
	sonde_agenda_free(agenda);
}

/* A minute of a virtual clock, in steps of a loop that is never punctual: each run on the grid
 * start + k * every + phase, none left out, none twice. */
static void due_times_lie_on_the_grid(void)
{
	static int64_t last[20];
	struct sonde_agenda_run r;
	unsigned runs = 0;

	begin(20, 1000);
	memset(last, 0, sizeof(last));
	int64_t start = now.wall_ms;
	for (unsigned i = 0; now.wall_ms < start + 60000;) {
		int64_t step = 1 + i++ * 37 % 89;
		pass(step < start + 60000 - now.wall_ms ? step : start + 60000 - now.wall_ms);
		sonde_agenda_advance(agenda, now);
		while (sonde_agenda_take(agenda, now, &r)) {
			unsigned n = r.what->schedule.b[3];
			EXPECT(!r.skipped);
			EXPECT_INT((r.due_ms - (int64_t)r.what->phase_ms) % 1000, 0);
			if (last[n])
				EXPECT_INT(r.due_ms - last[n], 1000);
			last[n] = r.due_ms;
			runs++;
			EXPECT(!sonde_agenda_finish(agenda, &r.id, 1, false, &r));
		}
	}
	EXPECT_INT(runs, 20 * 60);
	sonde_agenda_free(agenda);
}

static void holds_100_000_entries(void)
{
	int64_t start = sonde_boottime_ns(), loaded;
	unsigned runs = 0;

	tap_limit(120);
	begin(100000, 60000);
	loaded = sonde_boottime_ns();
	for (int i = 0; i < 600; i++) {
		pass(100);
		runs += run_all(NULL);
	}
	int64_t ran = sonde_boottime_ns();
	EXPECT_INT(runs, 100000);
	now.wall_ms += 3600000;
	EXPECT(run_all(NULL) < 400);
	int64_t stepped = sonde_boottime_ns();
	printf("# 100,000 entries: load %.1f ms, a run %.2f us, clock set %.1f ms\n",
	       (double)(loaded - start) / 1e6, (double)(ran - loaded) / 1e3 / runs,
	       (double)(stepped - ran) / 1e6);
	sonde_agenda_free(agenda);
}

TAP_MAIN(CASE(runs_at_its_times_without_drift), CASE(a_set_clock_makes_no_burst),
         CASE(suspend_costs_one_run_each), CASE(a_full_node_runs_the_important_first),
         CASE(what_waits_too_long_is_told), CASE(exclusive_ones_never_meet),
         CASE(retries_are_for_what_could_not_be_measured), CASE(a_new_set_keeps_what_goes_on),
         CASE(what_was_due_before_a_change_is_run), CASE(what_was_skipped_before_a_change_is_told),
         CASE(due_times_lie_on_the_grid),
         CASE(holds_100_000_entries))
