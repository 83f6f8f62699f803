/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the outermost members of checked JSON: brackets are counted, strings are skipped. Owns
 * nothing. */
#include "controller/result_body.h"

#include <string.h>

static const char *const own[] = {
	"status", "failureSource", "failure", "failureMessage", "startedAt", "durationMs", "attempt",
	"schedule", "dueAt",
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* Behind the string that begins at p. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* At the comma or bracket that ends the value. */
static const char *skip_value(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		if (!depth && (*p == ',' || *p == '}' || *p == ']'))
			break;
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	}
	return p;
}

/* Quotes included. A key with an escape in it may be any of ours. */
static bool is_own(const char *key, size_t len)
{
	if (memchr(key, '\\', len))
		return true;
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (len == strlen(own[i]) + 2 && !memcmp(key + 1, own[i], len - 2))
			return true;
	return false;
}

void result_body_add(struct sonde_buf *b, struct sonde_text body)
{
	const char *end = body.s + body.len, *p = body.len ? memchr(body.s, '{', body.len) : NULL;

	for (p = p ? skip_space(p + 1, end) : end; p < end && *p == '"';) {
		const char *key = p, *behind = skip_string(p, end);
		p = skip_value(behind, end);
		if (!is_own(key, (size_t)(behind - key))) {
			const char *last = p;
			while (is_space(last[-1]))
				last--;
			sonde_buf_char(b, ',');
			sonde_buf_add(b, key, (size_t)(last - key));
		}
		p = p < end ? skip_space(p + 1, end) : end;
	}
	sonde_buf_char(b, '}');
}
