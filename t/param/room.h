/* SPDX-License-Identifier: Apache-2.0 */
/* A structure with a row of each kind, and how rows are filled and told, for the tests of this room. */
#pragma once
#include <stdlib.h>
#include <string.h>

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

/* What sonde_rows_fill says; a text that is no JSON is refused, too. */
static inline int fill(struct sonde_rows r, const char *text, void *args, size_t size,
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

/* Rows as {"params":...}: in `text`, and parsed for the caller. */
static inline json_t *described(struct sonde_rows r, char *text, size_t size)
{
	struct sonde_buf buf;
	struct sonde_json j;

	sonde_buf_init(&buf, size - 1);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_describe(r, &j, "params");
	sonde_json_close(&j);
	EXPECT(!buf.failed);
	snprintf(text, size, "%s", sonde_buf_cstr(&buf));
	sonde_buf_deinit(&buf);
	json_t *out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	EXPECT(out);
	return out;
}
