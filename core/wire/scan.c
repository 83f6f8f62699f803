/* SPDX-License-Identifier: Apache-2.0 */
/* From jsmn tokens to structs by rows. The scan owns the token array, which is reused and, after
 * a very large message, let go; text is borrowed and escapes are undone in it. jsmn is lenient, so every
 * value is checked here, and raw objects by sonde_json_valid. */
#include "wire/scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS /* without them closing a bracket walks back over all tokens */
#include <jsmn.h>

#include "base/error.h"

enum { TOKENS_MIN = 512, TOKENS_KEPT = 1 << 16, TOKENS_MAX = 1 << 20, MEMBERS_MAX = 4096 };

struct scan {
	jsmntok_t *tokens;
	unsigned cap;
	int count;
	char *text;
};

int scan_new(struct scan **out)
{
	struct scan *s = calloc(1, sizeof(*s));

	*out = s;
	return s ? SONDE_OK : SONDE_ENOMEM;
}

void scan_free(struct scan *s)
{
	if (s)
		free(s->tokens);
	free(s);
}

static int more_tokens(struct scan *s)
{
	unsigned cap = s->cap ? s->cap * 2 : TOKENS_MIN;

	if (cap > TOKENS_MAX)
		return SONDE_EFULL;
	void *tokens = realloc(s->tokens, cap * sizeof(*s->tokens));
	if (!tokens)
		return SONDE_ENOMEM;
	s->tokens = tokens;
	s->cap = cap;
	return SONDE_OK;
}

int scan_text(struct scan *s, char *text, size_t len, struct sonde_error *e)
{
	jsmn_parser parser;
	int n = JSMN_ERROR_NOMEM;

	if (s->cap > TOKENS_KEPT) {
		free(s->tokens);
		s->tokens = NULL;
		s->cap = 0;
	}
	jsmn_init(&parser);
	s->text = text;
	s->count = 0;
	while (!s->cap || (n = jsmn_parse(&parser, text, len, s->tokens, s->cap)) == JSMN_ERROR_NOMEM) {
		int rc = more_tokens(s);
		if (rc != SONDE_OK)
			return sonde_fail(e, rc, "", "the message has too many JSON tokens");
	}
	if (n < 1)
		return sonde_fail(e, SONDE_EINVAL, "", "the message is not JSON (byte %u)", parser.pos);
	if (s->tokens[0].type != JSMN_OBJECT)
		return sonde_fail(e, SONDE_EINVAL, "", "the message is not a JSON object");
	s->count = parser.toknext;
	return SONDE_OK;
}

int scan_next(const struct scan *s, int at)
{
	int end = s->tokens[at].end;
	int next = at + 1;

	while (next < s->count && s->tokens[next].start < end)
		next++;
	return next;
}

static struct sonde_text scan_slice(const struct scan *s, int at)
{
	const jsmntok_t *t = &s->tokens[at];
	return (struct sonde_text){ s->text + t->start, (size_t)(t->end - t->start) };
}

bool scan_text_is(const struct scan *s, int at, const char *word)
{
	struct sonde_text t = scan_slice(s, at);
	return s->tokens[at].type == JSMN_STRING && strlen(word) == t.len && !memcmp(word, t.s, t.len);
}

int scan_member(const struct scan *s, int at, const char *name)
{
	int child = at + 1;

	for (int i = 0; i < s->tokens[at].size && child + 1 < s->count; i++) {
		if (scan_text_is(s, child, name))
			return child + 1;
		child = scan_next(s, child + 1);
	}
	return -1;
}

int scan_count(const struct scan *s, int at)
{
	return s->tokens[at].type == JSMN_ARRAY ? s->tokens[at].size : -1;
}

int scan_first(const struct scan *s, int at)
{
	return at + 1;
}

static unsigned put_utf8(char *to, unsigned c)
{
	if (c < 0x80)
		return to[0] = (char)c, 1;
	if (c < 0x800)
		return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
	if (c < 0x10000)
		return to[0] = (char)(0xe0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)),
		       to[2] = (char)(0x80 | (c & 63)), 3;
	return to[0] = (char)(0xf0 | c >> 18), to[1] = (char)(0x80 | (c >> 12 & 63)),
	       to[2] = (char)(0x80 | (c >> 6 & 63)), to[3] = (char)(0x80 | (c & 63)), 4;
}

static unsigned hex4(const char *p)
{
	char digits[5] = { p[0], p[1], p[2], p[3], 0 };
	return (unsigned)strtoul(digits, NULL, 16);
}

/* The text between the quotes with escapes undone in place; false when it is no valid string.
 * Undoing never makes it longer. */
static bool unescape(char *s, size_t len, size_t *out)
{
	/* The quotes stand right before and after a string token. */
	if (!sonde_json_valid(s - 1, len + 2, false))
		return false;
	char *to = memchr(s, '\\', len);
	if (!to) {
		*out = len;
		return true;
	}
	for (const char *p = to, *end = s + len; p < end;) {
		static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		if (p[1] != 'u') {
			*to++ = strchr(plain, p[1])[1];
			p += 2;
			continue;
		}
		unsigned c = hex4(p + 2);
		p += 6;
		if (c >= 0xd800 && c <= 0xdbff) {
			c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
			p += 6;
		}
		to += put_utf8(to, c);
	}
	*out = (size_t)(to - s);
	return true;
}

