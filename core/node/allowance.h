/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's packets per second, over all probes. What a probe will send is estimated from its options
 * before it starts: their counts (packets, count, samples) times their hops, 10 where a type that uses the
 * network has none. A probe may start while nothing is owed; what it sends is owed from then on and paid off
 * at the limit. So each probe runs, and over time the limit holds. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

struct sonde_allowance {
	double owed;   /* packets */
	int64_t at_ns; /* boottime when it was that */
};

/* The value of an option; a default stands in the description as people would type it. */
double sonde_allowance_number(const json_t *);
/* Packets that a task of this type will send; `plugin` is its description (NULL = unknown), `options`
 * what it was given. At most a second of the limit for types with an option in packets/s. */
double sonde_allowance_cost(const json_t *plugin, const json_t *options, int64_t limit);
/* Whether nothing is owed now, or there is no limit (0). */
bool sonde_allowance_open(struct sonde_allowance *, int64_t limit, int64_t now_ns);
/* False while something is owed; else `cost` is owed from now. limit 0: always true. */
bool sonde_allowance_take(struct sonde_allowance *, int64_t limit, double cost, int64_t now_ns);
