/* SPDX-License-Identifier: Apache-2.0 */
/* What the user asks of an answer, held against it. Pure: no clock but that of patterns, no host. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "http/reply.h"

enum {
	HTTP_EXPECTS_MAX = 64,
	HTTP_EXPECT_TEXT = 200,
	HTTP_EXPECT_NAME = 280,
};

struct http_wishes {
	const char *status;         /* "2xx, 301, 400-404"; NULL or "" = none, for all of these */
	const char *body, *no_body; /* patterns */
	const struct sonde_pair *headers; /* name: pattern; an empty pattern asks for presence */
	const struct sonde_pair *json;    /* pointer: text, or "~pattern" */
	int64_t days;                     /* the certificate is good for so long; 0 = none */
};

struct http_expect {
	char name[HTTP_EXPECT_NAME]; /* "status", "headers.server", "json/a", "body" */
	bool ok;
	char text[HTTP_EXPECT_TEXT]; /* what came, for people */
};

bool http_statuses_valid(const char *list);
bool http_status_in(const char *list, int status);
/* Wishes that can never be held against anything; 0 or -1 with the error. */
int http_wishes_check(const struct http_wishes *, struct sonde_error *);
unsigned http_wishes_count(const struct http_wishes *);
/* One row for each wish, in the order above. days_left counts only where has_days. */
unsigned http_wishes_hold(const struct http_wishes *, const struct http_reply *, bool has_days,
                          int64_t days_left, struct http_expect *, unsigned max);
