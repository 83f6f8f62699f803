/* SPDX-License-Identifier: Apache-2.0 */
/* Rows told to others: the list of them, and the leaves that differ from their defaults. Only writes;
 * every row was checked before. */
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
