/* SPDX-License-Identifier: Apache-2.0 */
/* core/param: rows of another stride, filling, refusals. */
#include "room.h"

static void the_rows_are_good(void)
{
	struct sonde_error err = { "", "" };
	EXPECT_INT(sonde_rows_check(rows, sizeof(struct args), &err), SONDE_OK);
	EXPECT_INT(sonde_rows_check(rows, sizeof(struct args) - 16, &err), SONDE_EINVAL);
}

static void defaults_then_input(void)
{
	struct sonde_pool pool;
	struct sonde_error err;
	struct args a = { 0 };

	sonde_pool_init(&pool, 4096);
	EXPECT_INT(sonde_rows_fill(rows, NULL, &a, &pool, &err), SONDE_OK);
	EXPECT_INT(a.count, 3);
	EXPECT(a.ratio == 0.5);
	EXPECT(!a.name && !a.secret);
	EXPECT_STR(a.kind_text, "x");
	EXPECT_INT(a.wait, 250000000);
	EXPECT_INT(a.flag, 1);
	EXPECT_INT(fill(rows,
	                "{\"flag\":false,\"count\":\"16\",\"ratio\":\"1e-1\",\"name\":"
	                "\"d\\u00e9j\\u00e0\","
	                "\"query\":{\"wait\":0.5,\"kind\":\"aaaa\"}}",
	                &a, sizeof(a), &pool, &err),
	           SONDE_OK);
	EXPECT_INT(a.count, 16);
	EXPECT(a.ratio == 0.1);
	EXPECT_STR(a.name, "d\xc3\xa9j\xc3\xa0");
	EXPECT_INT(a.kind, 1);
	EXPECT_INT(a.wait, 500000000);
	EXPECT_INT(a.flag, 0);
	EXPECT_INT(fill(rows, "{\"count\":2.0,\"query\":{\"kind\":4,\"wait\":\"1.5s\"}}", &a,
	                sizeof(a), &pool, &err),
	           SONDE_OK);
	EXPECT_INT(a.count, 2);
	EXPECT_INT(a.kind, 2);
	EXPECT_INT(a.wait, 1500000000);
	sonde_pool_deinit(&pool);
}

static void refusals_have_a_path_and_a_sentence(void)
{
	static const struct {
		const char *in, *path, *text;
	} table[] = {
		{ "{\"count\":0}", "count", "must be between 1 and 16" },
		{ "{\"count\":17}", "count", "must be between 1 and 16" },
		{ "{\"count\":1.5}", "count", "must be an integer" },
		{ "{\"count\":1e300}", "count", "must be an integer" },
		{ "{\"count\":\"0x1\"}", "count", "must be an integer" },
		{ "{\"count\":\" 1\"}", "count", "must be an integer" },
		{ "{\"count\":\"1 \"}", "count", "must be an integer" },
		{ "{\"count\":\"\"}", "count", "must be an integer" },
		{ "{\"count\":\"99999999999999999999\"}", "count", "must be between 1 and 16" },
		{ "{\"count\":null}", "count", "must be an integer" },
		{ "{\"count\":true}", "count", "must be an integer" },
		{ "{\"count\":[1]}", "count", "must be an integer" },
		{ "{\"ratio\":1.01}", "ratio", "must be between 0 and 1 %" },
		{ "{\"ratio\":\"nan\"}", "ratio", "must be a number" },
		{ "{\"ratio\":\"0x1p0\"}", "ratio", "must be a number" },
		{ "{\"ratio\":\"1e999\"}", "ratio", "must be a number" },
		{ "{\"name\":\"123456789\"}", "name", "must be at most 8 bytes" },
		{ "{\"name\":\"\"}", "name", "must be at least 1 bytes" },
		{ "{\"name\":5}", "name", "must be a string" },
		{ "{\"query\":{\"kind\":\"MX\"}}", "query.kind", "must be one of A, AAAA, 4" },
		{ "{\"query\":{\"kind\":{}}}", "query.kind", "must be one of A, AAAA, 4" },
		{ "{\"query\":{\"wait\":\"9ms\"}}", "query.wait",
		  "must be between 10 and 5000 ms" },
		{ "{\"query\":{\"wait\":\"5000.000001ms\"}}", "query.wait",
		  "must be between 10 and 5000 ms" },
		{ "{\"query\":{\"wait\":-1}}", "query.wait",
		  "must be a duration such as \"250ms\" or \"2s\", or a number of seconds" },
		{ "{\"query\":3}", "query", "must be an object" },
		{ "{\"query\":{\"knd\":1}}", "query.knd",
		  "is unknown, did you mean \"query.kind\"?" },
		{ "{\"conut\":1}", "conut", "is unknown, did you mean \"count\"?" },
		{ "{\"zzzzzzzz\":1}", "zzzzzzzz", "is unknown" },
		{ "{\"query.kind\":\"A\"}", "query.kind", "must be written as nested objects" },
		{ "{\"\":1}", "", "is unknown" },
		{ "{\"flag\":1}", "flag", "must be true or false" },
		{ "[]", "", "must be an object" },
	};
	struct sonde_pool pool;
	struct sonde_error err;
	struct args a;

	sonde_pool_init(&pool, 65536);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (fill(rows, table[i].in, &a, sizeof(a), &pool, &err) != SONDE_EINVAL)
			tap_fail(__FILE__, __LINE__, "%s was taken", table[i].in);
		EXPECT_STR(err.path, table[i].path);
		EXPECT_STR(err.text, table[i].text);
	}
	EXPECT_INT(sonde_rows_fill(rows, NULL, &a, &pool, NULL), SONDE_OK);
	sonde_pool_deinit(&pool);
}

