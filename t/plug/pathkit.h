/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of traceroute and mtr share: the ways to run them over a simulated path, and what
 * is expected of a hop. All end the case as failed where something is otherwise. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "plug/fakehost.h"
#include "plug/netns.h"
#include "plug/pathsim.h"
#include "tap.h"

#define BIT(n) (UINT64_C(1) << (n))

enum { V4 = 1, V6 = 2, ICMP = 4, RAW = 8, UDP = 16, TCP = 32 };

/* Each protocol, IP version and kind of socket. */
struct path_way {
	const char *protocol, *target;
	int sockets;
	bool v6;
};

enum { PATH_WAYS = 8, PATH_WAY_RAW = 2, PATH_WAY_TCP = 6 };
extern const struct path_way path_ways[PATH_WAYS];

/* top_srcdir or top_builddir, by default the directory the test runs in. */
const char *path_top(const char *name);
/* Whether the way is one of a set of the bits above. */
bool path_is_one_of(const struct path_way *, unsigned which);
/* A host with that plugin, set for that way and a short wait. */
struct fakehost *path_tool(const char *name, const struct path_way *);
/* The result of a run that must succeed, keep the contract and have no unknown field. */
json_t *path_run(const char *name, struct fakehost *, const char *target);

const json_t *path_hop(const json_t *result, unsigned ttl);
const char *path_text_of(const json_t *, const char *key);
long long path_int_of(const json_t *, const char *key);
size_t path_size_of(const json_t *, const char *key);
void path_expect_router(const struct path_way *, const json_t *, unsigned ttl, size_t answers);
void path_expect_silent(const json_t *, unsigned ttl);
void path_expect_target(const struct path_way *, const json_t *, unsigned ttl, size_t answers);
