/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of the runner's result writer and of its poller. */
#include <sonde/plugin.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "plug/result.h"
#include "runner/poller.h"
#include "tap.h"

static void expect_end(struct sonde_result *r, const char *want)
{
	size_t len;
	const char *got = sonde_result_end(r, &len);
	EXPECT_STR(got, want);
	EXPECT_INT(len, strlen(want));
	sonde_result_deinit(r);
}

static void open_levels_are_closed(void)
{
	struct sonde_result r;
	sonde_result_init(&r, 1000, 1000);
	sonde_result_open(&r, "a", '[');
	sonde_result_open(&r, NULL, '{');
	sonde_result_int(&r, "n", 1);
	sonde_result_print(&r, "line\n", 5);
	expect_end(&r, "{\"a\":[{\"n\":1}],\"rawOutput\":\"line\\n\"}");
}

static void mistake_leaves_only_the_text(void (*mistake)(struct sonde_result *))
{
	struct sonde_result r;
	sonde_result_init(&r, 1000, 1000);
	sonde_result_int(&r, "n", 1);
	sonde_result_print(&r, "x", 1);
	mistake(&r);
	sonde_result_int(&r, "after", 1);
	EXPECT(r.broken);
	expect_end(&r, "{\"rawOutput\":\"x\"}");
}

static void no_key(struct sonde_result *r)
{
	sonde_result_int(r, NULL, 1);
}

static void key_in_array(struct sonde_result *r)
{
	sonde_result_open(r, "a", '[');
	sonde_result_int(r, "k", 1);
}

static void bad_key(struct sonde_result *r)
{
	sonde_result_int(r, "k\"", 1);
}

static void close_too_often(struct sonde_result *r)
{
	sonde_result_close(r);
}

static void odd_bracket(struct sonde_result *r)
{
	sonde_result_open(r, "k", '(');
}

static void too_deep(struct sonde_result *r)
{
	for (unsigned i = 0; i < 64; i++)
		sonde_result_open(r, i ? NULL : "a", '[');
}

static void raw_is_none(struct sonde_result *r)
{
	sonde_result_raw(r, "k", "1,2", 3);
}

