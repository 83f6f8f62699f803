/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, CSV and JSON on stdout. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

void cli_table_init(struct cli_table *t, unsigned columns, const char *const *headers)
{
	*t = (struct cli_table){ .columns = columns };
	for (unsigned i = 0; i < columns; i++)
		cli_table_add(t, i, "%s", headers[i]);
	cli_table_end_row(t);
}

void cli_table_add(struct cli_table *t, unsigned column, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	if (t->rows == t->cap) {
		unsigned cap = t->cap ? t->cap * 2 : 16;
		void *cells = realloc(t->cells, (size_t)cap * t->columns * sizeof(*t->cells));
		if (!cells)
			abort();
		t->cells = cells;
		memset(t->cells + (size_t)t->cap * t->columns, 0,
		       (size_t)(cap - t->cap) * t->columns * sizeof(*t->cells));
		t->cap = cap;
	}
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	char **cell = &t->cells[(size_t)t->rows * t->columns + column];
	free(*cell);
	*cell = text;
}

void cli_table_end_row(struct cli_table *t)
{
	t->rows++;
}

void cli_print_escaped(const char *text, bool keep_newlines)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p >= 0x20 && *p != 0x7f) || (keep_newlines && (*p == '\n' || *p == '\t')))
			putchar(*p);
		else
			printf("\\x%02x", *p);
	}
}

static void print_csv_cell(const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

/* Columns of a terminal, counting UTF-8 sequences as one. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_table(const struct cli *cli, const struct cli_table *t)
{
	for (unsigned r = cli->headers ? 0 : 1; r < t->rows; r++) {
		for (unsigned c = 0; c < t->columns; c++) {
			const char *text = t->cells[(size_t)r * t->columns + c];
			int width = 0;
			for (unsigned k = 0; k < t->rows; k++) {
				const char *other = t->cells[(size_t)k * t->columns + c];
				int w = other ? width_of(other) : 0;
				width = w > width ? w : width;
			}
			if (cli->colour && r == 0)
				fputs("\033[1m", stdout);
			cli_print_escaped(text ? text : "", false);
			if (cli->colour && r == 0)
				fputs("\033[0m", stdout);
			if (c + 1 < t->columns)
				printf("%*s", width - width_of(text ? text : "") + 2, "");
		}
		putchar('\n');
	}
}

static void print_csv(const struct cli *cli, const struct cli_table *t)
{
	for (unsigned r = cli->headers ? 0 : 1; r < t->rows; r++) {
		for (unsigned c = 0; c < t->columns; c++) {
			const char *text = t->cells[(size_t)r * t->columns + c];
			if (c)
				putchar(',');
			print_csv_cell(text ? text : "");
		}
		fputs("\r\n", stdout);
	}
}

void cli_table_print(const struct cli *cli, struct cli_table *t)
{
	if (cli->format == FORMAT_CSV)
		print_csv(cli, t);
	else
		print_table(cli, t);
	for (size_t i = 0; i < (size_t)t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
}

static void print_line(const json_t *v, size_t flags)
{
	char *text = json_dumps(v, flags | JSON_ENCODE_ANY);

	puts(text ? text : "null");
	free(text);
}

bool cli_print_json(const struct cli *cli, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (cli->format == FORMAT_JSON)
		print_line(v, JSON_INDENT(2));
	else if (cli->format == FORMAT_JSONL && json_is_array(v))
		json_array_foreach(v, i, item) print_line(item, JSON_COMPACT);
	else if (cli->format == FORMAT_JSONL)
		print_line(v, JSON_COMPACT);
	else
		return false;
	return true;
}

const char *cli_text(const json_t *object, const char *path)
{
	static char ring[16][40];
	static unsigned at;
	char key[64];

	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		object = json_object_get(object, key);
	}
	const json_t *v = json_object_get(object, path);
	if (json_is_string(v))
		return json_string_value(v);
	char *out = ring[at++ % 16];
	if (json_is_integer(v))
		snprintf(out, sizeof(ring[0]), "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		snprintf(out, sizeof(ring[0]), "%.3f", json_real_value(v));
	else
		snprintf(out, sizeof(ring[0]), "%s", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "");
	return out;
}
