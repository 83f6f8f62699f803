/* SPDX-License-Identifier: Apache-2.0 */
/* Binary heap; entries know their place, so that removal needs no search. */
#include "base/heap.h"

#include <stdlib.h>

#include "base/status.h"

void sonde_heap_init(struct sonde_heap *h)
{
	*h = (struct sonde_heap){ 0 };
}

void sonde_heap_deinit(struct sonde_heap *h)
{
	free(h->items);
	sonde_heap_init(h);
}

static void place(struct sonde_heap *h, size_t at, struct sonde_heap_entry *e)
{
	h->items[at - 1] = e;
	e->at = at;
}

static void sift_up(struct sonde_heap *h, struct sonde_heap_entry *e)
{
	size_t at = e->at;
	while (at > 1 && h->items[at / 2 - 1]->key > e->key) {
		place(h, at, h->items[at / 2 - 1]);
		at /= 2;
	}
	place(h, at, e);
}

static void sift_down(struct sonde_heap *h, struct sonde_heap_entry *e)
{
	size_t at = e->at;
	for (;;) {
		size_t child = at * 2;
		if (child > h->len)
			break;
		if (child < h->len && h->items[child]->key < h->items[child - 1]->key)
			child++;
		if (h->items[child - 1]->key >= e->key)
			break;
		place(h, at, h->items[child - 1]);
		at = child;
	}
	place(h, at, e);
}

int sonde_heap_set(struct sonde_heap *h, struct sonde_heap_entry *e, int64_t key)
{
	if (!e->at) {
		if (h->len == h->cap) {
			size_t cap = h->cap ? h->cap * 2 : 64;
			void *items = realloc(h->items, cap * sizeof(*h->items));
			if (!items)
				return SONDE_ENOMEM;
			h->items = items;
			h->cap = cap;
		}
		place(h, ++h->len, e);
	}
	e->key = key;
	sift_up(h, e);
	sift_down(h, e);
	return SONDE_OK;
}

void sonde_heap_remove(struct sonde_heap *h, struct sonde_heap_entry *e)
{
	if (!e->at)
		return;
	struct sonde_heap_entry *last = h->items[--h->len];
	if (last != e) {
		place(h, e->at, last);
		sift_up(h, last);
		sift_down(h, last);
	}
	e->at = 0;
}

struct sonde_heap_entry *sonde_heap_peek(const struct sonde_heap *h)
{
	return h->len ? h->items[0] : NULL;
}
