/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from byte strings (copied) to pointers (borrowed). Seeded per process, so that
 * foreign keys cannot be made to collide. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct sonde_map {
	struct sonde_map_slot *slots;
	size_t len, used, cap; /* live; live + tombstones; power of two */
	uint64_t seed;
};

void sonde_map_init(struct sonde_map *);
void sonde_map_deinit(struct sonde_map *);
/* SONDE_OK (inserted or replaced) or SONDE_ENOMEM. value must not be NULL. */
int sonde_map_put(struct sonde_map *, const void *key, size_t len, void *value);
void *sonde_map_get(const struct sonde_map *, const void *key, size_t len);
/* Takes the entry out and returns its value, NULL when it was not there. */
void *sonde_map_take(struct sonde_map *, const void *key, size_t len);
/* Walk: start with *at = 0; NULL at the end. The map must not be changed meanwhile, except by
 * taking the entry just returned. */
void *sonde_map_next(const struct sonde_map *, size_t *at);
