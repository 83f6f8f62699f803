/* SPDX-License-Identifier: Apache-2.0 */
/* PCRE2 with a clock. Its own match limit counts anew for each position of the text, so that a
 * callout before every item of the pattern looks at the time. Owns the compiled pattern for the
 * length of a call. */
#include "http/match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	BUDGET_NS = 20 * 1000 * 1000, /* the runner's one thread waits for it */
	CALLOUTS_A_LOOK = 32,
	MATCH_LIMIT = 1000000,
	DEPTH_LIMIT = 2000,
	HEAP_LIMIT_KIB = 1024,
};

struct watch {
	int64_t until;
	unsigned calls;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int on_callout(pcre2_callout_block *block, void *arg)
{
	struct watch *w = arg;

	return ++w->calls % CALLOUTS_A_LOOK || now_ns() < w->until ? 0 : PCRE2_ERROR_MATCHLIMIT;
}

/* PCRE2's sentence, as much of it as there is room for. */
struct sentence {
	PCRE2_UCHAR text[HTTP_WHY / 2];
};

static struct sentence say(int error)
{
	struct sentence s = { "" };

	pcre2_get_error_message(error, s.text, sizeof(s.text));
	return s;
}

static pcre2_code *compile(const char *pattern, char *why)
{
	/* Bytes: what the target sends need not be UTF-8, whatever the pattern says. */
	const uint32_t flags = PCRE2_AUTO_CALLOUT | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE at = 0;
	int error = 0;

	if (strlen(pattern) > HTTP_PATTERN_MAX) {
		snprintf(why, HTTP_WHY, "the pattern is longer than %d bytes", HTTP_PATTERN_MAX);
		return NULL;
	}
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, flags, &error,
	                                 &at, NULL);
	if (code)
		return code;
	snprintf(why, HTTP_WHY, "%s at letter %zu", (const char *)say(error).text, (size_t)at + 1);
	return NULL;
}

enum http_match http_pattern_check(const char *pattern, char *why)
{
	pcre2_code *code = compile(pattern, why);

	pcre2_code_free(code);
	return code ? HTTP_MATCH : HTTP_MATCH_BROKEN;
}

static int run(const pcre2_code *code, const char *text, size_t len)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	struct watch w = { .until = now_ns() + BUDGET_NS };
	int rc = PCRE2_ERROR_NOMEMORY;

	if (context && data) {
		pcre2_set_match_limit(context, MATCH_LIMIT);
		pcre2_set_depth_limit(context, DEPTH_LIMIT);
		pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
		pcre2_set_callout(context, on_callout, &w);
		rc = pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, data, context);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return rc;
}

enum http_match http_match(const char *pattern, const char *text, size_t len, char *why)
{
	pcre2_code *code = compile(pattern, why);

	if (!code)
		return HTTP_MATCH_BROKEN;
	int rc = run(code, text ? text : "", len);
	pcre2_code_free(code);
	if (rc >= 0)
		return HTTP_MATCH;
	if (rc == PCRE2_ERROR_NOMATCH)
		return HTTP_NO_MATCH;
	if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
	    rc == PCRE2_ERROR_HEAPLIMIT)
		return HTTP_MATCH_DEAR;
	/* Without memory, or recursion that goes nowhere, which only matching finds. */
	snprintf(why, HTTP_WHY, "%s", (const char *)say(rc).text);
	return HTTP_MATCH_BROKEN;
}
