/* SPDX-License-Identifier: Apache-2.0 */
/* See allowance.h. Owns nothing. */
#include "node/allowance.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { UNSAID = 10, COST_MAX = 1000000 };

double sonde_allowance_number(const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? strtod(text, NULL) : json_number_value(value);
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

double sonde_allowance_cost(const json_t *plugin, const json_t *options, int64_t limit)
{
	static const char *const counts[] = { "packets", "count", "samples", NULL };
	static const char *const hops[] = { "maxHops", NULL };
	const json_t *needs = json_object_get(plugin, "needs");
	double count = 0, times = 1;
	json_t *param;
	size_t i;

	if (needs && !json_array_size(needs))
		return 0;
	json_array_foreach(json_object_get(plugin, "params"), i, param) {
		const char *name = json_string_value(json_object_get(param, "name"));
		const char *unit = json_string_value(json_object_get(param, "unit"));
		if (!name)
			continue;
		const json_t *given = json_object_get(options, name);
		double value = sonde_allowance_number(given ? given : json_object_get(param, "default"));
		if (unit && !strcmp(unit, "packets/s"))
			return (double)limit;
		if (is_one_of(name, counts))
			count += value;
		else if (is_one_of(name, hops))
			times = value;
	}
	double cost = (count > 0 ? count : UNSAID) * (times > 0 ? times : 1);
	return cost < COST_MAX ? cost : COST_MAX;
}

bool sonde_allowance_open(struct sonde_allowance *a, int64_t limit, int64_t now_ns)
{
	if (!limit)
		return true;
	a->owed -= (double)limit * (double)(now_ns - a->at_ns) / (double)SONDE_NS_PER_S;
	a->at_ns = now_ns;
	if (a->owed < 0)
		a->owed = 0;
	return a->owed <= 0;
}

bool sonde_allowance_take(struct sonde_allowance *a, int64_t limit, double cost, int64_t now_ns)
{
	if (cost <= 0)
		return true;
	if (!sonde_allowance_open(a, limit, now_ns))
		return false;
	a->owed = limit ? cost : 0;
	return true;
}
