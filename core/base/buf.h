/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a mandatory maximum. Errors stick: after a failed append every
 * later append does nothing and `failed` stays set, so that a writer checks once at its end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sonde_buf {
	char *data;
	size_t len, cap, max;
	size_t head; /* bytes kept free before data[0] for a protocol header (libwebsockets) */
	bool failed;
};

void sonde_buf_init(struct sonde_buf *, size_t max);
/* As init, with `head` writable bytes before data[0]. */
void sonde_buf_init_head(struct sonde_buf *, size_t max, size_t head);
void sonde_buf_deinit(struct sonde_buf *);
void sonde_buf_reset(struct sonde_buf *); /* len 0, failed false, memory kept */
void sonde_buf_printf(struct sonde_buf *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Drop n bytes from the front. */
void sonde_buf_shift(struct sonde_buf *, size_t n);
/* NUL after the content, not counted in len; the content, or "" when failed. */
const char *sonde_buf_cstr(struct sonde_buf *);

/* As reserve, when there is not room already. */
char *sonde_buf_more(struct sonde_buf *, size_t n);

/* Pointer to n more writable bytes (len is not moved), NULL when over the maximum. */
static inline char *sonde_buf_reserve(struct sonde_buf *b, size_t n)
{
	if (!b->failed && n <= b->cap - b->len && n <= b->max - b->len)
		return b->data + b->len;
	return sonde_buf_more(b, n);
}

static inline void sonde_buf_add(struct sonde_buf *b, const void *bytes, size_t n)
{
	char *to = n ? sonde_buf_reserve(b, n) : NULL;

	if (to) {
		memcpy(to, bytes, n);
		b->len += n;
	}
}

static inline void sonde_buf_str(struct sonde_buf *b, const char *s)
{
	sonde_buf_add(b, s, strlen(s));
}

static inline void sonde_buf_char(struct sonde_buf *b, char c)
{
	char *to = sonde_buf_reserve(b, 1);

	if (to) {
		*to = c;
		b->len++;
	}
}
