/* SPDX-License-Identifier: Apache-2.0 */
/* A binary min-heap of embedded entries ordered by an int64 key (a due time). Insert, remove and
 * change are O(log n); equal keys come out in no particular order. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct sonde_heap_entry {
	int64_t key;
	size_t at; /* 1-based place in the heap, 0 = not in it */
};

struct sonde_heap {
	struct sonde_heap_entry **items;
	size_t len, cap;
};

void sonde_heap_init(struct sonde_heap *);
void sonde_heap_deinit(struct sonde_heap *);
/* Insert, or move when already in; SONDE_OK or SONDE_ENOMEM. */
int sonde_heap_set(struct sonde_heap *, struct sonde_heap_entry *, int64_t key);
void sonde_heap_remove(struct sonde_heap *, struct sonde_heap_entry *); /* no-op when not in */
struct sonde_heap_entry *sonde_heap_peek(const struct sonde_heap *);    /* smallest, NULL = empty */
