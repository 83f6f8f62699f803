/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that two readers could read in two ways, or that are none: one table for the test of the
 * room and for real controllers. Each is answered with its status (0: closed without a word, or with
 * the 403 of lws) and the connection is closed; what follows it is never answered. */
#pragma once
#include <stddef.h>

struct malformed {
	const char *what, *text;
	size_t len;
	int status;
	const char *fill, *end; /* text, then fill so many times, then end */
	unsigned times;
};

extern const struct malformed malformed[];
extern const unsigned malformed_count;

/* The whole of it with `behind` after it; the caller frees. */
char *malformed_text(const struct malformed *, const char *behind, size_t *len);
