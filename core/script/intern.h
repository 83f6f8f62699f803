/* SPDX-License-Identifier: Apache-2.0 */
/* Shared strings of the node columns: equal texts have equal ids, so that a comparison of a
 * column is one of integers. Counted; an id is reused after its last user is gone. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

enum { SONDE_INTERN_EMPTY = 0 };
#define SONDE_INTERN_NONE UINT32_MAX

struct sonde_intern {
	struct sonde_map map;
	struct sonde_intern_item *items; /* [0] is "" */
	uint32_t count, cap, spare;      /* spare: head of the list of unused ids, 0 = none */
};

void sonde_intern_init(struct sonde_intern *);
void sonde_intern_deinit(struct sonde_intern *);
/* Id of the text with one more user; "" is always 0. SONDE_INTERN_NONE when out of memory. */
uint32_t sonde_intern_take(struct sonde_intern *, const char *text, size_t len);
void sonde_intern_drop(struct sonde_intern *, uint32_t id);
/* Id of a text that somebody uses, SONDE_INTERN_NONE when nobody does. */
uint32_t sonde_intern_find(const struct sonde_intern *, const char *text, size_t len);
/* Of the text: the same in every process. */
uint64_t sonde_intern_hash(const struct sonde_intern *, uint32_t id);
/* Borrowed until the id's last user drops it. */
const char *sonde_intern_text(const struct sonde_intern *, uint32_t id, size_t *len);
