/* SPDX-License-Identifier: Apache-2.0 */
/* Rows out of the JSON that describe wrote. It comes from a node, so every member is bounded and
 * the rows go through the same check as a plugin's. All memory is the caller's pool's. */
#include "param/value.h"

#include <string.h>

enum { SLOT = 8 }; /* every C type of a row fits */

struct reader {
	const json_t *from;
	struct sonde_pool *pool;
	struct sonde_error *err;
	int status; /* first refusal; later reads do nothing */
};

static void refuse(struct reader *r, const char *key, const char *what)
{
	if (!r->status)
		r->status = sonde_fail(r->err, SONDE_EINVAL, key, "%s", what);
}

static const char *copy(struct reader *r, const char *key, const json_t *v, size_t max)
{
	if (!json_is_string(v) || json_string_length(v) > max) {
		refuse(r, key, "must be a string of bounded length");
		return NULL;
	}
	const char *out = sonde_pool_strndup(r->pool, json_string_value(v), json_string_length(v));
	if (!out && !r->status)
		r->status = sonde_fail(r->err, SONDE_ENOMEM, key, "does not fit into memory");
	return out;
}

static const char *text(struct reader *r, const char *key, size_t max)
{
	const json_t *v = json_object_get(r->from, key);

	return v && !r->status ? copy(r, key, v, max) : NULL;
}

static int64_t integer(struct reader *r, const char *key)
{
	const json_t *v = json_object_get(r->from, key);

	if (v && !json_is_integer(v))
		refuse(r, key, "must be an integer");
	return json_integer_value(v);
}

static uint32_t flag(struct reader *r, const char *key, uint32_t bit)
{
	const json_t *v = json_object_get(r->from, key);

	if (v && !json_is_boolean(v))
		refuse(r, key, "must be true or false");
	return json_is_true(v) ? bit : 0;
}

static const char *const *choices(struct reader *r)
{
	const json_t *list = json_object_get(r->from, "enum");
	size_t n = json_array_size(list);

	if (!list || r->status)
		return NULL;
	if (!json_is_array(list) || n > SONDE_ROW_CHOICES) {
		refuse(r, "enum", "must be a bounded array of strings");
		return NULL;
	}
	const char **out = sonde_pool_alloc(r->pool, (n + 1) * sizeof(*out));
	if (!out) {
		r->status = sonde_fail(r->err, SONDE_ENOMEM, "enum", "does not fit into memory");
		return NULL;
	}
	for (size_t i = 0; i < n && !r->status; i++)
		out[i] = copy(r, "enum", json_array_get(list, i), SONDE_ROW_NAME);
	return out;
}

static int parse_row(struct reader *r, struct sonde_param *row)
{
	const char *type = text(r, "type", SONDE_ROW_NAME);

	row->name = text(r, "name", SONDE_ROW_NAME);
	row->help = text(r, "help", SONDE_ROW_HELP);
	row->unit = text(r, "unit", SONDE_ROW_UNIT);
	row->def = text(r, "default", SONDE_ROW_STRING);
	row->names = choices(r);
	row->min = integer(r, "min");
	row->max = integer(r, "max");
	row->flags = flag(r, "required", SONDE_PARAM_REQUIRED) |
	             flag(r, "secret", SONDE_PARAM_SECRET) |
	             flag(r, "internal", SONDE_PARAM_INTERNAL);
	row->type = type ? sonde_row_type_parse(type) : SONDE_TYPE_END;
	if (row->type == SONDE_TYPE_END)
		refuse(r, "type", "must be a known type");
	return r->status;
}

int sonde_rows_parse(const json_t *array, struct sonde_pool *pool, struct sonde_rows *out,
                     uint32_t *args_size, struct sonde_error *err)
{
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n >= SONDE_ROWS_MAX)
		return sonde_fail(err, SONDE_EINVAL, "", "rows must be an array of at most %d",
		                  SONDE_ROWS_MAX - 1);
	struct sonde_param *rows = sonde_pool_alloc(pool, (n + 1) * sizeof(*rows));
	if (!rows)
		return sonde_fail(err, SONDE_ENOMEM, "", "rows do not fit into memory");
	for (size_t i = 0; i < n; i++) {
		struct reader r = { json_array_get(array, i), pool, err, SONDE_OK };
		rows[i].offset = (uint32_t)(i * SLOT);
		if (parse_row(&r, &rows[i])) {
			sonde_error_nest(err, "", (int)i);
			return r.status;
		}
	}
	*out = (struct sonde_rows){ rows, sizeof(*rows) };
	*args_size = (uint32_t)(n * SLOT);
	return sonde_rows_check(*out, *args_size, err);
}
