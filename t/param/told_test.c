/* SPDX-License-Identifier: Apache-2.0 */
/* core/param: what is written of a structure; rows told and read back. */
#include "room.h"

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
		("[{\"name\":\"012345678901234567890123456789012345678901234567890123456789012345\","
		 "\"type\":\"int\"}]"),
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

TAP_MAIN(CASE(write_gives_the_leaves_that_differ), CASE(rows_survive_being_told),
         CASE(foreign_rows_are_bounded))
