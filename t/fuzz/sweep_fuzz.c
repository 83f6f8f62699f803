/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a list of addresses and prefixes. Each index has one range and one address. */
#include <stdlib.h>
#include <string.h>

#include "sweep/sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct sweep_set *set)
{
	struct sockaddr_storage sa;
	uint8_t address[16];
	uint32_t near = 0;

	for (uint32_t i = 0; i < set->n_targets; i += 1 + set->n_targets / 64) {
		const struct sweep_range *r = sweep_set_find(set, i, &near);
		if (!r || i < r->first || i >= r->first + r->count)
			abort();
		if (sweep_address(r, i, address) != (r->family == AF_INET ? 4u : 16u) ||
		    !sweep_sockaddr(r, i, &sa))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sweep_set dry = { 0 }, set = { 0 };
	struct sonde_error e;
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	int rc = sweep_set_parse(text, &dry, &e);
	set.ranges = calloc(sweep_set_room(text), sizeof(*set.ranges));
	if (sweep_set_parse(text, &set, &e) != rc || (!rc && (set.n_targets != dry.n_targets ||
	    set.n_targets > SWEEP_MAX_TARGETS || set.n_ranges > sweep_set_room(text))))
		abort();
	if (!rc)
		walk(&set);
	free(set.ranges);
	free(text);
	return 0;
}
