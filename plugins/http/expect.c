/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions. Headers and body are the target's: read through reply.h, json.h and match.h only, and
 * quoted in sentences cut to size. Owns nothing. */
#include "http/expect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "http/json.h"
#include "http/match.h"

/* One item of the list, "2xx", "301" or "400-404", as a range; moves *at behind its comma. */
static bool next_range(const char **at, int *low, int *high)
{
	int number[2] = { 0, 0 };
	const char *s = *at + strspn(*at, " ");

	for (int i = 0; i < 2; i++) {
		if (s[0] < '1' || s[0] > '5')
			return false;
		if (!i && (s[1] | 32) == 'x' && (s[2] | 32) == 'x') {
			number[0] = (s[0] - '0') * 100;
			number[1] = number[0] + 99;
			s += 3;
			break;
		}
		for (int k = 0; k < 3; k++, s++) {
			if (*s < '0' || *s > '9')
				return false;
			number[i] = number[i] * 10 + (*s - '0');
		}
		if (!i && *s != '-') {
			number[1] = number[0];
			break;
		}
		s += !i;
	}
	s += strspn(s, " ");
	if ((*s && *s != ',') || number[1] < number[0])
		return false;
	*at = s + (*s == ',');
	*low = number[0];
	*high = number[1];
	return true;
}

bool http_statuses_valid(const char *list)
{
	int low, high;

	while (*list)
		if (!next_range(&list, &low, &high))
			return false;
	return true;
}

bool http_status_in(const char *list, int status)
{
	int low, high;

	while (*list && next_range(&list, &low, &high))
		if (status >= low && status <= high)
			return true;
	return false;
}

static bool is_set(const char *text)
{
	return text && *text;
}

