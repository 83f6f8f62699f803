/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict remembers between calls: small records by key, kept by C, so that no policy grows.
 * A record is the last values of a series, one text or number, or the latest vote of each member.
 * At most SONDE_WINDOWS records and SONDE_WINDOW_BYTES bytes a policy; the one not used for longest
 * goes first. They outlive a new version of the policy, not a restart. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

enum {
	SONDE_WINDOWS = 8192,
	SONDE_WINDOW_BYTES = 8 << 20,
	SONDE_WINDOW_VALUES = 256,
	SONDE_WINDOW_KEY = 160, /* bytes of a key */
	SONDE_WINDOW_TEXT = 1024,
	SONDE_VOTES = 512,
	SONDE_VOTE_NAME = 64,
};

struct sonde_vote {
	char member[SONDE_VOTE_NAME], group[SONDE_VOTE_NAME];
	int64_t at_ms;
	bool bad;
};

struct sonde_window {
	struct sonde_window *newer, *older;
	size_t bytes;
	unsigned cap, n, next; /* values: ring; n of cap are there, next is written next */
	double *values;        /* NaN = missing */
	char *text;
	double number;         /* when text is NULL; NaN = nothing */
	struct sonde_vote *votes;
	unsigned votes_n, votes_cap;
	size_t key_len;
	char key[];
};

struct sonde_windows {
	struct sonde_map map;
	struct sonde_window *newest, *oldest;
	size_t bytes;
	int64_t now_ms; /* of what is being observed */
	uint64_t evicted;
};

void sonde_windows_init(struct sonde_windows *);
void sonde_windows_deinit(struct sonde_windows *);
/* kind: one byte that keeps keys of different helpers apart. Made when it is not there; NULL when
 * out of memory. Valid until the next call. */
struct sonde_window *sonde_windows_get(struct sonde_windows *, char kind, const char *key,
                                       size_t len);
/* A ring of `cap` values; another cap starts anew. SONDE_ENOMEM. */
int sonde_window_push(struct sonde_windows *, struct sonde_window *, unsigned cap, double value);
/* text NULL: the number. SONDE_ENOMEM. */
int sonde_window_set(struct sonde_windows *, struct sonde_window *, const char *text, size_t len,
                     double number);
/* The latest vote of a member; over SONDE_VOTES members the oldest vote goes. SONDE_ENOMEM. */
int sonde_window_vote(struct sonde_windows *, struct sonde_window *, const char *member,
                      const char *group, bool bad);
/* Whether there was one. */
bool sonde_window_unvote(struct sonde_window *, const char *member);

/* Sums of the values of a ring. What no value allows is NaN. */
struct sonde_window_sums {
	unsigned n, missing;
	double loss, mean, min, max, last, jitter, p50, p90, p95, p99;
};
void sonde_window_sum(const struct sonde_window *, struct sonde_window_sums *);
