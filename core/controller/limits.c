/* SPDX-License-Identifier: Apache-2.0 */
/* One table of counters under many kinds of keys. Owns the entries; those whose time is over are
 * swept when the table is full and once a minute. Over LIMIT_KEYS_MAX new keys share counters, so that
 * a flood of keys neither grows the table nor shuts others out. */
#include "controller/limits.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"

enum { FREE_FAILURES = 2, DELAY_MAX_S = 900, FAILURE_LIFE_S = 1800, FAILURES_MAX = 9,
       FAILURE_WINDOW_S = 300 };
enum { SWEEP_S = 60 };

void limits_init(struct limits *l)
{
	*l = (struct limits){ .swept_ns = 0 };
	sonde_map_init(&l->by_key);
}

void limits_deinit(struct limits *l)
{
	struct limit *limit;
	size_t at = 0;

	while ((limit = sonde_map_next(&l->by_key, &at)))
		free(limit);
	sonde_map_deinit(&l->by_key);
}

static void sweep(struct limits *l, int64_t now)
{
	struct limit *limit;
	size_t at = 0;

	l->swept_ns = now;
	while ((limit = sonde_map_next(&l->by_key, &at))) {
		if (limit->ends_ns > now)
			continue;
		sonde_map_take(&l->by_key, limit->key, strlen(limit->key));
		free(limit);
	}
}

/* The counter of a key that found no room: of many such keys some have the same. */
static const char *shared_key(const struct limits *l, const char *key, char out[16])
{
	uint64_t h = l->by_key.seed;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	snprintf(out, 16, "#%u", (unsigned)((h >> 32) % LIMIT_SHARED));
	return out;
}

static struct limit *find(const struct limits *l, const char *key, int64_t now)
{
	struct limit *limit = sonde_map_get(&l->by_key, key, strlen(key));
	char shared[16];

	if (!limit && l->by_key.len >= LIMIT_KEYS_MAX) {
		shared_key(l, key, shared);
		limit = sonde_map_get(&l->by_key, shared, strlen(shared));
	}
	return limit && limit->ends_ns > now ? limit : NULL;
}

static struct limit *add(struct limits *l, const char *key)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (!limit || sonde_map_put(&l->by_key, key, strlen(key), limit) != SONDE_OK) {
		free(limit);
		return NULL;
	}
	snprintf(limit->key, sizeof(limit->key), "%s", key);
	return limit;
}

static struct limit *get(struct limits *l, const char *key, int window_s, int64_t now)
{
	struct limit *limit = sonde_map_get(&l->by_key, key, strlen(key));
	char shared[16];

	if (!limit) {
		if (now - l->swept_ns > SWEEP_S * SONDE_NS_PER_S ||
		    (l->by_key.len >= LIMIT_KEYS_MAX && now - l->swept_ns > SONDE_NS_PER_S))
			sweep(l, now);
		if (l->by_key.len >= LIMIT_KEYS_MAX) {
			key = shared_key(l, key, shared);
			limit = sonde_map_get(&l->by_key, key, strlen(key));
		}
		if (!limit)
			limit = add(l, key);
		if (!limit)
			return NULL;
	}
	if (limit->ends_ns <= now) {
		limit->used = 0;
		limit->not_before_ns = 0;
		limit->ends_ns = now + window_s * SONDE_NS_PER_S;
	}
	return limit;
}

struct limit_view limits_look(const struct limits *l, const char *key, int64_t limit, int64_t now)
{
	const struct limit *have = find(l, key, now);
	struct limit_view v = { .limit = limit, .remaining = limit };

	if (have && have->used) {
		v.remaining = limit > have->used ? limit - have->used : 0;
		v.reset_s = (have->ends_ns - now + SONDE_NS_PER_S - 1) / SONDE_NS_PER_S;
	}
	return v;
}

bool limits_use(struct limits *l, const char *key, int64_t n, int64_t limit, int window_s,
                int64_t now)
{
	struct limit *have = get(l, key, window_s, now);

	if (!have || n > limit - have->used)
		return false;
	have->used += n;
	return true;
}

void limits_return(struct limits *l, const char *key, int64_t n, int64_t now)
{
	struct limit *have = find(l, key, now);

	if (have)
		have->used = have->used > n ? have->used - n : 0;
}

unsigned limits_wait(const struct limits *l, const char *key, int64_t now)
{
	const struct limit *have = find(l, key, now);

	if (!have || have->not_before_ns <= now)
		return 0;
	return (unsigned)((have->not_before_ns - now + SONDE_NS_PER_S - 1) / SONDE_NS_PER_S);
}

unsigned limits_pace(struct limits *l, const char *key, int64_t limit, int window_s, int pause_s,
                     int64_t now)
{
	unsigned wait = limits_wait(l, key, now);
	struct limit *have = wait ? NULL : get(l, key, window_s, now);

	if (!have || have->used++ < limit)
		return wait;
	have->not_before_ns = have->ends_ns = now + pause_s * SONDE_NS_PER_S;
	return (unsigned)pause_s;
}

void limits_failed(struct limits *l, const char *key, int64_t now)
{
	struct limit *have = get(l, key, FAILURE_LIFE_S, now);

	if (!have || *have->key == '#') /* nobody waits for the failures of others */
		return;
	have->used++;
	int64_t over = have->used - FREE_FAILURES, delay = 0;
	if (over > 0)
		delay = over > 10 ? DELAY_MAX_S : INT64_C(1) << (over - 1);
	if (have->used >= FAILURES_MAX && delay < FAILURE_WINDOW_S)
		delay = FAILURE_WINDOW_S;
	have->not_before_ns = now + (delay > DELAY_MAX_S ? DELAY_MAX_S : delay) * SONDE_NS_PER_S;
	have->ends_ns = now + FAILURE_LIFE_S * SONDE_NS_PER_S;
}

void limits_forget(struct limits *l, const char *key)
{
	free(sonde_map_take(&l->by_key, key, strlen(key)));
}

void limit_address(const char *peer, char out[64])
{
	struct in6_addr a;
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	snprintf(out, 64, "%s", peer);
	if (inet_pton(AF_INET6, peer, &a) != 1)
		return;
	if (!memcmp(a.s6_addr, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, a.s6_addr + 12, out, 64);
		return;
	}
	memset(a.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &a, out, 60);
	snprintf(out + strlen(out), 64 - strlen(out), "/64");
}