static int wrong(struct sonde_error *e, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(struct sonde_error *e, const char *path, const char *fmt, ...)
{
	va_list ap;

	snprintf(e->path, sizeof(e->path), "%s", path);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

static int check_pattern(const char *path, const char *pattern, struct sonde_error *e)
{
	char why[HTTP_WHY] = "";

	if (!is_set(pattern) || http_pattern_check(pattern, why) == HTTP_MATCH)
		return 0;
	return wrong(e, path, "is no regular expression: %s", why);
}

int http_wishes_check(const struct http_wishes *w, struct sonde_error *e)
{
	if (is_set(w->status) && !http_statuses_valid(w->status))
		return wrong(e, "expect.status", "must be codes and ranges like \"2xx, 301, 400-404\"");
	if (check_pattern("expect.body", w->body, e) ||
	    check_pattern("expect.notBody", w->no_body, e))
		return -1;
	for (const struct sonde_pair *h = w->headers; h && h->name; h++)
		if (check_pattern("expect.headers", h->value, e))
			return -1;
	for (const struct sonde_pair *j = w->json; j && j->name; j++) {
		if (!http_pointer_valid(j->name))
			return wrong(e, "expect.json", "\"%.60s\" is no JSON pointer", j->name);
		if (*j->value == '~' && check_pattern("expect.json", j->value + 1, e))
			return -1;
	}
	if (http_wishes_count(w) > HTTP_EXPECTS_MAX)
		return wrong(e, "expect", "asks for more than %d things", HTTP_EXPECTS_MAX);
	return 0;
}

static unsigned count_pairs(const struct sonde_pair *p)
{
	unsigned n = 0;

	while (p && p[n].name)
		n++;
	return n;
}

unsigned http_wishes_count(const struct http_wishes *w)
{
	return is_set(w->status) + count_pairs(w->headers) + is_set(w->body) +
	       is_set(w->no_body) + count_pairs(w->json) + (w->days > 0);
}

/* ok where the pattern's answer is `want`; a pattern that could not be decided is never ok. */
static void hold_pattern(struct http_expect *x, const char *pattern, const char *text, size_t len,
                         bool want)
{
	char why[HTTP_WHY] = "";
	enum http_match m = http_match(pattern, text, len, why);

	x->ok = m == (want ? HTTP_MATCH : HTTP_NO_MATCH);
	if (m == HTTP_MATCH_DEAR)
		snprintf(x->text, sizeof(x->text), "the pattern takes too long on this answer");
	else if (m == HTTP_MATCH_BROKEN)
		snprintf(x->text, sizeof(x->text), "%s", why);
}

static void hold_header(struct http_expect *x, const struct sonde_pair *want,
                        const struct http_reply *r)
{
	struct http_header h;
	size_t at = 0;

	snprintf(x->name, sizeof(x->name), "headers.%s", want->name);
	snprintf(x->text, sizeof(x->text), "the answer has no such header");
	while (http_reply_header(r, &at, &h)) {
		if (!http_name_equal(&h, want->name, strlen(want->name)))
			continue;
		snprintf(x->text, sizeof(x->text), "it is \"%.*s\"",
		         h.value_len < 120 ? (int)h.value_len : 120, h.value);
		hold_pattern(x, want->value, h.value, h.value_len, true);
		if (x->ok)
			return;
	}
}

static void hold_body(struct http_expect *x, const char *name, const char *pattern,
                      const struct http_reply *r, bool want)
{
	snprintf(x->name, sizeof(x->name), "%s", name);
	snprintf(x->text, sizeof(x->text), "the pattern is %sin the %zu bytes that were read%s",
	         want ? "not " : "", r->body_len, r->body_cut ? " (there are more)" : "");
	hold_pattern(x, pattern, r->body, r->body_len, want);
	if (x->ok)
		x->text[0] = '\0';
}

static void hold_json(struct http_expect *x, const struct sonde_pair *want,
                      const struct http_reply *r)
{
	char text[HTTP_PATTERN_MAX * 8];
	const char *value = NULL;
	size_t len = 0;
	enum http_json got = http_json_find(r->body ? r->body : "", r->body_len, want->name, &value,
	                                    &len);

	snprintf(x->name, sizeof(x->name), "json%s", want->name);
	if (got == HTTP_JSON_MISSING)
		snprintf(x->text, sizeof(x->text), "the answer has no such value");
	if (got == HTTP_JSON_BROKEN)
		snprintf(x->text, sizeof(x->text), "the answer is no JSON%s",
		         r->body_cut ? ", or was cut before that value" : "");
	if (got != HTTP_JSON_FOUND)
		return;
	size_t n = http_json_text(text, sizeof(text), value, len);
	snprintf(x->text, sizeof(x->text), "it is %.*s", len < 120 ? (int)len : 120, value);
	if (*want->value == '~')
		hold_pattern(x, want->value + 1, text, n, true);
	else
		x->ok = n == strlen(want->value) && !memcmp(text, want->value, n);
}

static void hold_days(struct http_expect *x, int64_t want, bool has_days, int64_t left)
{
	snprintf(x->name, sizeof(x->name), "certificateDays");
	x->ok = has_days && left >= want;
	if (has_days)
		snprintf(x->text, sizeof(x->text), "the certificate is good for %lld days",
		         (long long)left);
	else
		snprintf(x->text, sizeof(x->text), "there is no certificate");
}

unsigned http_wishes_hold(const struct http_wishes *w, const struct http_reply *r, bool has_days,
                          int64_t days_left, struct http_expect *out, unsigned max)
{
	struct http_expect *x = out, *end = out + max;

	memset(out, 0, max * sizeof(*out));
	if (is_set(w->status) && x < end) {
		snprintf(x->name, sizeof(x->name), "status");
		snprintf(x->text, sizeof(x->text), "it is %d", r->status);
		x->ok = http_status_in(w->status, r->status);
		x++;
	}
	for (const struct sonde_pair *h = w->headers; h && h->name && x < end; h++)
		hold_header(x++, h, r);
	if (is_set(w->body) && x < end)
		hold_body(x++, "body", w->body, r, true);
	if (is_set(w->no_body) && x < end)
		hold_body(x++, "notBody", w->no_body, r, false);
	for (const struct sonde_pair *j = w->json; j && j->name && x < end; j++)
		hold_json(x++, j, r);
	if (w->days > 0 && x < end)
		hold_days(x++, w->days, has_days, days_left);
	return (unsigned)(x - out);
}
