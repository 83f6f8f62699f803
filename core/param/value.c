/* SPDX-License-Identifier: Apache-2.0 */
/* One value: a table of types, each with its C size, how it is read from text and from JSON, and
 * how it is written. Strings are copied into the caller's pool; nothing else is owned. */
#include "param/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

typedef int text_fn(const struct sonde_param *, void *to, const char *text, struct sonde_pool *,
                    struct sonde_error *);
typedef int json_fn(const struct sonde_param *, void *to, const json_t *, struct sonde_pool *,
                    struct sonde_error *);
typedef void put_fn(const struct sonde_param *, const void *from, struct sonde_json *,
                    const char *key);

struct kind {
	const char *name;
	const char *want; /* what the input must be */
	size_t size;
	text_fn *text;
	json_fn *json; /* for JSON that is not a string; NULL when only strings will do */
	put_fn *put;
};

static const struct kind *kind_of(const struct sonde_param *);

bool sonde_row_has_range(const struct sonde_param *row)
{
	return row->min || row->max;
}

static int wrong(const struct sonde_param *row, struct sonde_error *err)
{
	return sonde_fail(err, SONDE_EINVAL, row->name, "must be %s", kind_of(row)->want);
}

static int outside(const struct sonde_param *row, struct sonde_error *err)
{
	const char *unit = row->type == SONDE_TYPE_DURATION ? "ms" : row->unit;

	return sonde_fail(err, SONDE_EINVAL, row->name, "must be between %lld and %lld%s%s",
	                  (long long)row->min, (long long)row->max, unit ? " " : "",
	                  unit ? unit : "");
}

/* Booleans */

static int bool_text(const struct sonde_param *row, void *to, const char *text,
                     struct sonde_pool *pool, struct sonde_error *err)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcasecmp(text, words[i])) {
			*(uint8_t *)to = i & 1;
			return SONDE_OK;
		}
	}
	return wrong(row, err);
}

static int bool_json(const struct sonde_param *row, void *to, const json_t *v,
                     struct sonde_pool *pool, struct sonde_error *err)
{
	if (!json_is_boolean(v))
		return wrong(row, err);
	*(uint8_t *)to = json_is_true(v);
	return SONDE_OK;
}

static void bool_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                     const char *key)
{
	sonde_json_bool(j, key, *(const uint8_t *)from);
}

/* Integers */

static int int_store(const struct sonde_param *row, void *to, int64_t v, struct sonde_error *err)
{
	if (sonde_row_has_range(row) && (v < row->min || v > row->max))
		return outside(row, err);
	memcpy(to, &v, sizeof(v));
	return SONDE_OK;
}

static int int_text(const struct sonde_param *row, void *to, const char *text,
                    struct sonde_pool *pool, struct sonde_error *err)
{
	const char *digits = text + (*text == '-');
	char *end;

	if (!*digits || digits[strspn(digits, "0123456789")])
		return wrong(row, err);
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || *end)
		return sonde_row_has_range(row) ? outside(row, err) : wrong(row, err);
	return int_store(row, to, v, err);
}

static int int_json(const struct sonde_param *row, void *to, const json_t *v,
                    struct sonde_pool *pool, struct sonde_error *err)
{
	if (json_is_integer(v))
		return int_store(row, to, json_integer_value(v), err);
	/* 3.0 is what some languages write for 3; beyond 2^53 a double is no exact integer. */
	double d = json_is_real(v) ? json_real_value(v) : NAN;
	if (!(fabs(d) <= 9007199254740992.0) || d != (double)(int64_t)d)
		return wrong(row, err);
	return int_store(row, to, (int64_t)d, err);
}

static void int_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                    const char *key)
{
	int64_t v;

	memcpy(&v, from, sizeof(v));
	sonde_json_int(j, key, v);
}

/* Numbers */

static int number_store(const struct sonde_param *row, void *to, double v, struct sonde_error *err)
{
	if (sonde_row_has_range(row) && !(v >= (double)row->min && v <= (double)row->max))
		return outside(row, err);
	/* -0 would be written as an integer and come back as 0. */
	if (v == 0)
		v = 0;
	memcpy(to, &v, sizeof(v));
	return SONDE_OK;
}

