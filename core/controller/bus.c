/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: fixed tables, no allocation. */
#include "controller/bus.h"

#include <stddef.h>

#include "base/status.h"

int bus_subscribe(struct bus *b, enum topic t, bus_fn *fn, void *arg)
{
	for (int i = 0; i < BUS_SUBSCRIBERS; i++) {
		if (b->subscribers[t][i].fn)
			continue;
		b->subscribers[t][i].fn = fn;
		b->subscribers[t][i].arg = arg;
		return SONDE_OK;
	}
	return SONDE_EFULL;
}

void bus_publish(struct bus *b, enum topic t, const void *what)
{
	for (int i = 0; i < BUS_SUBSCRIBERS && b->subscribers[t][i].fn; i++)
		b->subscribers[t][i].fn(b->subscribers[t][i].arg, t, what);
}
