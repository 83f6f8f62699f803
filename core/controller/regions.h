/* SPDX-License-Identifier: Apache-2.0 */
/* Round-trip times between regions, from results of nodes that probed other nodes (meshes): who is near
 * whom as measured, not as a map says. In memory; the last results weigh most. */
#pragma once
#include <stdint.h>

#include "base/id.h"

struct nodes;

enum { REGIONS = 64, REGION_NEAR = 8, REGION_NAME = 64, REGIONS_A_SECOND = 20 };

struct regions {
	char name[REGIONS][REGION_NAME];
	unsigned n; /* regions beyond REGIONS are not looked at */
	float ms[REGIONS][REGIONS]; /* either way; 0 = not measured */
	int64_t second_ns;
	unsigned in_second;
};

/* A node of region `from` had this round-trip time to an address; nothing happens when no node of another
 * region has it. Looks at every node, so that only some a second are taken. */
void regions_note(struct regions *, const struct nodes *, const char *from, const char *address,
                  double ms);
/* Names of the regions that were measured from this one, nearest first; borrowed for good. */
unsigned regions_near(const struct regions *, const char *region, const char *out[REGION_NEAR]);
