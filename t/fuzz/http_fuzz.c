/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of an HTTP answer: byte 0 is the body's limit, then lines until an empty one are the
 * head, the rest is the body. Headers must lie in the head; every wish is held against it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/expect.h"
#include "http/json.h"
#include "http/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERN_TEXT = 64 };

static void check_headers(const struct http_reply *r)
{
	struct http_header h;

	for (size_t at = 0; http_reply_header(r, &at, &h);) {
		const char *end = r->head + r->head_len;
		if (!h.name_len || h.name < r->head || h.name + h.name_len > end ||
		    h.value < r->head || h.value + h.value_len > end)
			abort();
	}
}

static void check_json(const struct http_reply *r)
{
	static const char *const pointers[] = { "", "/a", "/a/0/b", "/~0~1", "/3" };
	const char *body = r->body ? r->body : "", *value;
	char text[64];
	size_t len;

	for (unsigned i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		if (http_json_find(body, r->body_len, pointers[i], &value, &len) != HTTP_JSON_FOUND)
			continue;
		if (!len || value < body || value + len > body + r->body_len)
			abort();
		if (http_json_text(text, sizeof(text), value, len) >= sizeof(text))
			abort();
	}
}

static void check_pattern(const char *pattern, const char *text)
{
	char why[HTTP_WHY] = "";
	size_t len = strlen(text);
	bool broken = http_pattern_check(pattern, why) == HTTP_MATCH_BROKEN;
	if (broken != (*why != '\0'))
		abort();
	enum http_match found = http_match(pattern, text, len < PATTERN_TEXT ? len : PATTERN_TEXT, why);
	if ((broken && found != HTTP_MATCH_BROKEN) || (found == HTTP_MATCH_BROKEN) != (*why != '\0'))
		abort();
}

/* The same bytes as what a user expects: codes, a pattern, a header's pattern, a pointer, its text. */
static void check_wishes(const uint8_t *data, size_t size)
{
	struct sonde_error e = { "", "" };
	char *text = malloc(size + 1), *rest = text, *part[5];

	memcpy(text, data, size);
	text[size] = '\0';
	for (unsigned i = 0; i < 5; i++) {
		char *end = rest + strcspn(rest, "\n");
		part[i] = rest;
		rest = *end ? end + 1 : end;
		*end = '\0';
	}
	const struct sonde_pair headers[] = { { "server", part[2] }, { NULL, NULL } };
	const struct sonde_pair json[] = { { part[3], part[4] }, { NULL, NULL } };
	const struct http_wishes wishes = { .status = part[0], .body = part[1], .headers = headers,
		                            .json = json };
	if ((http_wishes_check(&wishes, &e) != 0) != (e.text[0] != '\0'))
		abort();
	if (http_statuses_valid(part[0]) && !e.text[0])
		http_status_in(part[0], 301);
	check_pattern(part[1], part[4]);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sonde_pair headers[] = { { "server", "^a+$" }, { NULL, NULL } };
	static const struct sonde_pair json[] = { { "/a/0", "1" }, { "/b", "~x" }, { NULL, NULL } };
	static const struct http_wishes wishes = {
		.status = "2xx,301", .body = "a.*b", .no_body = "c", .headers = headers, .json = json,
		.days = 1,
	};
	struct http_expect x[HTTP_EXPECTS_MAX];
	struct http_reply r;

	if (!size)
		return 0;
	check_wishes(data + 1, size - 1);
	http_reply_init(&r, data[0] * 16u);
	const char *at = (const char *)data + 1, *end = (const char *)data + size;
	while (at < end && !r.head_done && !r.head_full) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop + 1 : end;
		http_reply_line(&r, at, (size_t)(stop - at));
		at = stop;
	}
	http_reply_body(&r, at, (size_t)(end - at));
	if (r.body_len > r.body_max || r.head_len > HTTP_HEAD_MAX)
		abort();
	if (*http_status_name(r.status) && (r.status < 200 || r.status > 511))
		abort();
	check_headers(&r);
	check_json(&r);
	if (http_cut(r.body, r.body_len, 10) > r.body_len)
		abort();
	if (http_wishes_hold(&wishes, &r, true, 5, x, HTTP_EXPECTS_MAX) != http_wishes_count(&wishes))
		abort();
	http_reply_deinit(&r);
	return 0;
}
