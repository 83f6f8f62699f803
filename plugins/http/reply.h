/* SPDX-License-Identifier: Apache-2.0 */
/* An answer as it comes: header lines and body, bounded. Plain C without a library, so that it can
 * be fed with anything. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_HEAD_MAX = 64 << 10, /* bytes of all header lines */
	HTTP_LINES_MAX = 1000,
	HTTP_SEEN_MAX = 128 << 10, /* the same with interim answers and trailers */
};

struct http_reply {
	char *head; /* lines of the last answer, each ended by \n, without the status line */
	size_t head_len, head_cap, seen;
	unsigned lines;
	char version[8]; /* "1.1", "2" */
	int status;      /* 0 = none yet */
	char reason[64];
	bool head_done, head_full; /* full: the answer was refused for its headers */
	char *body;
	size_t body_len, body_cap, body_max;
	bool body_cut; /* more was there than body_max */
};

void http_reply_init(struct http_reply *, size_t body_max);
void http_reply_deinit(struct http_reply *);
/* One line with its end, as it came. An interim answer (1xx) gives way to the next; lines after
 * the head (trailers) are left out. False when there is too much of all. */
bool http_reply_line(struct http_reply *, const char *line, size_t len);
/* False when the body is full: the rest is not wanted. */
bool http_reply_body(struct http_reply *, const char *data, size_t len);

/* One header; borrowed from the head. */
struct http_header {
	const char *name, *value;
	size_t name_len, value_len;
};
/* The header that begins at *at (0 at first) and moves *at behind it; false at the end. Lines that
 * are none are passed over; a value that goes on in further lines keeps their line ends. */
bool http_reply_header(const struct http_reply *, size_t *at, struct http_header *);
bool http_name_equal(const struct http_header *, const char *name, size_t len);
/* Length of the first `chars` characters of UTF-8 text; a broken byte counts as one. */
size_t http_cut(const char *text, size_t len, size_t chars);
/* Name of a status code, "" for an unknown one. */
const char *http_status_name(int status);
