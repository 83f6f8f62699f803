/* SPDX-License-Identifier: Apache-2.0 */
/* core/param: rows of another stride, filling, refusals, and rows told and read back. */
#include <math.h>
#include <stdlib.h>

#include "param/param.h"
#include "tap.h"

struct args {
	int64_t count;
	double ratio;
	const char *name, *kind_text, *secret;
	int64_t wait;
	uint32_t kind;
	uint8_t flag;
};

static const char *const kinds[] = { "A", "AAAA", "4", NULL };

static const struct sonde_param rows_array[] = {
	{ "count", SONDE_TYPE_INT, offsetof(struct args, count), "How many", NULL, "3", NULL, 1,
	  16 },
	{ "ratio", SONDE_TYPE_NUMBER, offsetof(struct args, ratio), "Share", "%", "0.5", NULL, 0,
	  1 },
	{ "name", SONDE_TYPE_STRING, offsetof(struct args, name), "Whom", NULL, NULL, NULL, 1, 8 },
	{ "query.kind", SONDE_TYPE_ENUM, offsetof(struct args, kind), "Which", NULL, "A", kinds },
	{ "query.wait", SONDE_TYPE_DURATION, offsetof(struct args, wait), "How long", NULL, "250ms",
	  NULL, 10, 5000 },
	{ "query.text", SONDE_TYPE_STRING, offsetof(struct args, kind_text), NULL, NULL, "x" },
	{ "secret", SONDE_TYPE_STRING, offsetof(struct args, secret), NULL, NULL, NULL, NULL, 0, 0,
	  SONDE_PARAM_SECRET },
	{ "flag", SONDE_TYPE_BOOL, offsetof(struct args, flag), NULL, NULL, "true" },
	{ 0 },
};
static const struct sonde_rows rows = SONDE_ROWS(rows_array);

static int fill(struct sonde_rows r, const char *text, void *args, size_t size,
                struct sonde_pool *pool, struct sonde_error *err)
{
	memset(args, 0, size);
	*err = (struct sonde_error){ "", "" };
	json_t *in = sonde_json_load(text, strlen(text), err);
	if (!in)
		return SONDE_EINVAL;
	int rc = sonde_rows_fill(r, in, args, pool, err);
	json_decref(in);
	return rc;
}

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

static void durations_are_exact(void)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "2", 2000000000 },
		{ "0.1", 100000000 },
		{ "250ms", 250000000 },
		{ "1.5m", 90000000000 },
		{ "1h", 3600000000000 },
		{ "1d", 86400000000000 },
		{ "3us", 3000 },
		{ "7ns", 7 },
		{ "0.000000001", 1 },
		{ "0.5ns", 0 },
		{ "9223372036", 9223372036000000000 },
		{ "9223372036854775807ns", INT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"s",
		"-1s",
		"+1",
		" 1",
		"1 s",
		"1.",
		".5s",
		"1e3",
		"1sec",
		"1S",
		"1h30m",
		"nan",
		"0x1",
		"1.0000000001",
		"9223372037",
		"9223372036854775808ns",
		"99999999999999999999",
		"106752d",
		"1,5s",
		"1..5",
	};
	int64_t ns;

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (sonde_parse_duration(good[i].text, &ns))
			tap_fail(__FILE__, __LINE__, "%s was refused", good[i].text);
		EXPECT_INT(ns, good[i].ns);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!sonde_parse_duration(bad[i], &ns))
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
}

