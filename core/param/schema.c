/* SPDX-License-Identifier: Apache-2.0 */
/* Rows told to others: the plain list, the JSON Schema, and the leaves that differ from their
 * defaults. Only writes; every row was checked before. */
#include "param/value.h"

#include <string.h>

static void put_choices(const struct sonde_param *row, struct sonde_json *j)
{
	sonde_json_open(j, "enum", '[');
	for (unsigned i = 0; row->names && row->names[i]; i++)
		sonde_json_str(j, NULL, row->names[i]);
	sonde_json_close(j);
}

static void put_if(struct sonde_json *j, const char *key, const char *text)
{
	if (text)
		sonde_json_str(j, key, text);
}

static void describe_row(const struct sonde_param *row, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "name", row->name);
	sonde_json_str(j, "type", sonde_row_type_name(row->type));
	put_if(j, "help", row->help);
	put_if(j, "unit", row->unit);
	put_if(j, "default", row->def);
	if (row->type == SONDE_TYPE_ENUM)
		put_choices(row, j);
	if (sonde_row_has_range(row)) {
		sonde_json_int(j, "min", row->min);
		sonde_json_int(j, "max", row->max);
	}
	if (row->flags & SONDE_PARAM_REQUIRED)
		sonde_json_bool(j, "required", true);
	if (row->flags & SONDE_PARAM_SECRET)
		sonde_json_bool(j, "secret", true);
	if (row->flags & SONDE_PARAM_INTERNAL)
		sonde_json_bool(j, "internal", true);
	sonde_json_close(j);
}

void sonde_rows_describe(struct sonde_rows rows, struct sonde_json *j, const char *key)
{
	struct sonde_param row;

	sonde_json_open(j, key, '[');
	for (unsigned i = 0; sonde_row_at(rows, i, &row); i++)
		describe_row(&row, j);
	sonde_json_close(j);
}

/* JSON Schema */

static void put_entries(const struct sonde_param *row, struct sonde_json *j)
{
	sonde_json_open(j, "additionalProperties", '{');
	sonde_json_str(j, "type", "string");
	sonde_json_int(j, "maxLength", row->max > 0 ? row->max : SONDE_ROW_PAIR_VALUE);
	sonde_json_close(j);
	sonde_json_open(j, "propertyNames", '{');
	sonde_json_int(j, "minLength", 1);
	sonde_json_int(j, "maxLength", SONDE_ROW_PAIR_NAME);
	sonde_json_close(j);
	sonde_json_int(j, "maxProperties", SONDE_ROW_PAIRS);
}

static void put_range(const struct sonde_param *row, struct sonde_json *j)
{
	if (row->type == SONDE_TYPE_MAP) {
		put_entries(row, j);
	} else if (row->type == SONDE_TYPE_STRING) {
		/* maxLength counts characters and ours are bytes: necessary, not sufficient. */
		if (row->min > 0)
			sonde_json_int(j, "minLength", 1);
		sonde_json_int(j, "maxLength", row->max > 0 ? row->max : SONDE_ROW_STRING);
	} else if (row->type != SONDE_TYPE_DURATION && sonde_row_has_range(row)) {
		sonde_json_int(j, "minimum", row->min);
		sonde_json_int(j, "maximum", row->max);
	}
}

static void put_schema_type(const struct sonde_param *row, struct sonde_json *j)
{
	static const char *const names[] = {
		[SONDE_TYPE_BOOL] = "boolean",  [SONDE_TYPE_INT] = "integer",
		[SONDE_TYPE_NUMBER] = "number", [SONDE_TYPE_STRING] = "string",
		[SONDE_TYPE_ENUM] = "string",   [SONDE_TYPE_MAP] = "object",
	};

	if (row->type != SONDE_TYPE_DURATION) {
		sonde_json_str(j, "type", names[row->type]);
		return;
	}
	sonde_json_open(j, "type", '[');
	sonde_json_str(j, NULL, "string");
	sonde_json_str(j, NULL, "number");
	sonde_json_close(j);
	sonde_json_str(j, "pattern", "^[0-9]+(\\.[0-9]{1,9})?(ns|us|ms|s|m|h|d)?$");
	sonde_json_int(j, "minimum", 0);
}

static void put_default(const struct sonde_param *row, struct sonde_json *j)
{
	struct sonde_param alone = *row;
	union sonde_value value = { 0 };

	alone.offset = 0;
	if (row->type == SONDE_TYPE_STRING || row->type == SONDE_TYPE_DURATION)
		put_if(j, "default", row->def);
	else if (row->def && !sonde_row_set_text(&alone, &value, row->def, NULL, NULL))
		sonde_row_put(&alone, &value, j, "default");
}