static int number_text(const struct sonde_param *row, void *to, const char *text,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	char *end;

	/* strtod also reads blanks, "inf", "nan" and hexadecimal. */
	if (!*text || text[strspn(text, "0123456789.eE+-")] || *text == '+')
		return wrong(row, err);
	double v = strtod(text, &end);
	if (end == text || *end || !isfinite(v))
		return wrong(row, err);
	return number_store(row, to, v, err);
}

static int number_json(const struct sonde_param *row, void *to, const json_t *v,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	if (!json_is_number(v))
		return wrong(row, err);
	return number_store(row, to, json_number_value(v), err);
}

static void number_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                       const char *key)
{
	char text[40];
	double v;

	memcpy(&v, from, sizeof(v));
	int n = snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) != v)
		n = snprintf(text, sizeof(text), "%.17g", v);
	sonde_json_raw(j, key, text, n);
}

/* Strings */

bool sonde_is_utf8(const char *text, size_t len)
{
	json_t *s = json_stringn(text, len);

	json_decref(s);
	return s != NULL;
}

static int string_text(const struct sonde_param *row, void *to, const char *text,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	size_t len = strlen(text), max = row->max > 0 ? (size_t)row->max : SONDE_ROW_STRING;

	if (len > max)
		return sonde_fail(err, SONDE_EINVAL, row->name, "must be at most %zu bytes", max);
	if (row->min > 0 && len < (size_t)row->min)
		return sonde_fail(err, SONDE_EINVAL, row->name, "must be at least %lld bytes",
		                  (long long)row->min);
	if (!sonde_is_utf8(text, len))
		return sonde_fail(err, SONDE_EINVAL, row->name, "must be valid UTF-8");
	const char *copy = sonde_pool_strndup(pool, text, len);
	if (!copy)
		return sonde_fail(err, SONDE_ENOMEM, row->name, "does not fit into memory");
	memcpy(to, &copy, sizeof(copy));
	return SONDE_OK;
}

static void string_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                       const char *key)
{
	const char *s;

	memcpy(&s, from, sizeof(s));
	sonde_json_str(j, key, s);
}

/* Choices */

static int enum_text(const struct sonde_param *row, void *to, const char *text,
                     struct sonde_pool *pool, struct sonde_error *err)
{
	char list[160];
	size_t n = 0;

	for (uint32_t i = 0; row->names && row->names[i]; i++) {
		if (!strcasecmp(row->names[i], text)) {
			memcpy(to, &i, sizeof(i));
			return SONDE_OK;
		}
	}
	list[0] = '\0';
	for (uint32_t i = 0; row->names && row->names[i] && n < sizeof(list); i++)
		n += snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", row->names[i]);
	return sonde_fail(err, SONDE_EINVAL, row->name, "must be one of %s%s", list,
	                  n < sizeof(list) ? "" : "...");
}

/* {"ipVersion": 4} for a choice named "4". */
static int enum_json(const struct sonde_param *row, void *to, const json_t *v,
                     struct sonde_pool *pool, struct sonde_error *err)
{
	char text[22] = "";

	if (json_is_integer(v))
		text[sonde_format_int(text, json_integer_value(v))] = '\0';
	return enum_text(row, to, text, NULL, err);
}

static void enum_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                     const char *key)
{
	uint32_t want;

	memcpy(&want, from, sizeof(want));
	for (uint32_t i = 0; row->names && row->names[i]; i++) {
		if (i == want) {
			sonde_json_str(j, key, row->names[i]);
			return;
		}
	}
	sonde_json_null(j, key);
}

/* Durations */

static int duration_store(const struct sonde_param *row, void *to, int64_t ns,
                          struct sonde_error *err)
{
	int64_t ms = ns / SONDE_NS_PER_MS;
	bool above = ms > row->max || (ms == row->max && ns % SONDE_NS_PER_MS);

	if (sonde_row_has_range(row) && (ms < row->min || above))
		return outside(row, err);
	memcpy(to, &ns, sizeof(ns));
	return SONDE_OK;
}

static int duration_text(const struct sonde_param *row, void *to, const char *text,
                         struct sonde_pool *pool, struct sonde_error *err)
{
	int64_t ns;

	if (sonde_parse_duration(text, &ns))
		return wrong(row, err);
	return duration_store(row, to, ns, err);
}

