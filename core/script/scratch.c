/* SPDX-License-Identifier: Apache-2.0 */
/* Chained bump blocks. After a decision that needed several, reset merges them into one, so that
 * the next one of the same size runs without malloc. */
#include "script/scratch.h"

#include <stdalign.h>
#include <stdlib.h>

struct sonde_scratch_block {
	struct sonde_scratch_block *next;
	size_t used, cap;
	alignas(max_align_t) char bytes[];
};

enum { BLOCK = 16384 };

void sonde_scratch_init(struct sonde_scratch *s, size_t max)
{
	*s = (struct sonde_scratch){ .max = max };
}

void sonde_scratch_deinit(struct sonde_scratch *s)
{
	while (s->block) {
		struct sonde_scratch_block *next = s->block->next;
		free(s->block);
		s->block = next;
	}
	s->total = 0;
}

static struct sonde_scratch_block *add_block(struct sonde_scratch *s, size_t cap)
{
	if (cap > s->max || s->total > s->max - cap)
		return NULL;
	struct sonde_scratch_block *b = malloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	b->next = s->block;
	b->used = 0;
	b->cap = cap;
	s->block = b;
	s->total += cap;
	return b;
}

void *sonde_scratch_take(struct sonde_scratch *s, size_t n)
{
	struct sonde_scratch_block *b = s->block;

	if (n > s->max)
		return NULL;
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!b || b->cap - b->used < n)
		b = add_block(s, n > BLOCK ? n : BLOCK);
	if (!b)
		return NULL;
	void *out = b->bytes + b->used;
	b->used += n;
	return out;
}

void sonde_scratch_reset(struct sonde_scratch *s)
{
	if (s->block && s->block->next) {
		size_t total = s->total;
		sonde_scratch_deinit(s);
		add_block(s, total);
	}
	if (s->block)
		s->block->used = 0;
}
