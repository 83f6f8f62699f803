/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing and tombstones. Keys up to 16 bytes sit in the slot. */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"

enum { INLINE = 16 };

struct sonde_map_slot {
	uint32_t hash, len;
	void *value; /* NULL = free or tombstone */
	union {
		char small[INLINE];
		char *big;
	} key;
	uint8_t tombstone;
};

void sonde_map_init(struct sonde_map *m)
{
	*m = (struct sonde_map){ 0 };
	sonde_random_bytes(&m->seed, sizeof(m->seed));
}

static const char *slot_key(const struct sonde_map_slot *s)
{
	return s->len > INLINE ? s->key.big : s->key.small;
}

static void slot_clear(struct sonde_map_slot *s)
{
	if (s->len > INLINE)
		free(s->key.big);
	s->value = NULL;
	s->len = 0;
	s->tombstone = 1;
}

void sonde_map_deinit(struct sonde_map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			slot_clear(&m->slots[i]);
	free(m->slots);
	*m = (struct sonde_map){ .seed = m->seed };
}

/* FNV-1a over seeded state with a murmur finish: short keys, speed over strength; the seed keeps
 * collisions unpredictable. */
static uint32_t hash_of(const struct sonde_map *m, const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = m->seed ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	h ^= m->seed >> 7;
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ (h >> 33);
}

static struct sonde_map_slot *find(const struct sonde_map *m, const void *key, size_t len,
                                   uint32_t hash)
{
	if (!m->cap)
		return NULL;
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct sonde_map_slot *s = &m->slots[i];
		if (!s->value && !s->tombstone)
			return NULL;
		if (s->value && s->hash == hash && s->len == len && !memcmp(slot_key(s), key, len))
			return s;
	}
}

static struct sonde_map_slot *free_slot(struct sonde_map_slot *slots, size_t cap, uint32_t hash)
{
	size_t i = hash & (cap - 1);
	while (slots[i].value)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static int rehash(struct sonde_map *m)
{
	size_t cap = 16;
	while (cap < m->len * 2 + 2)
		cap *= 2;
	struct sonde_map_slot *slots = calloc(cap, sizeof(*slots));
	if (!slots)
		return SONDE_ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*free_slot(slots, cap, m->slots[i].hash) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	m->used = m->len;
	return SONDE_OK;
}

int sonde_map_put(struct sonde_map *m, const void *key, size_t len, void *value)
{
	uint32_t hash = hash_of(m, key, len);
	struct sonde_map_slot *s = find(m, key, len, hash);
	char *big = NULL;

	if (s) {
		s->value = value;
		return SONDE_OK;
	}
	if (len > INLINE && !(big = malloc(len)))
		return SONDE_ENOMEM;
	if (m->used * 4 >= m->cap * 3 && rehash(m) != SONDE_OK) {
		free(big);
		return SONDE_ENOMEM;
	}
	s = free_slot(m->slots, m->cap, hash);
	m->used += !s->tombstone;
	m->len++;
	*s = (struct sonde_map_slot){ .hash = hash, .len = len, .value = value };
	if (big)
		s->key.big = memcpy(big, key, len);
	else
		memcpy(s->key.small, key, len);
	return SONDE_OK;
}

void *sonde_map_get(const struct sonde_map *m, const void *key, size_t len)
{
	struct sonde_map_slot *s = find(m, key, len, hash_of(m, key, len));
	return s ? s->value : NULL;
}

void *sonde_map_take(struct sonde_map *m, const void *key, size_t len)
{
	struct sonde_map_slot *s = find(m, key, len, hash_of(m, key, len));
	if (!s)
		return NULL;
	void *value = s->value;
	slot_clear(s);
	m->len--;
	return value;
}

void *sonde_map_next(const struct sonde_map *m, size_t *at)
{
	while (*at < m->cap) {
		struct sonde_map_slot *s = &m->slots[(*at)++];
		if (s->value)
			return s->value;
	}
	return NULL;
}
