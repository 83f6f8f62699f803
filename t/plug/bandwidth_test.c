/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of the plugin `bandwidth`: rates from arrivals, lines of the protocol. */
#include <stdbool.h>
#include <string.h>

#include "bandwidth/bandwidth.h"
#include "tap.h"

/* 1 MB in packets of 1,448 bytes at `rate`, after a burst of 32 kB at ten times that. */
static struct rate_meter arrivals(double rate, unsigned packets)
{
	struct rate_meter m = { 0 };
	double at = 1e9;

	for (unsigned i = 0; i < packets; i++) {
		at += 1448 * 8e9 / (i < 22 ? rate * 10 : rate);
		rate_meter_add(&m, (int64_t)at, 1448);
	}
	return m;
}

static bool within(double got, double wanted, double percent)
{
	return got > wanted * (1 - percent / 100) && got < wanted * (1 + percent / 100);
}

static void rate_ignores_the_burst(void)
{
	struct rate_meter m = arrivals(100e6, 690);

	EXPECT(within(rate_meter_steady(&m), 100e6, 0.5));
	EXPECT(rate_meter_mean(&m) > 102e6);
}

static void rate_over_many_arrivals(void)
{
	struct rate_meter m = arrivals(1e9, 100000);

	EXPECT(within(rate_meter_steady(&m), 1e9, 0.5));
	EXPECT(m.count <= RATE_SAMPLES);
}

static void rate_of_little_is_the_mean(void)
{
	struct rate_meter none = { 0 }, one = { 0 };

	EXPECT(rate_meter_steady(&none) == 0);
	rate_meter_add(&one, 5, 1000);
	EXPECT(rate_meter_steady(&one) == 0);
	rate_meter_add(&one, 1005, 125);
	EXPECT(within(rate_meter_steady(&one), 1e9, 0.1));
}

static bool hello(const char *line, struct bw_hello *h)
{
	return bw_hello_parse(line, strlen(line), h);
}

static void lines_that_are_right(void)
{
	struct bw_hello h;
	struct bw_got g;

	EXPECT(hello("SONDE-BW1 abc c 1000 0 5000 8", &h));
	EXPECT_STR(h.token, "abc");
	EXPECT(h.kind == 'c' && h.up == 1000 && h.down == 0 && h.ms == 5000 && h.streams == 8);
	EXPECT(hello("SONDE-BW1 abc d 7", &h));
	EXPECT_INT(h.index, 7);
	EXPECT(bw_got_parse("got 1 2 3", 9, &g));
	EXPECT(g.bytes == 1 && g.ns == 2 && g.rate == 3);
}

static void lines_that_are_not(void)
{
	static const char *const bad[] = {
		"", "SONDE-BW1", "SONDE-BW2 abc d 1", "SONDE-BW1 abc d 8", "SONDE-BW1 abc d -1",
		"SONDE-BW1 abc d 1 2", "SONDE-BW1 abc c 1 1 1", "SONDE-BW1 abc c 1 1 1 0",
		"SONDE-BW1 abc c 1 1 1 9", "SONDE-BW1 abc c 1 1 99999999 1", "SONDE-BW1 abc x 1",
		"SONDE-BW1 abc c 1 1 1e3 1", "SONDE-BW1 abc c 9999999999999999999 1 1 1",
	};
	char token[80] = "SONDE-BW1 ";
	struct bw_hello h;
	struct bw_got g;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(!hello(bad[i], &h));
	memset(token + 10, 'x', 65);
	strcpy(token + 75, " d 1");
	EXPECT(!hello(token, &h));
	EXPECT(!bw_got_parse("got 1 2", 7, &g) && !bw_got_parse("go", 2, &g));
}

static void tokens(void)
{
	EXPECT(bw_token_equal("abc", "abc"));
	EXPECT(!bw_token_equal("abc", "abd") && !bw_token_equal("abc", "ab") &&
	            !bw_token_equal("abc", "abcd") && !bw_token_equal("abc", ""));
}

TAP_MAIN(CASE(rate_ignores_the_burst), CASE(rate_over_many_arrivals),
         CASE(rate_of_little_is_the_mean), CASE(lines_that_are_right), CASE(lines_that_are_not),
         CASE(tokens))