static void json_is_bounded(void)
{
	static const char *const bad[] = {
		"",
		"1",
		"\"a\"",
		"{",
		"{\"a\":1,\"a\":2}",
		"{\"a\":{\"b\":1,\"b\":1}}",
		"{\"a\":\"\\u0000\"}",
		"{\"\\u0000\":1}",
		"{\"a\":\"\xff\"}",
		"[1] x",
		"{\"a\":1e999}",
		"[99999999999999999999]",
		"{\"a\":'b'}",
		"[NaN]",
		"{\"a\":\"\n\"}",
	};
	char deep[200];
	struct sonde_error err;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		if (sonde_json_load(bad[i], strlen(bad[i]), &err))
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
		EXPECT(err.text[0]);
	}
	for (unsigned n = 31; n <= 34; n++) {
		memset(deep, '[', n);
		memset(deep + n, ']', n);
		json_t *v = sonde_json_load(deep, 2 * n, &err);
		EXPECT(!v == (n > 32));
		json_decref(v);
	}
	EXPECT_STR(err.text, "JSON is nested deeper than 32 levels at byte 33");
	const char *quoted = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"]";
	json_t *v = sonde_json_load(quoted, strlen(quoted), &err);
	EXPECT(v);
	json_decref(v);
	/* A million brackets must not reach the parser's recursion. */
	size_t n = 1000000;
	char *huge = malloc(n);
	memset(huge, '[', n);
	EXPECT(!sonde_json_load(huge, n, &err));
	free(huge);
	EXPECT(!sonde_json_load("{\"a\":\n x}", 9, &err));
	EXPECT(strstr(err.text, "line 2, column 2"));
}

static void write_gives_the_leaves_that_differ(void)
{
	struct sonde_pool pool;
	struct sonde_error err;
	struct sonde_buf buf;
	struct sonde_json j;
	struct args a;

	sonde_pool_init(&pool, 4096);
	sonde_buf_init(&buf, 4096);
	EXPECT_INT(fill(rows,
	                "{\"count\":3,\"ratio\":0.25,\"name\":\"a\\\"b\",\"secret\":\"s\",\"flag\":"
	                "false,"
	                "\"query\":{\"wait\":\"1500us\",\"kind\":\"a\"}}",
	                &a, sizeof(a), &pool, &err),
	           SONDE_EINVAL);
	EXPECT_INT(fill(rows,
	                "{\"count\":3,\"ratio\":0.25,\"name\":\"a\\\"b\",\"secret\":\"s\",\"flag\":"
	                "false,"
	                "\"query\":{\"wait\":\"15500us\",\"kind\":\"a\"}}",
	                &a, sizeof(a), &pool, &err),
	           SONDE_OK);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(rows, &a, &j);
	sonde_json_close(&j);
	EXPECT_STR(sonde_buf_cstr(&buf), "{\"ratio\":0.25,\"name\":\"a\\\"b\",\"query\":{\"wait\":"
	                                 "\"15500us\"},\"flag\":false}");
	sonde_buf_reset(&buf);
	EXPECT_INT(fill(rows, "{}", &a, sizeof(a), &pool, &err), SONDE_OK);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(rows, &a, &j);
	sonde_json_close(&j);
	EXPECT_STR(sonde_buf_cstr(&buf), "{}");
	sonde_buf_deinit(&buf);
	sonde_pool_deinit(&pool);
}

static json_t *described(struct sonde_rows r, char *text, size_t size)
{
	struct sonde_buf buf;
	struct sonde_json j;

	sonde_buf_init(&buf, size - 1);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_describe(r, &j, "params");
	sonde_rows_schema(r, &j, "schema");
	sonde_json_close(&j);
	EXPECT(!buf.failed);
	snprintf(text, size, "%s", sonde_buf_cstr(&buf));
	sonde_buf_deinit(&buf);
	json_t *out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	EXPECT(out);
	return out;
}

static void rows_survive_being_told(void)
{
	char first[8192], second[8192];
	json_t *told = described(rows, first, sizeof(first)), *again;
	struct sonde_error err = { "", "" };
	struct sonde_rows back;
	struct sonde_pool pool;
	struct sonde_param row;
	uint32_t size = 0;

	sonde_pool_init(&pool, 65536);
	EXPECT_INT(sonde_rows_parse(json_object_get(told, "params"), &pool, &back, &size, &err),
	           SONDE_OK);
	json_decref(told);
	again = described(back, second, sizeof(second));
	json_decref(again);
	EXPECT_STR(second, first);
	char *args = calloc(1, size);
	EXPECT_INT(
		fill(back, "{\"count\":9,\"query\":{\"kind\":\"AAAA\"}}", args, size, &pool, &err),
		SONDE_OK);
	EXPECT(sonde_row_find(back, "count", &row));
	EXPECT_INT(*(int64_t *)(void *)(args + row.offset), 9);
	EXPECT_INT(fill(back, "{\"count\":99}", args, size, &pool, &err), SONDE_EINVAL);
	free(args);
	sonde_pool_deinit(&pool);
}

