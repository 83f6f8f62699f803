/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as an array of foreign stride: reading one, finding one, and the check that everything else
 * here relies on. Dotted names are groups ("query.type" is {"query":{"type":..}}); rows of one
 * group stand together, so that writers need no tree. */
#include "param/value.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

bool sonde_row_at(struct sonde_rows rows, unsigned i, struct sonde_param *out)
{
	size_t n = rows.stride < sizeof(*out) ? rows.stride : sizeof(*out);

	if (!rows.first || i >= SONDE_ROWS_MAX)
		return false;
	const char *at = (const char *)rows.first + (size_t)i * rows.stride;
	/* The usual case apart: a copy of known size takes no call. */
	if (n == sizeof(*out)) {
		memcpy(out, at, sizeof(*out));
	} else {
		memset(out, 0, sizeof(*out));
		memcpy(out, at, n);
	}
	return out->type != SONDE_TYPE_END;
}

bool sonde_row_find(struct sonde_rows rows, const char *name, struct sonde_param *out)
{
	for (unsigned i = 0; sonde_row_at(rows, i, out); i++)
		if (!strcmp(out->name, name))
			return true;
	return false;
}

/* Names */

unsigned sonde_name_groups(const char *name)
{
	unsigned n = 0;

	for (; *name; name++)
		n += *name == '.';
	return n;
}

unsigned sonde_name_shared(const char *a, const char *b)
{
	unsigned n = 0;

	for (; *a && *a == *b; a++, b++)
		n += *a == '.';
	return n;
}

void sonde_name_segment(const char *name, unsigned i, char out[SONDE_ROW_NAME + 1])
{
	for (; i; i--)
		name = strchr(name, '.') + 1;
	size_t n = strcspn(name, ".");
	n = n > SONDE_ROW_NAME ? SONDE_ROW_NAME : n;
	memcpy(out, name, n);
	out[n] = '\0';
}

void sonde_name_move(struct sonde_json *j, const char *from, const char *to)
{
	unsigned shared = sonde_name_shared(from, to), n = sonde_name_groups(to);
	char segment[SONDE_ROW_NAME + 1];

	for (unsigned i = sonde_name_groups(from); i > shared; i--)
		sonde_json_close(j);
	for (unsigned i = shared; i < n; i++) {
		sonde_name_segment(to, i, segment);
		sonde_json_open(j, segment, '{');
	}
}

/* The check */

/* Letters, digits and underscores between single dots, each part beginning with a letter. */
static bool good_name(const char *name)
{
	bool begin = true;
	size_t n = strnlen(name, SONDE_ROW_NAME + 1);

	if (!n || n > SONDE_ROW_NAME || sonde_name_groups(name) > SONDE_ROW_GROUPS)
		return false;
	for (; *name; name++) {
		if (*name == '.' ? begin
		    : begin      ? !isalpha((unsigned char)*name)
		                 : !isalnum((unsigned char)*name) && *name != '_')
			return false;
		begin = *name == '.';
	}
	return !begin;
}

