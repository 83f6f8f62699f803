/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a JSON text that the target sent. Values on the way are skipped with a stack of brackets of
 * fixed depth; what is skipped is checked only as far as skipping needs. Owns nothing. */
#include "http/json.h"

#include <stdint.h>
#include <string.h>

struct cursor {
	const char *at, *end;
};

static void skip_blank(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool take(struct cursor *c, char want)
{
	skip_blank(c);
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* From the opening quote to behind the closing one. */
static bool skip_string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	for (; c->at < c->end; c->at++) {
		if (*c->at == '"') {
			c->at++;
			return true;
		}
		if (*c->at == '\\' && ++c->at == c->end)
			return false;
	}
	return false;
}

static bool is_scalar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '-' ||
	       c == '+' || c == '.';
}

static bool skip_scalar(struct cursor *c)
{
	const char *begin = c->at;

	while (c->at < c->end && is_scalar(*c->at))
		c->at++;
	return c->at > begin;
}

/* One token of a value; brackets open and close in `stack`. */
static bool skip_token(struct cursor *c, char *stack, unsigned *depth)
{
	char first = *c->at;

	if (first == '{' || first == '[') {
		if (*depth == HTTP_JSON_DEPTH)
			return false;
		stack[(*depth)++] = first == '{' ? '}' : ']';
		c->at++;
		return true;
	}
	if (first == '}' || first == ']') {
		if (!*depth || stack[--*depth] != first)
			return false;
		c->at++;
		return true;
	}
	if (*depth && (first == ',' || (first == ':' && stack[*depth - 1] == '}'))) {
		c->at++;
		return true;
	}
	return first == '"' ? skip_string(c) : skip_scalar(c);
}

static bool skip_value(struct cursor *c)
{
	char stack[HTTP_JSON_DEPTH];
	unsigned depth = 0;

	do {
		skip_blank(c);
		if (c->at == c->end || !skip_token(c, stack, &depth))
			return false;
	} while (depth);
	return true;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four digits behind "\u"; -1 when there are none. */
static int32_t unit(const char *at, const char *end)
{
	int32_t v = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(at[i]);
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

static size_t put_utf8(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	out[0] = (char)(lead[more] | c >> (6 * more));
	for (unsigned i = 1; i <= more; i++)
		out[i] = (char)(0x80 | ((c >> (6 * (more - i))) & 0x3f));
	return more + 1;
}

/* The letter at *at of a string's inside, escapes undone, as UTF-8; moves *at behind it. Half a
 * surrogate pair and an unknown escape become '?'. */
static size_t letter(const char **at, const char *end, char out[4])
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";

	out[0] = *(*at)++;
	if (out[0] != '\\' || *at == end)
		return 1;
	char c = *(*at)++;
	const char *name = c ? strchr(names, c) : NULL;
	if (c != 'u') {
		out[0] = name ? values[name - names] : c;
		return 1;
	}
	int32_t v = unit(*at, end);
	out[0] = '?';
	if (v < 0)
		return 1;
	*at += 4;
	if (v < 0xd800 || v > 0xdfff)
		return put_utf8(out, (uint32_t)v);
	int32_t low = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? unit(*at + 2, end) : -1;
	if (v > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return 1;
	*at += 6;
	return put_utf8(out, 0x10000 + ((uint32_t)(v - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
}

size_t http_json_text(char *out, size_t size, const char *value, size_t len)
{
	const char *at = value, *end = value + len;
	size_t n = 0;

	if (len >= 2 && *value == '"') {
		at++;
		end--;
	}
	bool string = at != value;
	while (at < end) {
		char c[4] = { *at };
		size_t k = 1;
		if (string)
			k = letter(&at, end, c);
		else
			at++;
		if (n + k >= size)
			break;
		memcpy(out + n, c, k);
		n += k;
	}
	out[n] = '\0';
	return n;
}

/* Whether a member's name (with quotes) is this part of the pointer. */
static bool is_name(const char *name, const char *name_end, const char *part, const char *part_end)
{
	name++;
	name_end--;
	while (name < name_end && part < part_end) {
		char c[4], want = *part;
		size_t n = letter(&name, name_end, c);
		if (want == '~')
			want = *++part == '1' ? '/' : '~';
		if (c[0] != want)
			return false;
		part++;
		if (n > (size_t)(part_end - part) + 1 || memcmp(part, c + 1, n - 1))
			return false;
		part += n - 1;
	}
	return name == name_end && part == part_end;
}

static enum http_json enter_object(struct cursor *c, const char *part, const char *part_end)
{
	take(c, '{');
	if (take(c, '}'))
		return HTTP_JSON_MISSING;
	do {
		skip_blank(c);
		const char *name = c->at;
		if (!skip_string(c))
			return HTTP_JSON_BROKEN;
		const char *name_end = c->at;
		if (!take(c, ':'))
			return HTTP_JSON_BROKEN;
		if (is_name(name, name_end, part, part_end))
			return HTTP_JSON_FOUND;
		if (!skip_value(c))
			return HTTP_JSON_BROKEN;
	} while (take(c, ','));
	return take(c, '}') ? HTTP_JSON_MISSING : HTTP_JSON_BROKEN;
}

static enum http_json enter_array(struct cursor *c, const char *part, const char *part_end)
{
	size_t wanted = 0;

	if (part == part_end || part_end - part > 9 || (*part == '0' && part_end - part > 1))
		return HTTP_JSON_MISSING;
	for (; part < part_end; part++) {
		if (*part < '0' || *part > '9')
			return HTTP_JSON_MISSING;
		wanted = wanted * 10 + (size_t)(*part - '0');
	}
	take(c, '[');
	if (take(c, ']'))
		return HTTP_JSON_MISSING;
	for (; wanted; wanted--) {
		if (!skip_value(c))
			return HTTP_JSON_BROKEN;
		if (take(c, ']'))
			return HTTP_JSON_MISSING;
		if (!take(c, ','))
			return HTTP_JSON_BROKEN;
	}
	return HTTP_JSON_FOUND;
}

bool http_pointer_valid(const char *pointer)
{
	if (*pointer && *pointer != '/')
		return false;
	for (; *pointer; pointer++)
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return false;
	return true;
}

enum http_json http_json_find(const char *text, size_t len, const char *pointer,
                              const char **value, size_t *value_len)
{
	struct cursor c = { text, text + len };

	while (*pointer) {
		const char *part = ++pointer;
		enum http_json got = HTTP_JSON_MISSING;
		pointer += strcspn(pointer, "/");
		skip_blank(&c);
		if (c.at == c.end)
			return HTTP_JSON_BROKEN;
		if (*c.at == '{')
			got = enter_object(&c, part, pointer);
		else if (*c.at == '[')
			got = enter_array(&c, part, pointer);
		if (got != HTTP_JSON_FOUND)
			return got;
	}
	skip_blank(&c);
	const char *begin = c.at;
	if (!skip_value(&c))
		return HTTP_JSON_BROKEN;
	*value = begin;
	*value_len = (size_t)(c.at - begin);
	return HTTP_JSON_FOUND;
}