static void foreign_rows_are_bounded(void)
{
	static const char *const bad[] = {
		"{}",
		"[1]",
		"[{}]",
		"[{\"name\":\"a\"}]",
		"[{\"name\":\"a\",\"type\":\"rows\"}]",
		"[{\"name\":1,\"type\":\"int\"}]",
		"[{\"name\":\"a\",\"type\":\"int\",\"min\":\"1\"}]",
		"[{\"name\":\"a\",\"type\":\"int\",\"help\":7}]",
		"[{\"name\":\"a\",\"type\":\"int\",\"required\":1}]",
		"[{\"name\":\"a\",\"type\":\"enum\"}]",
		"[{\"name\":\"a\",\"type\":\"enum\",\"enum\":[]}]",
		"[{\"name\":\"a\",\"type\":\"enum\",\"enum\":[1]}]",
		"[{\"name\":\"a\",\"type\":\"enum\",\"enum\":{\"a\":1}}]",
		"[{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}]",
		"[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}]",
		"[{\"name\":\"a\",\"type\":\"int\",\"min\":5,\"max\":1}]",
		"[{\"name\":\"012345678901234567890123456789012345678901234567890123456789012345\","
		"\"type\":\"int\"}]",
	};
	struct sonde_error err;
	struct sonde_pool pool;
	struct sonde_rows out;
	uint32_t size;

	sonde_pool_init(&pool, 65536);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *v = json_loads(bad[i], 0, NULL);
		EXPECT(v);
		err.text[0] = '\0';
		if (sonde_rows_parse(v, &pool, &out, &size, &err) != SONDE_EINVAL)
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
		EXPECT(err.text[0]);
		json_decref(v);
	}
	json_t *many = json_array();
	for (unsigned i = 0; i < 300; i++)
		json_array_append_new(many,
		                      json_pack("{s:s+,s:s}", "name", "a", "x", "type", "int"));
	EXPECT_INT(sonde_rows_parse(many, &pool, &out, &size, &err), SONDE_EINVAL);
	json_decref(many);
	EXPECT_INT(sonde_rows_parse(NULL, &pool, &out, &size, &err), SONDE_EINVAL);
	sonde_pool_deinit(&pool);
}

static void the_schema_is_closed_and_nested(void)
{
	static const struct sonde_param tree[] = {
		{ "a.b.c", SONDE_TYPE_INT, 0, NULL, NULL, NULL, NULL, 0, 0, SONDE_PARAM_REQUIRED },
		{ "a.b.d", SONDE_TYPE_INT, 8, NULL, NULL, NULL, NULL, 0, 0, SONDE_PARAM_REQUIRED },
		{ "a.e", SONDE_TYPE_BOOL, 16, NULL, NULL, "no" },
		{ "f", SONDE_TYPE_STRING, 24, NULL, NULL, NULL, NULL, 0, 0, SONDE_PARAM_REQUIRED },
		{ 0 },
	};
	char text[8192];
	json_t *out = described((struct sonde_rows)SONDE_ROWS(tree), text, sizeof(text));
	json_t *a, *b, *c;
	const char *r0, *r1;
	int closed = 0;

	EXPECT(strstr(
		text,
		"\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\","
		"\"properties\":{\"b\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":"
		"\"integer\"},\"d\":{\"type\":\"integer\"}},\"required\":[\"c\",\"d\"],"
		"\"additionalProperties\":false},\"e\":{\"type\":\"boolean\",\"default\":false}},"
		"\"required\":[\"b\"],\"additionalProperties\":false},"));
	EXPECT_INT(json_unpack(out, "{s:{s:[s,s!],s:b,s:{s:o}}}", "schema", "required", &r0, &r1,
	                       "additionalProperties", &closed, "properties", "a", &a),
	           0);
	EXPECT_STR(r0, "a");
	EXPECT_STR(r1, "f");
	EXPECT_INT(closed, 0);
	EXPECT_INT(json_unpack(a, "{s:{s:o}}", "properties", "b", &b), 0);
	EXPECT_INT(json_unpack(b, "{s:{s:o}}", "properties", "c", &c), 0);
	json_decref(out);
}

