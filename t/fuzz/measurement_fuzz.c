/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from strangers: a measurement's options into rows, and a node's description of its rows.
 * What was filled must be written and read back as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "param/param.h"

struct args {
	int64_t packets, wait;
	double share;
	const char *path, *host;
	const struct sonde_pair *headers;
	uint32_t type, protocol;
	uint8_t trace;
};

static const char *const types[] = { "A", "AAAA", "ANY", NULL };
static const char *const protocols[] = { "ICMP", "TCP", NULL };

static const struct sonde_param rows_array[] = {
	{ "packets", SONDE_TYPE_INT, offsetof(struct args, packets), NULL, NULL, "3", NULL, 1, 16 },
	{ "protocol", SONDE_TYPE_ENUM, offsetof(struct args, protocol), NULL, NULL, "ICMP",
	  protocols },
	{ "query.type", SONDE_TYPE_ENUM, offsetof(struct args, type), NULL, NULL, "A", types },
	{ "query.wait", SONDE_TYPE_DURATION, offsetof(struct args, wait), NULL, NULL, "2s", NULL, 1,
	  60000 },
	{ "query.opt.path", SONDE_TYPE_STRING, offsetof(struct args, path), NULL, NULL, "/", NULL,
	  0, 64 },
	{ "share", SONDE_TYPE_NUMBER, offsetof(struct args, share), NULL, NULL, "0.5", NULL, -1,
	  1 },
	{ "host", SONDE_TYPE_STRING, offsetof(struct args, host) },
	{ "headers", SONDE_TYPE_MAP, offsetof(struct args, headers) },
	{ "trace", SONDE_TYPE_BOOL, offsetof(struct args, trace), NULL, NULL, "no" },
	{ 0 },
};
static const struct sonde_rows rows = SONDE_ROWS(rows_array);

static void put(const struct args *a, struct sonde_buf *buf)
{
	struct sonde_json j;

	sonde_buf_init(buf, 1 << 16);
	sonde_json_init(&j, buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(rows, a, &j);
	sonde_json_close(&j);
	if (buf->failed)
		abort();
}

static void round_trip(const struct args *a, struct sonde_pool *pool)
{
	struct sonde_buf first, second;
	struct args again = { 0 };

	put(a, &first);
	json_t *v = sonde_json_load(first.data, first.len, NULL);
	if (!v || sonde_rows_fill(rows, v, &again, pool, NULL))
		abort();
	put(&again, &second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len))
		abort();
	json_decref(v);
	sonde_buf_deinit(&first);
	sonde_buf_deinit(&second);
}

static void read_rows(const json_t *v, struct sonde_pool *pool)
{
	struct sonde_rows told;
	struct sonde_buf buf;
	struct sonde_json j;
	uint32_t size = 0;

	if (sonde_rows_parse(v, pool, &told, &size, NULL))
		return;
	sonde_buf_init(&buf, 1 << 20);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_describe(told, &j, "a");
	sonde_json_close(&j);
	json_t *shown =
		buf.failed ? NULL : json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
	if (!buf.failed && !shown)
		abort();
	json_decref(shown);
	sonde_buf_deinit(&buf);
	char *args = calloc(1, size + 1);
	if (args)
		sonde_rows_fill(told, NULL, args, pool, NULL);
	free(args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_error err = { "", "" };
	struct sonde_pool pool;
	struct args a = { 0 };
	json_t *v = sonde_json_load((const char *)data, size, &err);

	if (!v) {
		if (!err.text[0])
			abort();
		return 0;
	}
	sonde_pool_init(&pool, 1 << 20);
	if (!sonde_rows_fill(rows, v, &a, &pool, &err)) {
		if (a.packets < 1 || a.packets > 16 || a.type > 2 || a.protocol > 1 ||
		    a.wait < 1000000 || a.wait > INT64_C(60000000000) || !a.path ||
		    strlen(a.path) > 64)
			abort();
		round_trip(&a, &pool);
	}
	read_rows(v, &pool);
	json_decref(v);
	sonde_pool_deinit(&pool);
	return 0;
}