static int duration_json(const struct sonde_param *row, void *to, const json_t *v,
                         struct sonde_pool *pool, struct sonde_error *err)
{
	int64_t ns;

	if (json_is_integer(v)) {
		if (json_integer_value(v) < 0 ||
		    __builtin_mul_overflow(json_integer_value(v), SONDE_NS_PER_S, &ns))
			return wrong(row, err);
		return duration_store(row, to, ns, err);
	}
	double seconds = json_is_real(v) ? json_real_value(v) : -1;
	if (!(seconds >= 0 && seconds < 9e9))
		return wrong(row, err);
	return duration_store(row, to, (int64_t)(seconds * 1e9 + 0.5), err);
}

static void duration_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                         const char *key)
{
	char text[SONDE_DURATION_TEXT];
	int64_t ns;

	memcpy(&ns, from, sizeof(ns));
	sonde_json_text(j, key, text, sonde_format_duration(text, ns));
}

static const struct kind kinds[] = {
	[SONDE_TYPE_BOOL] = { "bool", "true or false", 1, bool_text, bool_json, bool_put },
	[SONDE_TYPE_INT] = { "int", "an integer", 8, int_text, int_json, int_put },
	[SONDE_TYPE_NUMBER] = { "number", "a number", 8, number_text, number_json, number_put },
	[SONDE_TYPE_STRING] = { "string", "a string", sizeof(char *), string_text, NULL,
	                        string_put },
	[SONDE_TYPE_ENUM] = { "enum", "one of its choices", 4, enum_text, enum_json, enum_put },
	[SONDE_TYPE_DURATION] = { "duration",
	                          "a duration such as \"250ms\" or \"2s\", or a number of seconds",
	                          8, duration_text, duration_json, duration_put },
	[SONDE_TYPE_MAP] = { "map", "an object of strings", sizeof(struct sonde_pair *),
	                     sonde_pairs_text, sonde_pairs_json, sonde_pairs_put },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const struct kind *kind_of(const struct sonde_param *row)
{
	return row->type < KINDS && kinds[row->type].name ? &kinds[row->type] : NULL;
}

const char *sonde_row_type_name(uint32_t type)
{
	return type < KINDS ? kinds[type].name : NULL;
}

uint32_t sonde_row_type_parse(const char *name)
{
	for (uint32_t i = 0; i < KINDS; i++)
		if (kinds[i].name && !strcmp(kinds[i].name, name))
			return i;
	return SONDE_TYPE_END;
}

size_t sonde_row_size(const struct sonde_param *row)
{
	const struct kind *k = kind_of(row);

	return k ? k->size : 0;
}

int sonde_row_set_text(const struct sonde_param *row, void *args, const char *text,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	const struct kind *k = kind_of(row);

	if (!k)
		return sonde_fail(err, SONDE_EINVAL, row->name, "has an unknown type");
	return k->text(row, (char *)args + row->offset, text, pool, err);
}

int sonde_row_set_json(const struct sonde_param *row, void *args, const json_t *v,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	const struct kind *k = kind_of(row);

	if (json_is_string(v))
		return sonde_row_set_text(row, args, json_string_value(v), pool, err);
	if (!k || !k->json)
		return sonde_fail(err, SONDE_EINVAL, row->name, "must be a string");
	return k->json(row, (char *)args + row->offset, v, pool, err);
}

void sonde_row_put(const struct sonde_param *row, const void *args, struct sonde_json *j,
                   const char *key)
{
	kind_of(row)->put(row, (const char *)args + row->offset, j, key);
}

bool sonde_row_is_default(const struct sonde_param *row, const void *args)
{
	const char *at = (const char *)args + row->offset, *s;
	union sonde_value def = { 0 };
	struct sonde_param alone = *row;

	if (row->type == SONDE_TYPE_STRING) {
		memcpy(&s, at, sizeof(s));
		return s && row->def ? !strcmp(s, row->def) : !s == !row->def;
	}
	if (row->type == SONDE_TYPE_MAP) {
		const struct sonde_pair *pairs;
		memcpy(&pairs, at, sizeof(pairs));
		return !pairs || !pairs->name;
	}
	alone.offset = 0;
	if (row->def && sonde_row_set_text(&alone, &def, row->def, NULL, NULL))
		return false;
	return !memcmp(&def, at, sonde_row_size(row));
}