/* Maps */

struct map_args {
	const struct sonde_pair *headers, *small;
};

static const struct sonde_param map_array[] = {
	{ "request.headers", SONDE_TYPE_MAP, offsetof(struct map_args, headers), "Of the request" },
	{ "request.small", SONDE_TYPE_MAP, offsetof(struct map_args, small), NULL, NULL, NULL, NULL,
	  0, 4 },
	{ 0 },
};
static const struct sonde_rows map_rows = SONDE_ROWS(map_array);

static void a_map_is_an_object_of_strings(void)
{
	struct sonde_pool pool;
	struct sonde_error err;
	struct map_args a;

	sonde_pool_init(&pool, 65536);
	EXPECT_INT(sonde_rows_check(map_rows, sizeof(a), &err), SONDE_OK);
	EXPECT_INT(fill(map_rows, "{\"request\":{\"headers\":{\"X.A\":\"1\",\"b\":\"\",\"x-a\":\"\u00e9\"}}}",
	                &a, sizeof(a), &pool, &err), SONDE_OK);
	EXPECT_STR(a.headers[0].name, "X.A");
	EXPECT_STR(a.headers[0].value, "1");
	EXPECT_STR(a.headers[1].value, "");
	EXPECT_STR(a.headers[2].name, "x-a");
	EXPECT_STR(a.headers[2].value, "\xc3\xa9");
	EXPECT(!a.headers[3].name && !a.small);
	EXPECT_INT(fill(map_rows, "{\"request\":{\"headers\":{},\"small\":\"\"}}", &a, sizeof(a), &pool,
	                &err), SONDE_OK);
	EXPECT(!a.headers[0].name && !a.small[0].name);
	sonde_pool_deinit(&pool);
}

static void a_map_has_a_text_form(void)
{
	struct sonde_pool pool;
	struct sonde_error err;
	struct map_args a = { NULL, NULL };
	struct sonde_param row;

	sonde_pool_init(&pool, 65536);
	EXPECT(sonde_row_find(map_rows, "request.headers", &row));
	EXPECT_INT(sonde_row_set_text(&row, &a, "Accept: text/html, */*\r\n\nX-Url:http://a:1/ \n",
	                              &pool, &err), SONDE_OK);
	EXPECT_STR(a.headers[0].name, "Accept");
	EXPECT_STR(a.headers[0].value, "text/html, */*");
	EXPECT_STR(a.headers[1].name, "X-Url");
	EXPECT_STR(a.headers[1].value, "http://a:1/");
	EXPECT(!a.headers[2].name);
	EXPECT_INT(sonde_row_set_text(&row, &a, "{\"a\":\"b: c\"}", &pool, &err), SONDE_OK);
	EXPECT_STR(a.headers[0].value, "b: c");
	EXPECT_INT(sonde_row_set_text(&row, &a, "no colon", &pool, &err), SONDE_EINVAL);
	EXPECT_INT(sonde_row_set_text(&row, &a, ": v", &pool, &err), SONDE_EINVAL);
	EXPECT_INT(sonde_row_set_text(&row, &a, "{\"a\":", &pool, &err), SONDE_EINVAL);
	EXPECT_INT(sonde_row_set_text(&row, &a, "a: \xff", &pool, &err), SONDE_EINVAL);
	sonde_pool_deinit(&pool);
}

