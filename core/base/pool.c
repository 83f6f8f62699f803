/* SPDX-License-Identifier: Apache-2.0 */
/* Arena of chained blocks; a large request gets a block of its own. The first block is small: most
 * arenas never need a second one, and malloc hands that size out from its per-thread cache. */
#include "base/pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct sonde_pool_block {
	struct sonde_pool_block *next;
	size_t used, cap;
	alignas(max_align_t) char bytes[];
};

enum { FIRST = 1000, BLOCK = 4000 };

void sonde_pool_init(struct sonde_pool *p, size_t max)
{
	*p = (struct sonde_pool){ .max = max };
}

void sonde_pool_deinit(struct sonde_pool *p)
{
	while (p->blocks) {
		struct sonde_pool_block *next = p->blocks->next;
		free(p->blocks);
		p->blocks = next;
	}
	p->used = 0;
}

static struct sonde_pool_block *block_with_room(struct sonde_pool *p, size_t n)
{
	struct sonde_pool_block *b = p->blocks;

	if (b && b->cap - b->used >= n)
		return b;
	size_t usual = b ? BLOCK : FIRST, cap = n > usual ? n : usual;
	b = malloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	b->used = 0;
	b->cap = cap;
	b->next = p->blocks;
	p->blocks = b;
	return b;
}

static void *take(struct sonde_pool *p, size_t n)
{
	if (n > p->max - p->used)
		return NULL;
	size_t rounded = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct sonde_pool_block *b = block_with_room(p, rounded);
	if (!b)
		return NULL;
	void *out = b->bytes + b->used;
	b->used += rounded;
	p->used += n;
	return out;
}

void *sonde_pool_alloc(struct sonde_pool *p, size_t n)
{
	void *out = take(p, n);
	return out ? memset(out, 0, n) : NULL;
}

char *sonde_pool_strndup(struct sonde_pool *p, const char *s, size_t n)
{
	char *out = take(p, n + 1);
	if (out) {
		memcpy(out, s, n);
		out[n] = '\0';
	}
	return out;
}