static void long_keys_and_small_pools_end_well(void)
{
	char text[600];
	struct sonde_pool pool;
	struct sonde_error err;
	struct args a;

	sonde_pool_init(&pool, 8);
	snprintf(text, sizeof(text), "{\"%0500d\":1}", 7);
	EXPECT_INT(fill(rows, text, &a, sizeof(a), &pool, &err), SONDE_EINVAL);
	EXPECT(strlen(err.path) < sizeof(err.path));
	EXPECT_INT(fill(rows, "{\"name\":\"12345678\"}", &a, sizeof(a), &pool, &err), SONDE_ENOMEM);
	EXPECT_STR(err.path, "name");
	sonde_pool_deinit(&pool);
}

static void required_rows_are_asked_for(void)
{
	static const struct sonde_param need[] = {
		{ "q.a", SONDE_TYPE_INT, 0, NULL, NULL, "5", NULL, 0, 0, SONDE_PARAM_REQUIRED },
		{ 0 },
	};
	struct sonde_pool pool;
	struct sonde_error err;
	int64_t a;

	sonde_pool_init(&pool, 64);
	EXPECT_INT(
		fill((struct sonde_rows)SONDE_ROWS(need), "{\"q\":{}}", &a, sizeof(a), &pool, &err),
		SONDE_EINVAL);
	EXPECT_STR(err.path, "q.a");
	EXPECT_STR(err.text, "is required");
	EXPECT_INT(fill((struct sonde_rows)SONDE_ROWS(need), "{\"q\":{\"a\":-7}}", &a, sizeof(a),
	                &pool, &err),
	           SONDE_OK);
	EXPECT_INT(a, -7);
}

/* A plugin built against a longer row, and one against a row without min, max and flags. */
static void rows_of_another_stride(void)
{
	struct wide {
		struct sonde_param row;
		uint64_t future[2];
	} wide[] = {
		{ { "a", SONDE_TYPE_INT, 0, NULL, NULL, "1", NULL, 0, 9 }, { ~0ull, ~0ull } },
		{ { "b", SONDE_TYPE_BOOL, 8 }, { ~0ull, ~0ull } },
		{ { 0 }, { ~0ull } },
	};
	struct narrow {
		const char *name;
		uint32_t type, offset;
		const char *help, *unit, *def;
	} narrow[] = { { "a", SONDE_TYPE_INT, 0, "h", NULL, "70" }, { 0 } };
	struct sonde_rows w = { &wide[0].row, sizeof(wide[0]) };
	struct sonde_rows n = { (const struct sonde_param *)(const void *)narrow,
		                sizeof(narrow[0]) };
	struct sonde_param row;
	struct sonde_pool pool;
	struct sonde_error err = { "", "" };
	int64_t a[2] = { 0 };

	EXPECT_INT(sonde_rows_check(w, sizeof(a), &err), SONDE_OK);
	EXPECT_INT(sonde_rows_check(n, sizeof(a), &err), SONDE_OK);
	EXPECT(sonde_row_find(w, "b", &row));
	EXPECT_INT(row.offset, 8);
	EXPECT(!sonde_row_find(w, "c", &row));
	EXPECT(!sonde_row_at(w, 2, &row));
	EXPECT(sonde_row_at(n, 0, &row));
	EXPECT(!row.names && !row.max && !row.flags);
	sonde_pool_init(&pool, 64);
	EXPECT_INT(fill(n, "{}", a, sizeof(a), &pool, &err), SONDE_OK);
	EXPECT_INT(a[0], 70);
	EXPECT_INT(sonde_rows_check((struct sonde_rows){ rows_array, 4 }, 8, &err), SONDE_EINVAL);
	EXPECT_INT(sonde_rows_check((struct sonde_rows){ NULL, 0 }, 0, &err), SONDE_OK);
}

