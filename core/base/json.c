/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer. Keys are mostly constants of ours, but the names of a map are foreign: whatever is
 * not plain is escaped, in keys as in text. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void sonde_json_init(struct sonde_json *j, struct sonde_buf *buf)
{
	*j = (struct sonde_json){ .buf = buf };
}

/* Length of the valid UTF-8 sequence at s (1..4), 0 when broken (RFC 3629). */
static unsigned utf8_len(const unsigned char *s, size_t n)
{
	if (s[0] < 0x80)
		return 1;
	unsigned want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || want > n)
		return 0;
	for (unsigned i = 1; i < want; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return want;
}

static bool is_plain(unsigned char c)
{
	/* One look-up instead of four comparisons: every letter of every result comes here. */
	static const bool special[256] = {
		[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, [0x7f ... 0xff] = true,
	};
	return !special[c];
}

/* True when all eight bytes are plain; now and then false though they are. */
static bool are_plain(const unsigned char *s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t x;

	memcpy(&x, s, sizeof(x));
	uint64_t quote = (x ^ ones * '"') - ones, backslash = (x ^ ones * '\\') - ones;
	return !((x | (x - ones * 0x20) | (x + ones) | quote | backslash) & ones * 0x80);
}

/* Copies what needs no escape and returns how much that was, at most n. */
static size_t copy_plain(char *to, const unsigned char *s, size_t n)
{
	size_t i = 0;

	for (; n - i >= 8 && are_plain(s + i); i += 8)
		memcpy(to + i, s + i, 8);
	for (; i < n && is_plain(s[i]); i++)
		to[i] = (char)s[i];
	return i;
}

static void quote_one(struct sonde_buf *b, unsigned char c)
{
	static const char letters[256] = {
		['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\t'] = 't',
		['\r'] = 'r', ['\b'] = 'b', ['\f'] = 'f',
	};

	if (letters[c])
		sonde_buf_add(b, (const char[]){ '\\', letters[c] }, 2);
	else
		sonde_buf_printf(b, "\\u%04x", c);
}

/* One character of n bytes that is not plain; returns its bytes. */
static size_t quote_char(struct sonde_buf *b, const unsigned char *s, size_t n)
{
	unsigned width = utf8_len(s, n);

	if (width > 1)
		sonde_buf_add(b, s, width);
	else if (width == 1 && *s)
		quote_one(b, *s);
	else
		sonde_buf_str(b, "\xef\xbf\xbd");
	return width ? width : 1;
}

void sonde_json_quote(struct sonde_buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;

	sonde_buf_char(b, '"');
	while (n) {
		char *to = sonde_buf_reserve(b, n);
		if (!to)
			return;
		size_t done = copy_plain(to, s, n);
		b->len += done;
		if (done < n)
			done += quote_char(b, s + done, n - done);
		s += done;
		n -= done;
	}
	sonde_buf_char(b, '"');
}

static void lead(struct sonde_json *j, const char *key)
{
	size_t n = key ? strlen(key) : 0;
	char *p = sonde_buf_reserve(j->buf, n + 4);

	if (!p)
		return;
	if (j->comma) {
		*p++ = ',';
		j->buf->len++;
	}
	j->comma = true;
	if (!key)
		return;
	*p++ = '"';
	if (copy_plain(p, (const unsigned char *)key, n) == n) {
		memcpy(p + n, "\":", 2);
		j->buf->len += n + 3;
	} else {
		sonde_json_quote(j->buf, key, n);
		sonde_buf_char(j->buf, ':');
	}
}

void sonde_json_open(struct sonde_json *j, const char *key, char bracket)
{
	lead(j, key);
	if (j->depth == SONDE_JSON_DEPTH) {
		j->buf->failed = true;
		return;
	}
	j->close[j->depth++] = bracket == '{' ? '}' : ']';
	sonde_buf_char(j->buf, bracket);
	j->comma = false;
}

void sonde_json_close(struct sonde_json *j)
{
	if (!j->depth) {
		j->buf->failed = true;
		return;
	}
	sonde_buf_char(j->buf, j->close[--j->depth]);
	j->comma = true;
}

size_t sonde_format_int(char *out, int64_t v)
{
	char tmp[21];
	size_t n = 0, len = 0;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do {
		tmp[n++] = '0' + u % 10;
		u /= 10;
	} while (u);
	if (v < 0)
		out[len++] = '-';
	while (n)
		out[len++] = tmp[--n];
	return len;
}

size_t sonde_format_number(char *out, double v, int digits)
{
	static const double scale[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };

	if (!isfinite(v))
		return memcpy(out, "null", 4), 4;
	digits = digits < 0 ? 0 : digits > 6 ? 6 : digits;
	if (fabs(v) > 1e12) /* too large for the integer path; exact digits matter little there */
		return snprintf(out, 40, "%.15g", v);
	/* Half away from zero, by hand: llround would make every plugin host link libm. */
	int64_t fixed = (int64_t)(v * scale[digits] + (v < 0 ? -0.5 : 0.5));
	int64_t unit = (int64_t)scale[digits];
	size_t len = 0;
	if (fixed < 0) {
		out[len++] = '-';
		fixed = -fixed;
	}
	len += sonde_format_int(out + len, fixed / unit);
	int64_t rest = fixed % unit;
	if (!rest)
		return len;
	out[len++] = '.';
	for (int64_t place = unit / 10; rest && place; place /= 10) {
		out[len++] = '0' + rest / place;
		rest %= place;
	}
	return len;
}

void sonde_json_int(struct sonde_json *j, const char *key, int64_t v)
{
	lead(j, key);
	char *p = sonde_buf_reserve(j->buf, 21);
	if (p)
		j->buf->len += sonde_format_int(p, v);
}

void sonde_json_number(struct sonde_json *j, const char *key, double v, int digits)
{
	lead(j, key);
	char *p = sonde_buf_reserve(j->buf, 40);
	if (p)
		j->buf->len += sonde_format_number(p, v, digits);
}

void sonde_json_text(struct sonde_json *j, const char *key, const char *text, size_t len)
{
	lead(j, key);
	sonde_json_quote(j->buf, text, len);
}

void sonde_json_str(struct sonde_json *j, const char *key, const char *text)
{
	if (text)
		sonde_json_text(j, key, text, strlen(text));
	else
		sonde_json_null(j, key);
}

void sonde_json_raw(struct sonde_json *j, const char *key, const char *json, size_t len)
{
	lead(j, key);
	sonde_buf_add(j->buf, json, len);
}

void sonde_json_bool(struct sonde_json *j, const char *key, bool v)
{
	if (v)
		sonde_json_raw(j, key, "true", 4);
	else
		sonde_json_raw(j, key, "false", 5);
}

void sonde_json_null(struct sonde_json *j, const char *key)
{
	sonde_json_raw(j, key, "null", 4);
}
