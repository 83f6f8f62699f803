/* SPDX-License-Identifier: Apache-2.0 */
/* The figures out of a result's bytes, histograms, and what is known of countries. */
#include <math.h>
#include <string.h>

#include "controller/histogram.h"
#include "controller/nodes.h"
#include "controller/places.h"
#include "controller/regions.h"
#include "controller/result_body.h"
#include "controller/result_facts.h"
#include "tap.h"

static struct result_facts of(const char *json)
{
	struct result_facts f;

	result_facts_read(&f, json, strlen(json));
	return f;
}

static void ping(void)
{
	struct result_facts f = of("{\"status\":\"finished\",\"startedAt\":\"2026-11-21T07:00:00.250Z\","
	                           "\"durationMs\":12.5,\"timings\":[{\"rtt\":9,\"total\":7}],"
	                           "\"stats\":{\"min\":1.25,\"avg\":2.5,\"max\":4,\"loss\":33.3},"
	                           "\"rawOutput\":\"\\\"stats\\\":{\\\"avg\\\":99}\"}");

	EXPECT_STR(f.status, "finished");
	EXPECT_INT(f.started_ms, INT64_C(1795244400250));
	EXPECT(fabs(f.duration_ms - 12.5) < 1e-9);
	EXPECT(fabs(f.min - 1.25) < 1e-9 && fabs(f.max - 4) < 1e-9);
	EXPECT(fabs(f.loss - 33.3) < 1e-9);
	EXPECT(isnan(f.total));
	EXPECT(fabs(result_facts_ms(&f) - 2.5) < 1e-9);
}

static void nested(void)
{
	struct result_facts f = of("{\"hops\":[{\"stats\":{\"avg\":5},\"status\":\"no\"}],"
	                           "\"deep\":{\"stats\":{\"avg\":6}},\"stats\":{\"avg\":null},"
	                           "\"timings\":{\"total\":-0.5}}");

	EXPECT_STR(f.status, "");
	EXPECT(isnan(f.avg));
	EXPECT(fabs(result_facts_ms(&f) + 0.5) < 1e-9);
}

static void broken(void)
{
	static const char *const texts[] = { "", "{", "\"", "{\"status", "{\"status\":\"x", "]]]]}}}}",
		                             "{\"stats\":{\"avg\":-", "-", "{\"a\\\"", "\\" };

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT(isnan(of(texts[i]).max));
}

static void steps(void)
{
	for (double ms = 0.001; ms < 6e7; ms *= 1.01) {
		double back = histogram_value(histogram_step(ms));
		if (fabs(back - ms) > ms * 0.0325 + 0.0006)
			EXPECT(fabs(back - ms) <= ms * 0.0325 + 0.0006);
	}
	EXPECT(histogram_step(1e300) < HISTOGRAM_STEPS);
	EXPECT_INT(histogram_step(NAN), 0);
	EXPECT_INT(histogram_step(-1), 0);
}

static void quantiles(void)
{
	struct histogram h = { 0 }, sum = { 0 };

	EXPECT(isnan(histogram_quantile(&h, 0.5)));
	for (int ms = 1000; ms > 0; ms--)
		histogram_add(&h, histogram_step(ms), 1);
	EXPECT_INT(histogram_merge(&sum, h.bars, h.len), 0);
	EXPECT_INT(histogram_merge(&sum, h.bars, h.len), 0);
	EXPECT(fabs(histogram_quantile(&sum, 0.5) - 500) < 500 * 0.04);
	EXPECT(fabs(histogram_quantile(&sum, 0.99) - 990) < 990 * 0.04);
	EXPECT(histogram_add(&h, HISTOGRAM_STEPS, 1) != 0);
	histogram_deinit(&h);
	histogram_deinit(&sum);
}

static void places(void)
{
	unsigned at = 0;

	EXPECT_STR(place_find("de")->code3, "deu");
	EXPECT_STR(place_region(place_find("SG"))->name, "South-eastern Asia");
	EXPECT_STR(place_region(place_find("br"))->continent, "SA");
	EXPECT_STR(place_alias(place_find("GB"), &at), "uk");
	EXPECT(!place_find("XX") && !place_find("") && !place_find(NULL) && !place_find("deu"));
	EXPECT_STR(place_state("ny"), "new york");
	EXPECT(fabs(place_distance(48.86, 2.35, 40.71, -74.01) - 5837) < 20);
	EXPECT(place_distance(0, 0, 0, 180) > 20000);
}