static void raw_too_deep(struct sonde_result *r)
{
	static const char deep[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";
	sonde_result_raw(r, "k", deep, sizeof(deep) - 1);
}

static void too_large(struct sonde_result *r)
{
	for (unsigned i = 0; i < 1000; i++)
		sonde_result_int(r, "k", 1);
}

static void mistakes_are_found(void)
{
	void (*const mistakes[])(struct sonde_result *) = {
		no_key, key_in_array, bad_key, close_too_often, odd_bracket, too_deep,
		raw_is_none, raw_too_deep, too_large,
	};

	for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		mistake_leaves_only_the_text(mistakes[i]);
}

static void raw_json_stays_as_it_is(void)
{
	struct sonde_result r;
	sonde_result_init(&r, 1000, 1000);
	sonde_result_raw(&r, "k", "{\"s\":\"[\\\"{\"}", 12);
	EXPECT(!r.broken);
	expect_end(&r, "{\"k\":{\"s\":\"[\\\"{\"}}");
}

static void text_is_cut_at_its_maximum(void)
{
	struct sonde_result r;
	sonde_result_init(&r, 1000, 100);
	for (unsigned i = 0; i < 50; i++)
		sonde_result_print(&r, "0123456789", 10);
	EXPECT(r.raw_cut);
	EXPECT_INT(r.raw.len, 100);
	EXPECT(!memcmp(r.raw.data + 81, "\n[output cut here]\n", 19));
	sonde_result_deinit(&r);
}

static struct sonde_poller poller;
static struct sonde_fdwatch first, second;
static struct sonde_alarm alarms[3];
static unsigned seen, order;

static void on_first(struct sonde_fdwatch *w, unsigned events)
{
	seen |= events;
	sonde_poller_unwatch(&poller, &second);
	sonde_poller_unwatch(&poller, &first);
}

static void stopped_watch_is_not_called(void)
{
	int a[2], b[2];

	EXPECT(!sonde_poller_init(&poller));
	EXPECT(!pipe(a) && !pipe(b));
	EXPECT(!sonde_poller_watch(&poller, &first, a[0], SONDE_READABLE, on_first));
	EXPECT(!sonde_poller_watch(&poller, &second, b[0], SONDE_READABLE, on_first));
	EXPECT(write(a[1], "x", 1) == 1 && write(b[1], "x", 1) == 1);
	sonde_poller_turn(&poller); /* whichever comes first stops both */
	EXPECT_INT(seen, SONDE_READABLE);
	seen = 0;
	sonde_poller_turn(&poller);
	EXPECT_INT(seen, 0);
	sonde_poller_deinit(&poller);
}

static void paused_watch_is_silent(void)
{
	int a[2];

	EXPECT(!sonde_poller_init(&poller));
	EXPECT(!pipe(a));
	EXPECT(!sonde_poller_watch(&poller, &first, a[0], 0, on_first));
	close(a[1]); /* a hang-up, which epoll reports unasked */
	sonde_poller_turn(&poller);
	EXPECT_INT(seen, 0);
	EXPECT(!sonde_poller_change(&poller, &first, SONDE_READABLE));
	sonde_poller_turn(&poller);
	EXPECT_INT(seen, SONDE_READABLE);
	sonde_poller_deinit(&poller);
}

static void forgotten_watch_is_replaced(void)
{
	int a[2];

	EXPECT(!sonde_poller_init(&poller));
	EXPECT(!pipe(a));
	EXPECT(!sonde_poller_watch(&poller, &first, a[0], SONDE_READABLE, on_first));
	close(a[0]);
	EXPECT(dup2(a[1], a[0]) == a[0]);
	close(a[0]);
	int b[2];
	EXPECT(!pipe(b));
	EXPECT_INT(b[0], a[0]);
	EXPECT(!sonde_poller_watch(&poller, &second, b[0], SONDE_READABLE, on_first));
	sonde_poller_unwatch(&poller, &first); /* must not touch the new one */
	EXPECT(write(b[1], "x", 1) == 1);
	sonde_poller_turn(&poller);
	EXPECT_INT(seen, SONDE_READABLE);
	sonde_poller_deinit(&poller);
}

static void on_alarm(struct sonde_alarm *a)
{
	order = order * 10 + (unsigned)(a - alarms) + 1;
	if (a == &alarms[0])
		sonde_poller_disarm(&poller, &alarms[1]);
}

static void alarms_run_in_order_and_can_be_taken_back(void)
{
	EXPECT(!sonde_poller_init(&poller));
	EXPECT(!sonde_poller_alarm(&poller, &alarms[2], 3, on_alarm));
	EXPECT(!sonde_poller_alarm(&poller, &alarms[1], 2, on_alarm));
	EXPECT(!sonde_poller_alarm(&poller, &alarms[0], 1, on_alarm));
	sonde_poller_before_sleep(&poller);
	sonde_poller_turn(&poller);
	EXPECT_INT(order, 13);
	EXPECT(!sonde_poller_alarm(&poller, &alarms[1], sonde_boottime_ns() + SONDE_NS_PER_S * 3600,
	                           on_alarm));
	sonde_poller_turn(&poller);
	EXPECT_INT(order, 13);
	sonde_poller_deinit(&poller);
}

TAP_MAIN(CASE(open_levels_are_closed), CASE(mistakes_are_found), CASE(raw_json_stays_as_it_is),
         CASE(text_is_cut_at_its_maximum), CASE(stopped_watch_is_not_called),
         CASE(paused_watch_is_silent), CASE(forgotten_watch_is_replaced),
         CASE(alarms_run_in_order_and_can_be_taken_back))
