/* SPDX-License-Identifier: Apache-2.0 */
/* core/param: rows that are maps. */
#include "room.h"

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

TAP_MAIN(CASE(a_map_is_an_object_of_strings), CASE(a_map_has_a_text_form), CASE(maps_are_bounded),
         CASE(maps_are_told_and_written))
