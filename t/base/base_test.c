/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of core/base. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/json.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/secret.h"
#include "tap.h"

static void buf_stops_at_its_maximum(void)
{
	struct sonde_buf b;
	sonde_buf_init_head(&b, 10, 16);
	sonde_buf_str(&b, "0123456789");
	EXPECT(!b.failed);
	EXPECT_STR(sonde_buf_cstr(&b), "0123456789");
	sonde_buf_char(&b, 'x');
	EXPECT(b.failed);
	sonde_buf_reset(&b);
	sonde_buf_printf(&b, "%d", 42);
	EXPECT_STR(sonde_buf_cstr(&b), "42");
	sonde_buf_shift(&b, 1);
	EXPECT_STR(sonde_buf_cstr(&b), "2");
	sonde_buf_deinit(&b);
}

static void json_writes_what_it_should(void)
{
	struct sonde_buf b;
	struct sonde_json j;
	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_int(&j, "i", INT64_MIN);
	sonde_json_number(&j, "n", 12.3456, 3);
	sonde_json_number(&j, "z", -0.0004, 3);
	sonde_json_number(&j, "inf", INFINITY, 3);
	sonde_json_str(&j, "s", "a\"\\\n\x01\xff\xc3\xa9");
	sonde_json_text(&j, "nul", "a\0b", 3);
	sonde_json_open(&j, "rows", '[');
	sonde_json_bool(&j, NULL, true);
	sonde_json_null(&j, NULL);
	sonde_json_close(&j);
	sonde_json_close(&j);
	EXPECT_STR(sonde_buf_cstr(&b),
	           "{\"i\":-9223372036854775808,\"n\":12.346,\"z\":0,\"inf\":null,"
	           "\"s\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\","
	           "\"nul\":\"a\xef\xbf\xbd" "b\",\"rows\":[true,null]}");
	EXPECT(sonde_json_valid(b.data, b.len, true));
	sonde_buf_deinit(&b);
}

static void ids_sort_in_order_and_read_back(void)
{
	struct sonde_id_maker m = { 0 };
	struct sonde_id a, b, c;
	char ta[SONDE_ID_TEXT], tb[SONDE_ID_TEXT];

	sonde_id_make(&m, &a);
	for (int i = 0; i < 10000; i++) {
		sonde_id_make(&m, &b);
		EXPECT(memcmp(a.b, b.b, 16) < 0);
		sonde_id_format(&a, ta);
		sonde_id_format(&b, tb);
		EXPECT(strcmp(ta, tb) < 0);
		EXPECT(strlen(tb) == 26 && sonde_id_parse(tb, 26, &c) && sonde_id_equal(&b, &c));
		a = b;
	}
	EXPECT(!sonde_id_parse("zzzzzzzzzzzzzzzzzzzzzzzzzz", 26, &c));
	EXPECT(!sonde_id_parse("short", 5, &c));
	for (char *p = tb; *p; p++)
		*p = (char)(*p >= 'a' ? *p - 'a' + 'A' : *p);
	EXPECT(sonde_id_parse(tb, 26, &c) && sonde_id_equal(&a, &c));
	for (int i = 0; i < 256; i++) {
		bool letter = i && strchr("0123456789abcdefghjkmnpqrstvwxyzABCDEFGHJKMNPQRSTVWXYZ", i);
		tb[25] = (char)i;
		EXPECT(sonde_id_parse(tb, 26, &c) == letter);
	}
}

struct item {
	struct sonde_heap_entry entry;
};

static void heap_gives_the_smallest_first(void)
{
	static struct item items[500];
	struct sonde_heap h;
	struct sonde_rng r;
	int64_t last = INT64_MIN;

	sonde_heap_init(&h);
	sonde_rng_seed(&r, 7);
	for (int i = 0; i < 500; i++)
		EXPECT_INT(sonde_heap_set(&h, &items[i].entry, sonde_rng_below(&r, 1000)), 0);
	for (int i = 0; i < 500; i += 3)
		sonde_heap_remove(&h, &items[i].entry);
	for (int i = 1; i < 500; i += 3)
		sonde_heap_set(&h, &items[i].entry, sonde_rng_below(&r, 1000));
	while (sonde_heap_peek(&h)) {
		struct sonde_heap_entry *e = sonde_heap_peek(&h);
		EXPECT(e->key >= last);
		last = e->key;
		sonde_heap_remove(&h, e);
	}
	sonde_heap_deinit(&h);
}

