/* SPDX-License-Identifier: Apache-2.0 */
/* A strict JSON checker for values that are kept and passed on as bytes: jsmn, which finds them,
 * is lenient. No tree, no recursion; the open brackets are a bit stack. */
#include "base/json.h"

struct cursor {
	const unsigned char *p, *end;
};

static void skip_space(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool take(struct cursor *c, unsigned char want)
{
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static bool word(struct cursor *c, const char *w)
{
	while (*w)
		if (!take(c, *w++))
			return false;
	return true;
}

static bool digits(struct cursor *c)
{
	const unsigned char *start = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return c->p > start;
}

static bool number(struct cursor *c)
{
	take(c, '-');
	if (!take(c, '0') && !digits(c))
		return false;
	if (take(c, '.') && !digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			take(c, '-');
		return digits(c);
	}
	return true;
}

static int hex4(struct cursor *c)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		if (c->p == c->end)
			return -1;
		unsigned char h = *c->p++, low = h | 0x20;
		if (h >= '0' && h <= '9')
			v = v << 4 | (h - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (low - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* NUL is refused because the text ends up in C strings; a lone surrogate because it is no text. */
static bool escape(struct cursor *c)
{
	if (c->p == c->end)
		return false;
	unsigned char e = *c->p++;
	if (e != 'u')
		return e == '"' || e == '\\' || e == '/' || e == 'b' || e == 'f' || e == 'n' ||
		       e == 'r' || e == 't';
	int v = hex4(c);
	if (v <= 0 || (v >= 0xdc00 && v <= 0xdfff))
		return false;
	if (v < 0xd800 || v > 0xdbff)
		return true;
	if (!take(c, '\\') || !take(c, 'u'))
		return false;
	v = hex4(c);
	return v >= 0xdc00 && v <= 0xdfff;
}

static bool multibyte(struct cursor *c)
{
	const unsigned char *s = c->p;
	unsigned n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;

	if (*s < 0xc2 || *s > 0xf4 || (size_t)(c->end - s) < n)
		return false;
	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return false;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return false;
	c->p += n;
	return true;
}

static bool string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	while (c->p < c->end) {
		unsigned char b = *c->p;
		if (b == '"')
			return c->p++, true;
		if (b < 0x20)
			return false;
		if (b == '\\') {
			c->p++;
			if (!escape(c))
				return false;
		} else if (b >= 0x80) {
			if (!multibyte(c))
				return false;
		} else {
			c->p++;
		}
	}
	return false;
}

static bool scalar(struct cursor *c)
{
	switch (*c->p) {
	case '"':
		return string(c);
	case 't':
		return word(c, "true");
	case 'f':
		return word(c, "false");
	case 'n':
		return word(c, "null");
	default:
		return number(c);
	}
}

static bool key(struct cursor *c)
{
	skip_space(c);
	if (!string(c))
		return false;
	skip_space(c);
	return take(c, ':');
}

/* One value from its first byte to its last; brackets[] remembers which are objects. */
static bool value(struct cursor *c)
{
	bool object[SONDE_JSON_DEPTH];
	unsigned depth = 0;

	for (;;) {
		skip_space(c);
		if (c->p == c->end)
			return false;
		bool opened = false;
		if (*c->p == '{' || *c->p == '[') {
			if (depth == SONDE_JSON_DEPTH)
				return false;
			object[depth++] = *c->p++ == '{';
			opened = true;
			skip_space(c);
		} else if (!scalar(c)) {
			return false;
		}
		for (;;) { /* close what ends here, or step to the next member */
			if (!depth)
				return true;
			skip_space(c);
			if (take(c, object[depth - 1] ? '}' : ']')) {
				depth--;
				opened = false;
				continue;
			}
			if (!opened && !take(c, ','))
				return false;
			if (object[depth - 1] && !key(c))
				return false;
			break;
		}
	}
}

bool sonde_json_valid(const char *text, size_t len, bool object)
{
	struct cursor c = { (const unsigned char *)text, (const unsigned char *)text + len };

	skip_space(&c);
	if (object && (c.p == c.end || *c.p != '{'))
		return false;
	if (!value(&c))
		return false;
	skip_space(&c);
	return c.p == c.end;
}
