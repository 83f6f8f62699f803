/* SPDX-License-Identifier: Apache-2.0 */
/* Counters with an end: how much a key used in its window, and how often it failed to log in.
 * Bounded; in memory only, so that a restart forgives. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

enum { LIMIT_KEY_MAX = 160, LIMIT_KEYS_MAX = 32768, LIMIT_SHARED = 4096, LIMIT_WINDOW_S = 3600 };

struct limit {
	char key[LIMIT_KEY_MAX];
	int64_t used;
	int64_t ends_ns;   /* boottime: when the window is over and the entry may go */
	int64_t not_before_ns;
};

struct limits {
	struct sonde_map by_key;
	int64_t swept_ns;
};

struct limit_view {
	int64_t limit, remaining, reset_s; /* reset 0: nothing used */
};

void limits_init(struct limits *);
void limits_deinit(struct limits *);

struct limit_view limits_look(const struct limits *, const char *key, int64_t limit, int64_t now_ns);
/* Use n of `limit`; false when that is more than remains, having used nothing. When the table is
 * full of live keys, the others share LIMIT_SHARED counters. */
bool limits_use(struct limits *, const char *key, int64_t n, int64_t limit, int window_s,
                int64_t now_ns);
/* Give back what was used. */
void limits_return(struct limits *, const char *key, int64_t n, int64_t now_ns);

/* One use of `limit` in each window; one more, and nothing goes for `pause_s`. Seconds to wait, 0 = go.
 * When the table is full of live keys, 0 too: what is only slowed down must not stop. */
unsigned limits_pace(struct limits *, const char *key, int64_t limit, int window_s, int pause_s,
                     int64_t now_ns);

/* ---- failures with growing delay: 1 s, 2 s, ... 15 min from the third on, at most ten in five
 * minutes ---- */
/* Seconds to wait before the next try, 0 = now. */
unsigned limits_wait(const struct limits *, const char *key, int64_t now_ns);
void limits_failed(struct limits *, const char *key, int64_t now_ns);
void limits_forget(struct limits *, const char *key);

/* The address that limits count by: IPv4 as it is, IPv6 by its /64. */
void limit_address(const char *peer, char out[64]);