static void map_keeps_what_was_put(void)
{
	struct sonde_map m;
	static int values[2000];
	char key[40];

	sonde_map_init(&m);
	for (int i = 0; i < 2000; i++) {
		int n = snprintf(key, sizeof(key), i % 2 ? "%d" : "a-rather-long-key-%d", i);
		EXPECT_INT(sonde_map_put(&m, key, n, &values[i]), 0);
	}
	for (int i = 0; i < 2000; i += 2) {
		int n = snprintf(key, sizeof(key), "a-rather-long-key-%d", i);
		EXPECT(sonde_map_take(&m, key, n) == &values[i]);
	}
	size_t at = 0, seen = 0;
	while (sonde_map_next(&m, &at))
		seen++;
	EXPECT_INT(seen, 1000);
	EXPECT(sonde_map_get(&m, "7", 1) == &values[7]);
	EXPECT(!sonde_map_get(&m, "a-rather-long-key-8", 19));
	sonde_map_deinit(&m);
}

static void pool_holds_its_limit(void)
{
	struct sonde_pool p;
	sonde_pool_init(&p, 10000);
	EXPECT(sonde_pool_alloc(&p, 6000));
	EXPECT_STR(sonde_pool_strndup(&p, "hello", 4), "hell");
	EXPECT(!sonde_pool_alloc(&p, 6000));
	sonde_pool_deinit(&p);
}

static void secrets_differ_and_hash(void)
{
	char a[SONDE_SECRET_TEXT], b[SONDE_SECRET_TEXT];
	uint8_t ha[SONDE_HASH_BYTES], hb[SONDE_HASH_BYTES];

	sonde_secret_make("reg", a);
	sonde_secret_make("reg", b);
	EXPECT(strcmp(a, b) && strlen(a) == 4 + 43 && !strncmp(a, "reg_", 4));
	sonde_secret_hash(a, strlen(a), ha);
	sonde_secret_hash(b, strlen(b), hb);
	EXPECT(sonde_secret_equal(ha, ha) && !sonde_secret_equal(ha, hb));
}

static void errors_carry_a_path(void)
{
	struct sonde_error e;
	static const char *const words[] = { "packets", "interval", "size", NULL };

	EXPECT_INT(sonde_fail(&e, SONDE_EINVAL, "limit", "must be %d", 1), SONDE_EINVAL);
	sonde_error_nest(&e, "locations", 3);
	EXPECT_STR(e.path, "locations[3].limit");
	sonde_error_nest(&e, "body", -1);
	EXPECT_STR(e.path, "body.locations[3].limit");
	EXPECT_STR(sonde_nearest("packet", words), "packets");
	EXPECT(!sonde_nearest("colour", words));
	EXPECT(!sonde_nearest("http", (const char *const[]){ "top", "node", NULL }));
	EXPECT_STR(sonde_nearest("mode", (const char *const[]){ "top", "node", NULL }), "node");
}

static void time_is_written_as_rfc3339(void)
{
	char t[SONDE_TIME_TEXT];
	EXPECT_INT(sonde_format_time(t, INT64_C(1000000000123)), 24);
	EXPECT_STR(t, "2001-09-09T01:46:40.123Z");
	sonde_format_time(t, INT64_MIN);
	EXPECT_STR(t, "1970-01-01T00:00:00.000Z");
	EXPECT_INT(sonde_format_time(t, INT64_MAX), 24);
	EXPECT_STR(t, "9999-12-31T23:59:59.999Z");
}

/* Every day that a node's clock can name, against the C library. */
static void dates_are_those_of_the_calendar(void)
{
	char have[SONDE_TIME_TEXT], want[SONDE_TIME_TEXT];

	for (time_t day = 0; day < 8030L * 366; day++) {
		time_t at = day * 86400 + day % 86400;
		struct tm tm;
		if (!gmtime_r(&at, &tm) || tm.tm_year > 8099)
			break;
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.007Z", &tm);
		sonde_format_time(have, (int64_t)at * 1000 + 7);
		if (strcmp(have, want))
			EXPECT_STR(have, want);
	}
}

TAP_MAIN(CASE(buf_stops_at_its_maximum), CASE(json_writes_what_it_should),
         CASE(ids_sort_in_order_and_read_back), CASE(heap_gives_the_smallest_first),
         CASE(map_keeps_what_was_put), CASE(pool_holds_its_limit), CASE(secrets_differ_and_hash),
         CASE(errors_carry_a_path), CASE(time_is_written_as_rfc3339),
         CASE(dates_are_those_of_the_calendar))
