/* SPDX-License-Identifier: Apache-2.0 */
/* A regular expression of the user over text of the target, with bounds on time and memory. */
#pragma once
#include <stddef.h>

enum {
	HTTP_PATTERN_MAX = 1024, /* bytes */
	HTTP_WHY = 160,
};

enum http_match {
	HTTP_MATCH,
	HTTP_NO_MATCH,
	HTTP_MATCH_DEAR,   /* it would take too long */
	HTTP_MATCH_BROKEN, /* no pattern, one that recurses for ever, or out of memory: see `why` */
};

/* Perl's syntax; '.' matches no line end, bytes are taken as they are. why holds HTTP_WHY bytes. */
enum http_match http_match(const char *pattern, const char *text, size_t len, char *why);
/* HTTP_MATCH when the pattern can be used. */
enum http_match http_pattern_check(const char *pattern, char *why);