static void maps_are_bounded(void)
{
	static const struct {
		const char *in, *path, *text;
	} table[] = {
		{ "{\"headers\":5}", "request.headers", "must be an object of strings" },
		{ "{\"headers\":[]}", "request.headers", "must be an object of strings" },
		{ "{\"headers\":{\"a\":1}}", "request.headers.a", "must be a string" },
		{ "{\"headers\":{\"a\":null}}", "request.headers.a", "must be a string" },
		{ "{\"headers\":{\"\":\"x\"}}", "request.headers.", "must not have an empty name" },
		{ "{\"small\":{\"a\":\"12345\"}}", "request.small",
		  "must have values of at most 4 bytes" },
	};
	struct sonde_pool pool;
	struct sonde_error err;
	struct map_args a;
	char text[256];

	sonde_pool_init(&pool, 1 << 20);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(text, sizeof(text), "{\"request\":%s}", table[i].in);
		EXPECT_INT(fill(map_rows, text, &a, sizeof(a), &pool, &err), SONDE_EINVAL);
		EXPECT_STR(err.path, table[i].path);
		EXPECT_STR(err.text, table[i].text);
	}
	json_t *many = json_object(), *in = json_pack("{s:{s:o}}", "request", "headers", many);
	for (unsigned i = 0; i < 128; i++) {
		snprintf(text, sizeof(text), "h%u", i);
		json_object_set_new(many, text, json_string("v"));
	}
	EXPECT_INT(sonde_rows_fill(map_rows, in, &a, &pool, &err), SONDE_OK);
	json_object_set_new(many, "one more", json_string("v"));
	EXPECT_INT(sonde_rows_fill(map_rows, in, &a, &pool, &err), SONDE_EINVAL);
	EXPECT_STR(err.text, "must have at most 128 entries");
	json_object_clear(many);
	memset(text, 'n', sizeof(text));
	json_object_setn_new(many, text, sizeof(text), json_string("v"));
	EXPECT_INT(sonde_rows_fill(map_rows, in, &a, &pool, &err), SONDE_OK);
	char value[8194];
	memset(value, 'v', sizeof(value));
	json_object_set_new(many, "a", json_stringn(value, 8192));
	EXPECT_INT(sonde_rows_fill(map_rows, in, &a, &pool, &err), SONDE_OK);
	json_object_set_new(many, "a", json_stringn(value, 8193));
	EXPECT_INT(sonde_rows_fill(map_rows, in, &a, &pool, &err), SONDE_EINVAL);
	json_decref(in);
	sonde_pool_deinit(&pool);
	sonde_pool_init(&pool, 8);
	EXPECT_INT(fill(map_rows, "{\"request\":{\"headers\":{\"a\":\"b\"}}}", &a, sizeof(a), &pool, &err),
	           SONDE_ENOMEM);
	sonde_pool_deinit(&pool);
}

static void maps_are_told_and_written(void)
{
	char first[8192], second[8192];
	json_t *told = described(map_rows, first, sizeof(first));
	struct sonde_pool pool;
	struct sonde_error err;
	struct sonde_rows back;
	struct map_args a;
	uint32_t size = 0;
	struct sonde_buf buf;
	struct sonde_json j;

	EXPECT(strstr(first, "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\","
	                     "\"maxLength\":4},\"propertyNames\":{\"minLength\":1,\"maxLength\":256},"
	                     "\"maxProperties\":128}"));
	sonde_pool_init(&pool, 65536);
	EXPECT_INT(sonde_rows_parse(json_object_get(told, "params"), &pool, &back, &size, &err),
	           SONDE_OK);
	json_decref(told);
	json_decref(described(back, second, sizeof(second)));
	EXPECT_STR(second, first);
	EXPECT_INT(fill(map_rows, "{\"request\":{\"headers\":{\"a\":\"1\"},\"small\":{}}}", &a, sizeof(a),
	                &pool, &err), SONDE_OK);
	sonde_buf_init(&buf, 4096);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(map_rows, &a, &j);
	sonde_json_close(&j);
	EXPECT_STR(sonde_buf_cstr(&buf), "{\"request\":{\"headers\":{\"a\":\"1\"}}}");
	sonde_buf_deinit(&buf);
	sonde_pool_deinit(&pool);
}

TAP_MAIN(CASE(the_rows_are_good), CASE(defaults_then_input),
         CASE(refusals_have_a_path_and_a_sentence), CASE(long_keys_and_small_pools_end_well),
         CASE(required_rows_are_asked_for), CASE(rows_of_another_stride),
         CASE(bad_rows_are_refused), CASE(durations_are_exact), CASE(json_is_bounded),
         CASE(write_gives_the_leaves_that_differ), CASE(rows_survive_being_told),
         CASE(foreign_rows_are_bounded), CASE(the_schema_is_closed_and_nested),
         CASE(a_map_is_an_object_of_strings), CASE(a_map_has_a_text_form), CASE(maps_are_bounded),
         CASE(maps_are_told_and_written))
