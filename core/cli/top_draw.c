/* SPDX-License-Identifier: Apache-2.0 */
/* The Now view on a terminal: a whole screen each time, line by line, in place. Foreign text goes
 * through cli_add_fitted. What is old is never shown in the colour of what is well. */
#include "cli/top.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

enum { CELL = 15, NAME_MIN = 8, NAME_MAX = 24, PROBLEMS = 3, TALL = 20, ABOVE = 6, BELOW = 3 };

enum style { PLAIN, STRONG, WEAK, GOOD, BAD, OURS, WARN, BAR };

/* With colours and without: then shape and weight tell it alone. */
static const char *const sgr[][2] = {
	[PLAIN] = { "", "" },    [STRONG] = { "\033[1m", "\033[1m" },  [WEAK] = { "\033[2m", "" },
	[GOOD] = { "\033[32m", "" }, [BAD] = { "\033[1;31m", "\033[1m" }, [OURS] = { "\033[35m", "" },
	[WARN] = { "\033[33m", "\033[1m" }, [BAR] = { "\033[30;43m", "\033[7m" },
};

struct canvas {
	struct sonde_buf *b;
	unsigned rows, columns, line, used;
	bool colour;
};

static void put_wide(struct canvas *c, enum style style, bool chosen, const char *text, unsigned width)
{
	const char *on = sgr[style][!c->colour];

	if (c->line >= c->rows)
		return;
	if (width > c->columns - c->used)
		width = c->columns - c->used;
	sonde_buf_str(c->b, on);
	sonde_buf_str(c->b, chosen ? "\033[7m" : "");
	cli_add_fitted(c->b, text, width);
	sonde_buf_str(c->b, *on || chosen ? "\033[0m" : "");
	c->used += width;
}

static void put(struct canvas *c, enum style style, const char *text)
{
	put_wide(c, style, false, text, cli_width(text));
}