/* As flags and environment variables see it, where dot and underscore are one. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		bool joint = (*a == '.' || *a == '_') && (*b == '.' || *b == '_');
		if (!joint && tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
	}
	return *a == *b;
}

static bool is_group_of(const char *a, const char *b)
{
	size_t n = strlen(a);

	return !strncmp(a, b, n) && b[n] == '.';
}

static int check_choices(const struct sonde_param *row, struct sonde_error *err)
{
	unsigned n = 0;

	for (; row->names && row->names[n]; n++) {
		size_t len = strnlen(row->names[n], SONDE_ROW_NAME + 1);
		if (n == SONDE_ROW_CHOICES || !len || len > SONDE_ROW_NAME)
			return sonde_fail(err, SONDE_EINVAL, row->name,
			                  "has too many choices, or one that is empty or too long");
		for (unsigned k = 0; k < n; k++)
			if (!strcasecmp(row->names[k], row->names[n]))
				return sonde_fail(err, SONDE_EINVAL, row->name,
				                  "has the choice \"%s\" twice", row->names[n]);
	}
	return n ? SONDE_OK : sonde_fail(err, SONDE_EINVAL, row->name, "has no choices");
}

static int check_range(const struct sonde_param *row, struct sonde_error *err)
{
	bool is_text = row->type == SONDE_TYPE_STRING || row->type == SONDE_TYPE_MAP;
	int64_t max = is_text && !row->max ? SONDE_ROW_STRING : row->max;
	int64_t top = is_text                            ? SONDE_ROW_STRING_MAX
	              : row->type == SONDE_TYPE_DURATION ? INT64_MAX / SONDE_NS_PER_MS
	                                                 : INT64_MAX;
	bool from_zero = is_text || row->type == SONDE_TYPE_DURATION;

	if (row->type == SONDE_TYPE_MAP && row->min)
		return sonde_fail(err, SONDE_EINVAL, row->name, "is a map, which has no minimum");
	if (row->min > max || max > top || (from_zero && row->min < 0))
		return sonde_fail(err, SONDE_EINVAL, row->name, "has an impossible range");
	return SONDE_OK;
}

static int check_default(const struct sonde_param *row, struct sonde_error *err)
{
	struct sonde_param alone = *row;
	struct sonde_error why = { "", "" };
	struct sonde_pool pool;
	union sonde_value value;

	if (!row->def)
		return SONDE_OK;
	if (row->type == SONDE_TYPE_MAP)
		return sonde_fail(err, SONDE_EINVAL, row->name, "is a map, which has no default");
	if (strnlen(row->def, SONDE_ROW_STRING + 1) > SONDE_ROW_STRING)
		return sonde_fail(err, SONDE_EINVAL, row->name, "has a default that is too long");
	alone.offset = 0;
	sonde_pool_init(&pool, SONDE_ROW_STRING_MAX + 1);
	int rc = sonde_row_set_text(&alone, &value, row->def, &pool, &why);
	sonde_pool_deinit(&pool);
	return rc ? sonde_fail(err, rc, row->name, "has a default that %s", why.text) : SONDE_OK;
}

static int check_row(const struct sonde_param *row, uint32_t args_size, struct sonde_error *err)
{
	size_t size = sonde_row_size(row);

	if (!row->name || !good_name(row->name))
		return sonde_fail(err, SONDE_EINVAL, "",
		                  "a row has no name, or one that is not letters, digits, "
		                  "underscores and at most %d dots",
		                  SONDE_ROW_GROUPS);
	if (!size)
		return sonde_fail(err, SONDE_EINVAL, row->name, "has an unknown type");
	if (row->offset % size || size > args_size || row->offset > args_size - size)
		return sonde_fail(err, SONDE_EINVAL, row->name,
		                  "has an offset outside its struct or not aligned");
	if ((row->help && strnlen(row->help, SONDE_ROW_HELP + 1) > SONDE_ROW_HELP) ||
	    (row->unit && strnlen(row->unit, SONDE_ROW_UNIT + 1) > SONDE_ROW_UNIT))
		return sonde_fail(err, SONDE_EINVAL, row->name,
		                  "has a help or unit that is too long");
	int rc = row->type == SONDE_TYPE_ENUM ? check_choices(row, err) : check_range(row, err);
	return rc ? rc : check_default(row, err);
}

/* Row i against the rows before it. */
static int check_pairs(struct sonde_rows rows, unsigned i, struct sonde_error *err)
{
	struct sonde_param row, other, last;

	if (!i)
		return SONDE_OK;
	sonde_row_at(rows, i, &row);
	sonde_row_at(rows, i - 1, &last);
	for (unsigned k = 0; k < i; k++) {
		sonde_row_at(rows, k, &other);
		if (same_name(row.name, other.name) || is_group_of(row.name, other.name) ||
		    is_group_of(other.name, row.name))
			return sonde_fail(err, SONDE_EINVAL, row.name, "is too like \"%s\"",
			                  other.name);
		if (row.offset < other.offset + sonde_row_size(&other) &&
		    other.offset < row.offset + sonde_row_size(&row))
			return sonde_fail(err, SONDE_EINVAL, row.name,
			                  "shares its memory with \"%s\"", other.name);
		if (sonde_name_shared(row.name, other.name) >
		    sonde_name_shared(row.name, last.name))
			return sonde_fail(err, SONDE_EINVAL, row.name,
			                  "stands apart from \"%s\" of its group", other.name);
	}
	return SONDE_OK;
}

int sonde_rows_check(struct sonde_rows rows, uint32_t args_size, struct sonde_error *err)
{
	struct sonde_param row;
	unsigned i;

	if (!rows.first)
		return SONDE_OK;
	if (rows.stride < offsetof(struct sonde_param, help) || rows.stride % _Alignof(void *))
		return sonde_fail(err, SONDE_EINVAL, "", "rows of %u bytes are none",
		                  (unsigned)rows.stride);
	for (i = 0; sonde_row_at(rows, i, &row); i++) {
		int rc = check_row(&row, args_size, err);
		if (!rc)
			rc = check_pairs(rows, i, err);
		if (rc)
			return rc;
	}
	/* Row 256 may only be the end, which is not looked for beyond the bound. */
	if (i == SONDE_ROWS_MAX)
		return sonde_fail(err, SONDE_EINVAL, "", "the rows have no end within %d",
		                  SONDE_ROWS_MAX);
	return SONDE_OK;
}
