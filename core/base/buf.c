/* SPDX-License-Identifier: Apache-2.0 */
/* Growable buffer. Owns its memory; growth doubles up to the maximum. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sonde_buf_init(struct sonde_buf *b, size_t max)
{
	sonde_buf_init_head(b, max, 0);
}

void sonde_buf_init_head(struct sonde_buf *b, size_t max, size_t head)
{
	*b = (struct sonde_buf){ .max = max, .head = head };
}

void sonde_buf_deinit(struct sonde_buf *b)
{
	if (b->data)
		free(b->data - b->head);
	sonde_buf_init_head(b, b->max, b->head);
}

void sonde_buf_reset(struct sonde_buf *b)
{
	b->len = 0;
	b->failed = false;
}

static bool grow(struct sonde_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 256;

	while (cap < need)
		cap *= 2;
	/* One byte over the maximum leaves room for cstr's NUL. */
	if (cap > b->max + 1)
		cap = b->max + 1;
	char *base = realloc(b->data ? b->data - b->head : NULL, b->head + cap);
	if (!base)
		return false;
	b->data = base + b->head;
	b->cap = cap;
	return true;
}

char *sonde_buf_more(struct sonde_buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->max - b->len || (b->len + n > b->cap && !grow(b, b->len + n))) {
		b->failed = true;
		return NULL;
	}
	return b->data + b->len;
}

void sonde_buf_printf(struct sonde_buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if ((size_t)n < sizeof(small)) {
		sonde_buf_add(b, small, n);
		return;
	}
	char *big = malloc((size_t)n + 1);
	if (!big) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(big, (size_t)n + 1, fmt, ap);
	va_end(ap);
	sonde_buf_add(b, big, n);
	free(big);
}

void sonde_buf_shift(struct sonde_buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

const char *sonde_buf_cstr(struct sonde_buf *b)
{
	if (b->failed || (b->len + 1 > b->cap && !grow(b, b->len + 1)))
		return "";
	b->data[b->len] = '\0';
	return b->data;
}