static void putf(struct canvas *c, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void putf(struct canvas *c, enum style style, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(c, style, text);
}

static void end_line(struct canvas *c)
{
	if (c->line < c->rows)
		sonde_buf_str(c->b, c->line + 1 < c->rows ? "\033[K\r\n" : "\033[K");
	c->line++;
	c->used = 0;
}

/* ---- cells ---- */

static void say_ms(char *out, size_t room, double ms)
{
	snprintf(out, room, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
}

static const char mark[] = { [TOP_OK] = ' ', [TOP_FAILED] = 'x', [TOP_UNMEASURED] = '?' };

static void say_pair(const struct top_pair *p, bool loss, char out[64])
{
	char figure[32] = "ok";
	char sign = p->outcome == TOP_OK && p->loss > 0 ? '!' : mark[p->outcome];

	if (p->outcome != TOP_OK)
		snprintf(figure, sizeof(figure), "%s", p->failure);
	else if (loss && !isnan(p->loss))
		snprintf(figure, sizeof(figure), "%.*f %%", p->loss < 10 && p->loss > 0, p->loss);
	else if (loss)
		snprintf(figure, sizeof(figure), "-");
	else if (!isnan(p->latency))
		say_ms(figure, sizeof(figure), p->latency);
	snprintf(out, 64, "%c %s", sign, figure);
}

static enum style style_of(const struct top_view *v, const struct top_pair *p)
{
	static const enum style styles[] = { [TOP_OK] = GOOD, [TOP_FAILED] = BAD,
		                             [TOP_UNMEASURED] = OURS };

	if (!v->live)
		return WEAK;
	return p->outcome == TOP_OK && p->loss > 0 ? WARN : styles[p->outcome];
}

/* ---- above the matrix ---- */

static void put_title(struct canvas *c, const struct top_view *v)
{
	char when[SONDE_TIME_TEXT];

	sonde_format_time(when, sonde_wall_ms());
	putf(c, STRONG, "sonde top");
	putf(c, PLAIN, "  %s  %.19sZ", v->url, when);
	end_line(c);
}

static void put_state(struct canvas *c, const struct top_view *v, const struct top_model *m,
                      const struct top_grid *g)
{
	if (!v->live) {
		putf(c, BAR, " no contact since %s: %s; trying again; what is below is old", v->since,
		     v->why);
	} else if (m->missed || m->left_out) {
		putf(c, WARN, "%llu results were left out as too many. ",
		     (unsigned long long)(m->missed + m->left_out));
	}
	if (v->live)
		put(c, g->bad ? STRONG : PLAIN, g->sentence);
	end_line(c);
}

static void put_nodes(struct canvas *c, const struct top_model *m)
{
	static const char *const others[] = { "stale", "offline", "pending", "disabled",
		                              "deregistered" };
	unsigned total = top_model_count(m, NULL), online = top_model_count(m, "online");

	put(c, WEAK, "Nodes ");
	putf(c, STRONG, "%u", online);
	putf(c, PLAIN, " of %u online", total);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (top_model_count(m, others[i]))
			putf(c, WARN, ", %u %s", top_model_count(m, others[i]), others[i]);
}

static void put_counters(struct canvas *c, const struct top_model *m, const struct top_grid *g)
{
	unsigned open = top_open_problems(m);

	put_nodes(c, m);
	put(c, WEAK, "   Failing ");
	putf(c, g->failing ? BAD : STRONG, "%u", g->failing);
	putf(c, PLAIN, " of %u", g->pairs);
	put(c, WEAK, "   Results ");
	if (isnan(m->rate))
		put(c, PLAIN, "-");
	else
		putf(c, STRONG, "%.1f", m->rate);
	put(c, PLAIN, "/s");
	put(c, WEAK, "   Events ");
	putf(c, open ? WARN : STRONG, "%u", open);
	put(c, PLAIN, " open");
	end_line(c);
}

static void put_filters(struct canvas *c, const struct top_view *v)
{
	if (v->typing || v->filter.text[0])
		putf(c, v->typing ? STRONG : WARN, "/%s%s  ", v->filter.text, v->typing ? "_" : "");
	for (unsigned i = 0; top_groups[i]; i++) {
		put_wide(c, i == v->filter.group ? STRONG : WEAK, i == v->filter.group, top_groups[i],
		         cli_width(top_groups[i]));
		put(c, PLAIN, " ");
	}
	put(c, PLAIN, v->loss ? "  loss" : "  latency");
	put(c, PLAIN, v->filter.bad_only ? "  failures only" : "");
	put(c, PLAIN, v->filter.offline ? "  with offline nodes" : "");
	end_line(c);
}

/* ---- the matrix ---- */

/* The first that is shown of n, such that `chosen` is among `room`. */
static size_t scrolled(size_t first, size_t chosen, size_t n, size_t room)
{
	if (chosen < first)
		first = chosen;
	if (chosen >= first + room)
		first = chosen - room + 1;
	return first + room > n ? (n > room ? n - room : 0) : first;
}

static unsigned name_width(const struct top_grid *g)
{
	unsigned width = NAME_MIN;

	for (size_t i = 0; i < g->row_count; i++)
		if (cli_width(g->rows[i].name) > width)
			width = cli_width(g->rows[i].name);
	return width < NAME_MAX ? width : NAME_MAX;
}

/* Above: the type and its schedule; below: the target. */
static void put_heads(struct canvas *c, const struct top_view *v, const struct top_model *m,
                      const struct top_grid *g, size_t shown, unsigned width, size_t chosen)
{
	char text[512];

	for (int line = 0; line < 2; line++) {
		put_wide(c, PLAIN, false, "", width + 1);
		for (size_t i = v->first_column; i < v->first_column + shown; i++) {
			const char *column = g->columns[i].key;
			size_t len = strcspn(column, " ");
			const char *target = column + len + (column[len] == ' ');
			if (line)
				snprintf(text, sizeof(text), "%.*s", (int)strcspn(target, "\t"), target);
			else
				snprintf(text, sizeof(text), "%.*s %s", (int)len, column,
				         top_schedule(m, column));
			put_wide(c, i == chosen ? STRONG : WEAK, false, text, CELL - 1);
			put(c, PLAIN, " ");
		}
		size_t hidden = g->column_count - shown;
		if (!line && hidden)
			putf(c, WEAK, "+%zu", hidden);
		end_line(c);
	}
}

static void put_row(struct canvas *c, const struct top_view *v, const struct top_model *m,
                    const struct top_grid *g, size_t row, size_t shown, unsigned width,
                    bool chosen_row, size_t chosen)
{
	char text[64];

	put_wide(c, chosen_row ? STRONG : PLAIN, false, g->rows[row].name, width);
	put(c, PLAIN, " ");
	for (size_t i = v->first_column; i < v->first_column + shown; i++) {
		const struct top_pair *p = top_grid_pair(m, g->rows[row].key, g->columns[i].key);
		bool hidden = !p || (v->filter.bad_only && !top_is_bad(p));
		if (hidden)
			snprintf(text, sizeof(text), "  -");
		else
			say_pair(p, v->loss, text);
		put_wide(c, hidden ? WEAK : style_of(v, p), chosen_row && i == chosen, text, CELL - 1);
		put(c, PLAIN, " ");
	}
	end_line(c);
}

static void put_matrix(struct canvas *c, struct top_view *v, const struct top_model *m,
                       const struct top_grid *g, size_t room)
{
	size_t row = top_line_index(g->rows, g->row_count, v->node);
	size_t column = top_line_index(g->columns, g->column_count, v->column);
	unsigned width = name_width(g);
	size_t across = c->columns > width + 1 + CELL ? (c->columns - width - 1) / CELL : 1;

	v->page = room;
	v->first_row = scrolled(v->first_row, row, g->row_count, room);
	v->first_column = scrolled(v->first_column, column, g->column_count, across);
	if (across > g->column_count - v->first_column)
		across = g->column_count - v->first_column;
	put_heads(c, v, m, g, across, width, column);
	for (size_t i = 0; i < room; i++) {
		if (v->first_row + i < g->row_count)
			put_row(c, v, m, g, v->first_row + i, across, width, v->first_row + i == row, column);
		else
			end_line(c);
	}
}

/* ---- below it ---- */

static const char *const outcomes[] = { [TOP_OK] = "measured", [TOP_FAILED] = "the target failed",
	                                [TOP_UNMEASURED] = "could not measure" };

static void put_detail(struct canvas *c, const struct top_view *v, const struct top_model *m,
                       const struct top_grid *g)
{
	const struct top_line *row = &g->rows[top_line_index(g->rows, g->row_count, v->node)];
	const struct top_line *column = &g->columns[top_line_index(g->columns, g->column_count, v->column)];
	const struct top_pair *p = g->pairs ? top_grid_pair(m, row->key, column->key) : NULL;
	char when[SONDE_TIME_TEXT], ms[32];

	if (p) {
		sonde_format_time(when, p->at_ms);
		const char *schedule = top_schedule(m, column->key);
		putf(c, STRONG, "%s -> %.*s", row->name, (int)strcspn(column->key, "\t"), column->key);
		if (*schedule)
			putf(c, PLAIN, " (%s)", schedule);
		putf(c, PLAIN, "  %s", outcomes[p->outcome]);
		if (!isnan(p->latency)) {
			say_ms(ms, sizeof(ms), p->latency);
			putf(c, PLAIN, ", %s", ms);
		}
		if (!isnan(p->loss))
			putf(c, PLAIN, ", loss %.0f %%", p->loss);
		putf(c, WEAK, "  %.19sZ", when);
	}
	end_line(c);
	put(c, PLAIN, p ? p->why : "");
	end_line(c);
}

static const struct {
	const char *keys, *what;
} help[] = {
	{ "arrows", "choose a pair: what it says stands below; also page up, page down, home, end" },
	{ "/", "a filter: words of the node, region, type, target or schedule; Enter keeps it" },
	{ "Esc", "no filter" },
	{ "a", "all types" },
	{ "t h p d b r", "TCP, HTTP, ping, DNS, bandwidth, traceroute" },
	{ "l", "loss instead of latency" },
	{ "f", "only what is not well" },
	{ "o", "with nodes that are offline" },
	{ "?", "this list; any key leaves it" },
	{ "q", "quit" },
};

/* In place of the matrix and what is below it: so many lines. */
static void put_help(struct canvas *c, size_t room)
{
	for (size_t i = 0; i < room; i++) {
		if (i < sizeof(help) / sizeof(help[0])) {
			put_wide(c, STRONG, false, help[i].keys, 13);
			put(c, PLAIN, help[i].what);
		}
		end_line(c);
	}
}

static void put_problems(struct canvas *c, const struct top_model *m, unsigned room)
{
	const json_t *p;
	size_t i;

	json_array_foreach(m->problems, i, p) {
		if (!top_is_open(p) || !room)
			continue;
		putf(c, WARN, "%s", cli_str(p, "severity"));
		putf(c, PLAIN, "  %.19sZ  %s", cli_str(p, "at"), cli_str(p, "text"));
		end_line(c);
		room--;
	}
}

void top_draw(struct top_view *v, const struct top_model *m, struct sonde_buf *b)
{
	struct canvas c = { .b = b, .rows = v->rows, .columns = v->columns, .colour = v->colour };
	unsigned problems = top_open_problems(m);
	struct top_grid g;

	if (top_grid_make(&g, m, &v->filter) != SONDE_OK)
		return;
	if (problems > PROBLEMS)
		problems = PROBLEMS;
	if (v->rows < TALL)
		problems = 0;
	sonde_buf_str(b, "\033[H");
	put_title(&c, v);
	put_state(&c, v, m, &g);
	put_counters(&c, m, &g);
	put_filters(&c, v);
	unsigned fixed = ABOVE + BELOW + problems;
	if (v->help) {
		put_help(&c, v->rows > ABOVE ? v->rows - ABOVE + 1 : 1);
	} else {
		put_matrix(&c, v, m, &g, v->rows > fixed ? v->rows - fixed : 1);
		put_detail(&c, v, m, &g);
		put_problems(&c, m, problems);
	}
	put(&c, WEAK, v->typing ? "type a filter  Enter keep  Esc clear" :
	    "q quit  ? keys  / filter  arrows choose  l loss  f failures  o offline  "
	    "a all t tcp h http p ping d dns b bandwidth r traceroute");
	end_line(&c);
	sonde_buf_str(b, "\033[J");
	top_grid_free(&g);
}

void top_view_deinit(struct top_view *v)
{
	free(v->node);
	free(v->column);
}
