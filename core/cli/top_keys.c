/* SPDX-License-Identifier: Apache-2.0 */
/* What a key changes of the view: which pair is chosen, what is shown, the filter that is typed. It
 * takes bytes of UTF-8 one by one, as a terminal sends them. */
#include "cli/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { ENTER = '\r', NEWLINE = '\n', ESCAPE = 033, ERASE = 0x7f, BACKSPACE = '\b', KILL = 025 };

size_t top_line_index(const struct top_line *lines, size_t n, const char *key)
{
	for (size_t i = 0; key && i < n; i++)
		if (!strcmp(lines[i].key, key))
			return i;
	return 0;
}

/* ---- choosing ---- */

static size_t moved(size_t at, size_t n, enum top_move move, enum top_move back, enum top_move forth,
                    size_t by)
{
	if (move == back)
		return at > by ? at - by : 0;
	if (move == forth && n)
		return at + by < n ? at + by : n - 1;
	return at;
}

static void choose(char **chosen, const struct top_line *lines, size_t n, size_t at)
{
	free(*chosen);
	*chosen = at < n ? strdup(lines[at].key) : NULL;
}

void top_move(struct top_view *v, const struct top_model *m, enum top_move move)
{
	size_t page = v->page ? v->page : 1;
	struct top_grid g;

	if (top_grid_make(&g, m, &v->filter) != SONDE_OK)
		return;
	size_t row = top_line_index(g.rows, g.row_count, v->node);
	size_t column = top_line_index(g.columns, g.column_count, v->column);
	row = moved(row, g.row_count, move, TOP_UP, TOP_DOWN, 1);
	row = moved(row, g.row_count, move, TOP_PAGE_UP, TOP_PAGE_DOWN, page);
	row = moved(row, g.row_count, move, TOP_HOME, TOP_END, g.row_count);
	column = moved(column, g.column_count, move, TOP_LEFT, TOP_RIGHT, 1);
	choose(&v->node, g.rows, g.row_count, row);
	choose(&v->column, g.columns, g.column_count, column);
	top_grid_free(&g);
}

/* ---- the filter ---- */

/* The last character, which may have more bytes than one. */
static void erase(char *text)
{
	size_t n = strlen(text);

	while (n && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n ? n - 1 : 0] = '\0';
}

static void type(struct top_view *v, int key)
{
	char *text = v->filter.text;
	size_t n = strlen(text);

	if (key == ENTER || key == NEWLINE || key == ESCAPE)
		v->typing = false;
	if (key == ESCAPE || key == KILL)
		*text = '\0';
	else if (key == ERASE || key == BACKSPACE)
		erase(text);
	else if (key >= ' ' && key < TOP_KEY_MOVE && n + 1 < sizeof(v->filter.text)) {
		text[n] = (char)key;
		text[n + 1] = '\0';
	}
}

/* ---- keys ---- */

static const struct {
	char key;
	unsigned group;
} group_keys[] = { { 'a', 0 }, { 't', 1 }, { 'h', 2 }, { 'p', 3 }, { 'd', 4 }, { 'b', 5 }, { 'r', 6 } };

static void change(struct top_view *v, int key)
{
	for (unsigned i = 0; i < sizeof(group_keys) / sizeof(group_keys[0]); i++)
		if (key == group_keys[i].key)
			v->filter.group = group_keys[i].group;
	v->loss ^= key == 'l';
	v->filter.bad_only ^= key == 'f';
	v->filter.offline ^= key == 'o';
	v->typing = key == '/';
	v->help = key == '?';
	if (key == ESCAPE)
		v->filter.text[0] = '\0';
}

bool top_key(struct top_view *v, const struct top_model *m, int key)
{
	if (key >= TOP_KEY_MOVE)
		top_move(v, m, (enum top_move)(key - TOP_KEY_MOVE));
	else if (v->typing)
		type(v, key);
	else if (v->help && key != 'q')
		v->help = false;
	else
		change(v, key);
	return v->typing || key != 'q';
}
