/* SPDX-License-Identifier: Apache-2.0 */
/* A list of objects in columns: aligned for people, RFC 4180 for programs. A cell is made where it
 * is needed (twice for a table: once for the width) and kept nowhere. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum { CELL_MAX = 1 << 16, COLUMNS_MAX = 32 };

static const char *cell(const struct cli_column *c, const json_t *row, bool people,
                        struct sonde_buf *b)
{
	sonde_buf_reset(b);
	const json_t *value = c->text ? NULL : cli_at(row, c->path);
	if (c->text)
		c->text(row, b);
	else if (!people && json_is_boolean(value)) /* as /v1/export has it */
		sonde_buf_str(b, json_is_true(value) ? "true" : "false");
	else
		cli_add_value(b, value);
	if (people && !b->len)
		sonde_buf_char(b, '-');
	else if (people && c->unit)
		sonde_buf_str(b, c->unit);
	return sonde_buf_cstr(b);
}

/* ---- CSV ---- */

static void put_csv(const char *text, bool first)
{
	struct sonde_buf quoted;

	fputs(first ? "" : ",", stdout);
	if (!strpbrk(text, ",\"\r\n")) {
		cli_put(stdout, text, true);
		return;
	}
	sonde_buf_init(&quoted, 2 * CELL_MAX + 3);
	sonde_buf_char(&quoted, '"');
	for (; *text; text++) {
		if (*text == '"')
			sonde_buf_char(&quoted, '"');
		sonde_buf_char(&quoted, *text);
	}
	sonde_buf_char(&quoted, '"');
	cli_put(stdout, sonde_buf_cstr(&quoted), true);
	sonde_buf_deinit(&quoted);
}

static void print_csv(const struct cli *cli, const struct cli_column *columns, unsigned n,
                      const json_t *list, struct sonde_buf *b)
{
	const json_t *row;
	bool first = true;
	size_t i;

	for (unsigned c = 0; c < n && cli->headers; c++) {
		if (!columns[c].key)
			continue;
		put_csv(columns[c].key, first);
		first = false;
	}
	fputs(cli->headers ? "\r\n" : "", stdout);
	json_array_foreach(list, i, row) {
		first = true;
		for (unsigned c = 0; c < n; c++) {
			if (!columns[c].key)
				continue;
			put_csv(cell(&columns[c], row, false, b), first);
			first = false;
		}
		fputs("\r\n", stdout);
	}
}

/* ---- tables ---- */

struct table {
	const struct cli_column *columns;
	unsigned n, width[COLUMNS_MAX];
	unsigned last; /* the last column that is shown */
	unsigned room; /* columns of the terminal; 0 = no terminal */
	struct sonde_buf line;
};

static void measure_table(struct table *t, bool headers, const json_t *list, struct sonde_buf *b)
{
	const json_t *row;
	size_t i;

	for (unsigned c = 0; c < t->n; c++) {
		const struct cli_column *column = &t->columns[c];
		if (!column->header)
			continue;
		t->last = c;
		t->width[c] = headers ? cli_width(column->header) : 0;
		json_array_foreach(list, i, row) {
			unsigned w = cli_width(cell(column, row, true, b));
			t->width[c] = w > t->width[c] ? w : t->width[c];
		}
	}
}

/* On a terminal a line that is too long for it is cut, with ">" where it goes on. */
static void put_line(struct table *t)
{
	struct sonde_buf cut;
	const char *text = sonde_buf_cstr(&t->line);

	sonde_buf_init(&cut, CELL_MAX);
	if (t->room && cli_width(text) > t->room) {
		cli_add_fitted(&cut, text, t->room);
		text = sonde_buf_cstr(&cut);
	}
	cli_put(stdout, text, false);
	putchar('\n');
	sonde_buf_deinit(&cut);
	sonde_buf_reset(&t->line);
}

static void put_cell(struct table *t, unsigned c, const char *text)
{
	sonde_buf_str(&t->line, text);
	if (c == t->last)
		put_line(t);
	else
		sonde_buf_printf(&t->line, "%*s", (int)(t->width[c] - cli_width(text) + 2), "");
}

static void print_table(const struct cli *cli, struct table *t, const json_t *list,
                        struct sonde_buf *b)
{
	const json_t *row;
	size_t i;

	measure_table(t, cli->headers, list, b);
	fputs(cli->headers && cli->colour ? "\033[1m" : "", stdout);
	for (unsigned c = 0; c < t->n && cli->headers; c++)
		if (t->columns[c].header)
			put_cell(t, c, t->columns[c].header);
	fputs(cli->headers && cli->colour ? "\033[0m" : "", stdout);
	json_array_foreach(list, i, row)
		for (unsigned c = 0; c < t->n; c++)
			if (t->columns[c].header)
				put_cell(t, c, cell(&t->columns[c], row, true, b));
}

void cli_print_rows(const struct cli *cli, const struct cli_column *columns, unsigned n,
                    const json_t *list)
{
	struct table t = { .columns = columns, .n = n < COLUMNS_MAX ? n : COLUMNS_MAX,
		           .room = cli->columns };
	struct sonde_buf b;

	sonde_buf_init(&b, CELL_MAX);
	sonde_buf_init(&t.line, COLUMNS_MAX * CELL_MAX);
	if (cli->format == FORMAT_CSV)
		print_csv(cli, columns, t.n, list, &b);
	else
		print_table(cli, &t, list, &b);
	sonde_buf_deinit(&b);
	sonde_buf_deinit(&t.line);
}

int cli_list(struct cli *cli, const char *path, const struct cli_column *columns, unsigned n)
{
	int code;

	json_t *doc = cli_get(cli, path, NULL, &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc))
		cli_print_rows(cli, columns, n, doc);
	json_decref(doc);
	return EXIT_OK;
}