/* Who is near whom: both ways, the last results weigh most, nearest first, within the bounds. */
static void regions_by_round_trips(void)
{
	struct node all[4] = { { .facts = { .region = "eu", .address = "192.0.2.1" } },
		               { .facts = { .region = "us", .address = "192.0.2.2" } },
		               { .facts = { .region = "ap", .address = "192.0.2.3" } },
		               { .facts = { .region = "eu", .address = "192.0.2.4" } } };
	struct node *rows[5] = { &all[0], NULL, &all[1], &all[2], &all[3] };
	struct nodes nodes = { .all = rows, .len = 5 };
	static struct regions r;
	const char *near[REGION_NEAR];

	EXPECT_INT(regions_near(&r, "eu", near), 0);
	regions_note(&r, &nodes, "eu", "192.0.2.3", 120);
	regions_note(&r, &nodes, "us", "192.0.2.1", 80);
	regions_note(&r, &nodes, "eu", "192.0.2.4", 1);   /* the region itself */
	regions_note(&r, &nodes, "eu", "198.51.100.1", 1); /* no node */
	regions_note(&r, &nodes, "eu", "192.0.2.2", NAN);
	regions_note(&r, &nodes, NULL, "192.0.2.2", 1);
	EXPECT_INT(regions_near(&r, "eu", near), 2);
	EXPECT_STR(near[0], "us");
	EXPECT_STR(near[1], "ap");
	EXPECT_INT(regions_near(&r, "us", near), 1);
	EXPECT_STR(near[0], "eu");
	for (unsigned i = 0; i < 10; i++)
		regions_note(&r, &nodes, "eu", "192.0.2.2", 400);
	EXPECT_INT(regions_near(&r, "eu", near), 2);
	EXPECT_STR(near[0], "ap");
	EXPECT_INT(regions_near(&r, "moon", near), 0);
}

/* More regions than are shown, and more than there is room for. */
static void many_regions(void)
{
	static struct regions r;
	const char *near[REGION_NEAR];
	char name[16];

	for (unsigned i = 0; i < 100; i++) {
		struct node target = { .facts = { .region = "home", .address = "192.0.2.1" } };
		struct node *rows[1] = { &target };
		struct nodes nodes = { .all = rows, .len = 1 };
		snprintf(name, sizeof(name), "far%u", i);
		r.in_second = 0;
		regions_note(&r, &nodes, name, "192.0.2.1", 1000 - i);
	}
	EXPECT_INT(r.n, REGIONS);
	EXPECT_INT(regions_near(&r, "home", near), REGION_NEAR);
	EXPECT_STR(near[0], "far62");
	EXPECT_STR(near[7], "far55");
}

/* What a node says of a result stands behind what the controller says, never a second time. */
static void bodies(void)
{
	static const char *const cases[][2] = {
		{ "{}", "}" },
		{ " { } ", "}" },
		{ "{\"a\":1}", ",\"a\":1}" },
		{ "{\"a\":{\"status\":\"x\"},\"b\":[\"}\",{}]}", ",\"a\":{\"status\":\"x\"},\"b\":[\"}\",{}]}" },
		{ "{\"status\":\"finished\",\"a\":\"\\\",\"}", ",\"a\":\"\\\",\"}" },
		{ "{\"a\":1,\"failure\":null}", ",\"a\":1}" },
		{ "{ \"st\\u0061tus\" : 1 , \"b\" : [ 2 ] }", ",\"b\" : [ 2 ]}" },
	};
	struct sonde_buf b;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sonde_buf_init(&b, 1000);
		result_body_add(&b, (struct sonde_text){ cases[i][0], strlen(cases[i][0]) });
		EXPECT_STR(sonde_buf_cstr(&b), cases[i][1]);
		sonde_buf_deinit(&b);
	}
}

TAP_MAIN(CASE(bodies), CASE(regions_by_round_trips), CASE(many_regions), CASE(ping), CASE(nested), CASE(broken), CASE(steps), CASE(quantiles), CASE(places))