static bool read_i64(struct sonde_text t, int64_t *out)
{
	char digits[24];
	char *end;

	if (!t.len || t.len >= sizeof(digits))
		return false;
	memcpy(digits, t.s, t.len);
	digits[t.len] = '\0';
	errno = 0;
	*out = strtoll(digits, &end, 10);
	return !errno && !*end && (digits[0] == '-' || (digits[0] >= '0' && digits[0] <= '9'));
}

static bool read_number(struct sonde_text t, double *out)
{
	char digits[40];

	if (t.len >= sizeof(digits) || !sonde_json_valid(t.s, t.len, false))
		return false;
	memcpy(digits, t.s, t.len);
	digits[t.len] = '\0';
	if (digits[0] != '-' && (digits[0] < '0' || digits[0] > '9'))
		return false;
	*out = strtod(digits, NULL);
	return isfinite(*out);
}

static bool store_int(const struct field *f, struct sonde_text t, void *to)
{
	int64_t v;

	if (!read_i64(t, &v))
		return false;
	switch (f->kind) {
	case FIELD_U64:
		if (v < 0 || v > INT64_C(1) << 53)
			return false;
		*(uint64_t *)to = (uint64_t)v;
		return true;
	case FIELD_U32:
		if (v < 0 || v > UINT32_MAX)
			return false;
		*(uint32_t *)to = (uint32_t)v;
		return true;
	default:
		*(int64_t *)to = v;
		return true;
	}
}

static bool store_text(const struct field *f, struct sonde_text t, void *to)
{
	struct sonde_text *out = to;
	size_t len;

	/* The maximum is of the text itself: what was taken must fit when it is written again, and the
	 * writer may need six bytes where one came. */
	if (t.len > 6 * f->max || !unescape((char *)t.s, t.len, &len) || len > f->max)
		return false;
	*out = (struct sonde_text){ t.s, len };
	return true;
}

static bool store(const struct field *f, const struct scan *s, int at, void *to)
{
	struct sonde_text t = scan_slice(s, at);
	jsmntype_t type = s->tokens[at].type;
	int failure;

	switch (f->kind) {
	case FIELD_ID:
		return type == JSMN_STRING && sonde_id_parse(t.s, t.len, to);
	case FIELD_FAILURE:
		failure = type == JSMN_STRING ? sonde_failure_parse(t.s, t.len) : -1;
		*(uint8_t *)to = failure < 0 ? 0 : (uint8_t)failure;
		return failure >= 0;
	case FIELD_NUMBER:
		return type == JSMN_PRIMITIVE && read_number(t, to);
	case FIELD_BOOL:
		*(bool *)to = t.len == 4;
		return type == JSMN_PRIMITIVE && ((t.len == 4 && !memcmp(t.s, "true", 4)) ||
		                                  (t.len == 5 && !memcmp(t.s, "false", 5)));
	case FIELD_TEXT:
		return type == JSMN_STRING && store_text(f, t, to);
	case FIELD_OBJECT:
		*(struct sonde_text *)to = t;
		return type == JSMN_OBJECT && t.len <= f->max && sonde_json_valid(t.s, t.len, true);
	default:
		return type == JSMN_PRIMITIVE && store_int(f, t, to);
	}
}

static const struct field *row_of(const struct field *rows, struct sonde_text name)
{
	for (; rows->name; rows++)
		if (strlen(rows->name) == name.len && !memcmp(rows->name, name.s, name.len))
			return rows;
	return NULL;
}

int scan_fields(struct scan *s, int at, const struct field *rows, void *out, struct sonde_error *e)
{
	uint32_t seen = 0;
	int child = at + 1;

	if (s->tokens[at].type != JSMN_OBJECT)
		return sonde_fail(e, SONDE_EINVAL, "", "must be an object");
	for (int i = 0; i < s->tokens[at].size && child + 1 < s->count; i++) {
		if (s->tokens[child].type != JSMN_STRING || s->tokens[child].size != 1)
			return sonde_fail(e, SONDE_EINVAL, "", "has a member without a name or value");
		const struct field *f = row_of(rows, scan_slice(s, child));
		if (f) {
			uint32_t bit = 1u << (f - rows);
			if (seen & bit)
				return sonde_fail(e, SONDE_EINVAL, f->name, "occurs twice");
			if (f->kind == FIELD_OBJECT && s->tokens[child + 1].size > MEMBERS_MAX)
				return sonde_fail(e, SONDE_EFULL, f->name, "has more than %d members",
				                  MEMBERS_MAX);
			if (!store(f, s, child + 1, (char *)out + f->offset))
				return sonde_fail(e, SONDE_EINVAL, f->name, "has a wrong type or range");
			seen |= bit;
		}
		child = scan_next(s, child + 1);
	}
	for (unsigned i = 0; rows[i].name; i++)
		if (!rows[i].optional && !(seen & 1u << i))
			return sonde_fail(e, SONDE_EINVAL, rows[i].name, "is missing");
	return SONDE_OK;
}
