/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of log lines in one block. Owns it. Workers log too, hence the lock. */
#include "node/ring.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct sonde_ring {
	uv_mutex_t lock;
	uint64_t newest; /* 0 = none yet */
	uint16_t len[SONDE_RING_LINES];
	char text[SONDE_RING_LINES][SONDE_RING_LINE];
};

struct sonde_ring *sonde_ring_new(void)
{
	struct sonde_ring *r = calloc(1, sizeof(*r));

	if (r && uv_mutex_init(&r->lock)) {
		free(r);
		return NULL;
	}
	return r;
}

void sonde_ring_free(struct sonde_ring *r)
{
	if (!r)
		return;
	uv_mutex_destroy(&r->lock);
	free(r);
}

void sonde_ring_add(void *ring, const char *line, size_t len)
{
	struct sonde_ring *r = ring;

	if (len > SONDE_RING_LINE)
		len = SONDE_RING_LINE;
	uv_mutex_lock(&r->lock);
	unsigned at = ++r->newest % SONDE_RING_LINES;
	memcpy(r->text[at], line, len);
	r->len[at] = (uint16_t)len;
	uv_mutex_unlock(&r->lock);
}

uint64_t sonde_ring_read(struct sonde_ring *r, uint64_t after, unsigned max, struct sonde_buf *out)
{
	uv_mutex_lock(&r->lock);
	uint64_t newest = r->newest;
	if (max > SONDE_RING_LINES)
		max = SONDE_RING_LINES;
	/* A number from before a restart of the node says nothing about these lines. */
	uint64_t from = after > newest ? 0 : after;
	if (newest - from > max)
		from = newest - max;
	for (uint64_t i = from + 1; i <= newest; i++) {
		sonde_buf_add(out, r->text[i % SONDE_RING_LINES], r->len[i % SONDE_RING_LINES]);
		sonde_buf_char(out, '\n');
	}
	uv_mutex_unlock(&r->lock);
	return newest;
}
