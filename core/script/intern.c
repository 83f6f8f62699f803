/* SPDX-License-Identifier: Apache-2.0 */
/* Interned strings: a map from text to id and an array from id to text. Owns the copies; ids of
 * dropped texts are chained through their own slot and handed out again. */
#include "script/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "script/columns.h"

struct sonde_intern_item {
	char *text;
	size_t len;
	uint64_t hash;
	uint32_t users;
	uint32_t next; /* of the spare chain */
};

void sonde_intern_init(struct sonde_intern *t)
{
	*t = (struct sonde_intern){ .count = 1 };
	sonde_map_init(&t->map);
}

void sonde_intern_deinit(struct sonde_intern *t)
{
	for (uint32_t i = 1; i < t->count; i++)
		free(t->items[i].text);
	free(t->items);
	sonde_map_deinit(&t->map);
	*t = (struct sonde_intern){ .count = 1 };
}

uint32_t sonde_intern_find(const struct sonde_intern *t, const char *text, size_t len)
{
	if (!len)
		return SONDE_INTERN_EMPTY;
	uintptr_t id = (uintptr_t)sonde_map_get(&t->map, text, len);
	return id ? (uint32_t)id : SONDE_INTERN_NONE;
}

static uint32_t fresh_id(struct sonde_intern *t)
{
	uint32_t id = t->spare;

	if (id) {
		t->spare = t->items[id].next;
		return id;
	}
	if (t->count >= t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 64;
		struct sonde_intern_item *more = realloc(t->items, cap * sizeof(*more));
		if (!more)
			return SONDE_INTERN_NONE;
		memset(more + t->cap, 0, (cap - t->cap) * sizeof(*more));
		t->items = more;
		t->cap = cap;
	}
	return t->count++;
}

static void give_back(struct sonde_intern *t, uint32_t id)
{
	t->items[id] = (struct sonde_intern_item){ .next = t->spare };
	t->spare = id;
}

uint32_t sonde_intern_take(struct sonde_intern *t, const char *text, size_t len)
{
	uint32_t id = sonde_intern_find(t, text, len);

	if (id == SONDE_INTERN_EMPTY)
		return id;
	if (id != SONDE_INTERN_NONE) {
		t->items[id].users++;
		return id;
	}
	id = fresh_id(t);
	if (id == SONDE_INTERN_NONE)
		return id;
	char *copy = malloc(len + 1);
	if (!copy || sonde_map_put(&t->map, text, len, (void *)(uintptr_t)id) != SONDE_OK) {
		free(copy);
		give_back(t, id);
		return SONDE_INTERN_NONE;
	}
	memcpy(copy, text, len);
	copy[len] = 0;
	t->items[id] = (struct sonde_intern_item){ .text = copy, .len = len, .users = 1,
	                                          .hash = sonde_hash_text(copy, len) };
	return id;
}

void sonde_intern_drop(struct sonde_intern *t, uint32_t id)
{
	if (id == SONDE_INTERN_EMPTY || id == SONDE_INTERN_NONE || --t->items[id].users)
		return;
	sonde_map_take(&t->map, t->items[id].text, t->items[id].len);
	free(t->items[id].text);
	give_back(t, id);
}

const char *sonde_intern_text(const struct sonde_intern *t, uint32_t id, size_t *len)
{
	if (id == SONDE_INTERN_EMPTY || id >= t->count) {
		*len = 0;
		return "";
	}
	*len = t->items[id].len;
	return t->items[id].text;
}

uint64_t sonde_intern_hash(const struct sonde_intern *t, uint32_t id)
{
	return id == SONDE_INTERN_EMPTY || id >= t->count ? 0 : t->items[id].hash;
}