static void bad_rows_are_refused(void)
{
	static const char *const twice[] = { "a", "A", NULL };
	static const char *const none[] = { NULL };
	static const struct sonde_param bad[][4] = {
		{ { NULL, SONDE_TYPE_INT, 0 } },
		{ { "", SONDE_TYPE_INT, 0 } },
		{ { "a b", SONDE_TYPE_INT, 0 } },
		{ { "a.", SONDE_TYPE_INT, 0 } },
		{ { ".a", SONDE_TYPE_INT, 0 } },
		{ { "a..b", SONDE_TYPE_INT, 0 } },
		{ { "a\"b", SONDE_TYPE_INT, 0 } },
		{ { "a.b.c.d.e.f", SONDE_TYPE_INT, 0 } },
		{ { "a", SONDE_TYPE_ROWS, 0 } },
		{ { "a", 99, 0 } },
		{ { "a", SONDE_TYPE_INT, 60 } },
		{ { "a", SONDE_TYPE_INT, 4 } },
		{ { "a", SONDE_TYPE_INT, UINT32_MAX - 7 } },
		{ { "a", SONDE_TYPE_ENUM, 0 } },
		{ { "a", SONDE_TYPE_ENUM, 0, NULL, NULL, NULL, none } },
		{ { "a", SONDE_TYPE_ENUM, 0, NULL, NULL, NULL, twice } },
		{ { "a", SONDE_TYPE_ENUM, 0, NULL, NULL, "z", kinds } },
		{ { "a", SONDE_TYPE_INT, 0, NULL, NULL, "9", NULL, 1, 8 } },
		{ { "a", SONDE_TYPE_INT, 0, NULL, NULL, NULL, NULL, 1, 0 } },
		{ { "a", SONDE_TYPE_DURATION, 0, NULL, NULL, "soon" } },
		{ { "a", SONDE_TYPE_DURATION, 0, NULL, NULL, NULL, NULL, 0, INT64_MAX } },
		{ { "a", SONDE_TYPE_STRING, 0, NULL, NULL, NULL, NULL, 0, INT64_MAX } },
		{ { "a", SONDE_TYPE_STRING, 0, NULL, NULL, "\xff" } },
		{ { "a", SONDE_TYPE_MAP, 0, NULL, NULL, "b: c" } },
		{ { "a", SONDE_TYPE_MAP, 0, NULL, NULL, NULL, NULL, 1, 8 } },
		{ { "a", SONDE_TYPE_MAP, 0, NULL, NULL, NULL, NULL, 0, INT64_MAX } },
		{ { "a", SONDE_TYPE_MAP, 4 } },
		{ { "a", SONDE_TYPE_INT, 0 }, { "a", SONDE_TYPE_INT, 8 } },
		{ { "a", SONDE_TYPE_INT, 0 }, { "b", SONDE_TYPE_BOOL, 7 } },
		{ { "a", SONDE_TYPE_INT, 0 }, { "a.b", SONDE_TYPE_INT, 8 } },
		{ { "a.b", SONDE_TYPE_INT, 0 }, { "A_b", SONDE_TYPE_INT, 8 } },
		{ { "a.b", SONDE_TYPE_INT, 0 },
		  { "c", SONDE_TYPE_INT, 8 },
		  { "a.d", SONDE_TYPE_INT, 16 } },
	};
	struct sonde_param many[300];
	struct sonde_error err;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		if (sonde_rows_check((struct sonde_rows)SONDE_ROWS(bad[i]), 64, &err) !=
		    SONDE_EINVAL)
			tap_fail(__FILE__, __LINE__, "rows %u were taken", i);
		EXPECT(err.text[0]);
	}
	for (unsigned i = 0; i < 300; i++)
		many[i] = (struct sonde_param){ "a", SONDE_TYPE_BOOL, i };
	EXPECT_INT(sonde_rows_check((struct sonde_rows)SONDE_ROWS(many), 400, &err), SONDE_EINVAL);
}

TAP_MAIN(CASE(the_rows_are_good), CASE(defaults_then_input),
         CASE(refusals_have_a_path_and_a_sentence), CASE(long_keys_and_small_pools_end_well),
         CASE(required_rows_are_asked_for), CASE(rows_of_another_stride),
         CASE(bad_rows_are_refused))