static void put_property(const struct sonde_param *row, struct sonde_json *j, const char *key)
{
	sonde_json_open(j, key, '{');
	put_schema_type(row, j);
	put_if(j, "description", row->help);
	if (row->type == SONDE_TYPE_ENUM)
		put_choices(row, j);
	else
		put_range(row, j);
	put_default(row, j);
	if (row->flags & SONDE_PARAM_SECRET)
		sonde_json_bool(j, "writeOnly", true);
	put_if(j, "x-unit", row->unit);
	sonde_json_close(j);
}

static void open_group(struct sonde_json *j, const char *key)
{
	sonde_json_open(j, key, '{');
	sonde_json_str(j, "type", "object");
	sonde_json_open(j, "properties", '{');
}

/* Ends the group that is `depth` segments deep and reaches back from row `end`: what it requires
 * are its own required rows, and groups that hold one. */
static void close_group(struct sonde_rows rows, struct sonde_json *j, unsigned depth, unsigned end)
{
	char segment[SONDE_ROW_NAME + 1], last[SONDE_ROW_NAME + 1] = "";
	struct sonde_param row, tail = { 0 };
	bool any = false;

	sonde_json_close(j);
	if (end)
		sonde_row_at(rows, end - 1, &tail);
	for (unsigned i = 0; i < end && sonde_row_at(rows, i, &row); i++) {
		if (!(row.flags & SONDE_PARAM_REQUIRED) ||
		    (depth && sonde_name_shared(row.name, tail.name) < depth))
			continue;
		sonde_name_segment(row.name, depth, segment);
		if (!any)
			sonde_json_open(j, "required", '[');
		if (!any || strcmp(segment, last))
			sonde_json_str(j, NULL, segment);
		any = true;
		memcpy(last, segment, sizeof(last));
	}
	if (any)
		sonde_json_close(j);
	sonde_json_bool(j, "additionalProperties", false);
	sonde_json_close(j);
}

void sonde_rows_schema(struct sonde_rows rows, struct sonde_json *j, const char *key)
{
	char segment[SONDE_ROW_NAME + 1];
	struct sonde_param row = { 0 };
	const char *last = "";
	unsigned i, depth = 0;

	open_group(j, key);
	for (i = 0; sonde_row_at(rows, i, &row); i++) {
		unsigned shared = sonde_name_shared(last, row.name);
		for (; depth > shared; depth--)
			close_group(rows, j, depth, i);
		for (; depth < sonde_name_groups(row.name); depth++) {
			sonde_name_segment(row.name, depth, segment);
			open_group(j, segment);
		}
		sonde_name_segment(row.name, depth, segment);
		put_property(&row, j, segment);
		last = row.name;
	}
	for (; depth; depth--)
		close_group(rows, j, depth, i);
	close_group(rows, j, 0, i);
}

enum { PLAIN = 1, SECRET = 2 };

static void write_leaves(struct sonde_rows rows, const void *args, struct sonde_json *j,
                         unsigned kinds)
{
	char segment[SONDE_ROW_NAME + 1];
	struct sonde_param row;
	const char *last = "";

	for (unsigned i = 0; sonde_row_at(rows, i, &row); i++) {
		unsigned kind = row.flags & SONDE_PARAM_SECRET ? SECRET : PLAIN;
		if (!(kinds & kind) || sonde_row_is_default(&row, args))
			continue;
		sonde_name_move(j, last, row.name);
		sonde_name_segment(row.name, sonde_name_groups(row.name), segment);
		sonde_row_put(&row, args, j, segment);
		last = row.name;
	}
	sonde_name_move(j, last, "");
}

void sonde_rows_write(struct sonde_rows rows, const void *args, struct sonde_json *j)
{
	write_leaves(rows, args, j, PLAIN);
}

void sonde_rows_write_all(struct sonde_rows rows, const void *args, struct sonde_json *j)
{
	write_leaves(rows, args, j, PLAIN | SECRET);
}

void sonde_rows_write_secret(struct sonde_rows rows, const void *args, struct sonde_json *j)
{
	write_leaves(rows, args, j, SECRET);
}

bool sonde_rows_hold_secret(struct sonde_rows rows, const void *args)
{
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(rows, i, &row); i++)
		if (row.flags & SONDE_PARAM_SECRET && !(row.flags & SONDE_PARAM_INTERNAL) &&
		    !sonde_row_is_default(&row, args))
			return true;
	return false;
}
