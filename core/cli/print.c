/* SPDX-License-Identifier: Apache-2.0 */
/* Text and JSON on a terminal. Everything foreign passes cli_put, which lets no control character
 * through; the process's LC_CTYPE is UTF-8. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/json.h"
#include "cli/cli.h"

struct glyph {
	size_t len;      /* bytes in the text */
	unsigned width;  /* columns as shown */
	char escape[12]; /* shown instead; "" = as it is */
};

/* Marks that turn the direction of what follows, and line separators. */
static bool is_treacherous(wchar_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static struct glyph glyph_at(const char *text)
{
	unsigned char byte = (unsigned char)*text;
	struct glyph g = { .len = 1, .width = 1 };
	mbstate_t state = { 0 };
	wchar_t c = byte;

	if (byte >= 0x20 && byte < 0x7f)
		return g;
	size_t n = byte < 0x80 ? 1 : mbrtowc(&c, text, strnlen(text, 4), &state);
	if (n == 0 || n > 4) {
		snprintf(g.escape, sizeof(g.escape), "\\x%02x", byte);
	} else {
		g.len = n;
		int width = wcwidth(c);
		g.width = width > 0 ? (unsigned)width : 0;
		if (c < 0xa0 || is_treacherous(c))
			snprintf(g.escape, sizeof(g.escape), "\\u%04x", (unsigned)c);
	}
	if (g.escape[0])
		g.width = (unsigned)strlen(g.escape);
	return g;
}

void cli_put(FILE *out, const char *text, bool keep_newlines)
{
	while (*text) {
		struct glyph g = glyph_at(text);
		if (!g.escape[0] || (keep_newlines && (*text == '\n' || *text == '\t')))
			fwrite(text, 1, g.len, out);
		else
			fputs(g.escape, out);
		text += g.len;
	}
}

unsigned cli_width(const char *text)
{
	unsigned width = 0;

	while (*text) {
		struct glyph g = glyph_at(text);
		width += g.width;
		text += g.len;
	}
	return width;
}

void cli_add_fitted(struct sonde_buf *b, const char *text, unsigned columns)
{
	bool cut = cli_width(text) > columns;

	for (; *text && columns; ) {
		struct glyph g = glyph_at(text);
		if (g.width + cut > columns)
			break;
		if (g.escape[0])
			sonde_buf_str(b, g.escape);
		else
			sonde_buf_add(b, text, g.len);
		columns -= g.width;
		text += g.len;
	}
	for (; columns; columns--, cut = false)
		sonde_buf_char(b, cut ? '>' : ' ');
}

void cli_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	cli_put(stdout, text, true);
	free(text);
}

void cli_progress(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (!cli->live)
		return;
	fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	cli->progress = true;
}

void cli_progress_end(struct cli *cli)
{
	if (cli->progress)
		fputs("\r\033[K", stderr);
	cli->progress = false;
}

static void print_line(const json_t *v, size_t flags)
{
	/* 15 digits are what a double surely holds: 0.1 stays 0.1. */
	char *text = json_dumps(v, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	cli_put(stdout, text ? text : "null", true);
	putchar('\n');
	free(text);
}

bool cli_print_json(const struct cli *cli, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (cli->format != FORMAT_JSON && cli->format != FORMAT_JSONL)
		return false;
	if (cli->format == FORMAT_JSON)
		print_line(v, JSON_INDENT(2));
	else if (!json_is_array(v))
		print_line(v, JSON_COMPACT);
	else
		json_array_foreach(v, i, item)
			print_line(item, JSON_COMPACT);
	return true;
}

const json_t *cli_at(const json_t *object, const char *path)
{
	char key[64];

	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		object = json_object_get(object, key);
	}
	return json_object_get(object, path);
}

const char *cli_str(const json_t *object, const char *path)
{
	const char *text = json_string_value(cli_at(object, path));

	return text ? text : "";
}

static void add_scalar(struct sonde_buf *b, const json_t *v)
{
	char number[40];

	if (json_is_string(v))
		sonde_buf_str(b, json_string_value(v));
	else if (json_is_integer(v))
		sonde_buf_printf(b, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		sonde_buf_add(b, number, sonde_format_number(number, json_real_value(v), 3));
	else if (json_is_boolean(v))
		sonde_buf_str(b, json_is_true(v) ? "yes" : "no");
}

void cli_add_value(struct sonde_buf *b, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v)) {
		add_scalar(b, v);
		return;
	}
	json_array_foreach(v, i, item) {
		if (i)
			sonde_buf_char(b, ' ');
		add_scalar(b, json_is_object(item) ? json_object_get(item, "name") : item);
	}
}
