/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as text. Exact integer arithmetic: a float would make "0.1s" something else. Owns
 * nothing; refuses signs, exponents, blanks and what does not fit into int64 nanoseconds. */
#include "param/value.h"

#include <string.h>

#include "base/clock.h"

struct unit {
	const char *name;
	int64_t ns;
};

/* From large to small, so that the first that divides is the shortest way to write. */
static const struct unit units[] = {
	{ "d", 86400 * SONDE_NS_PER_S },
	{ "h", 3600 * SONDE_NS_PER_S },
	{ "m", 60 * SONDE_NS_PER_S },
	{ "s", SONDE_NS_PER_S },
	{ "ms", SONDE_NS_PER_MS },
	{ "us", 1000 },
	{ "ns", 1 },
};
enum { UNITS = sizeof(units) / sizeof(units[0]), FRACTION_DIGITS = 9 };

static int64_t unit_ns(const char *name)
{
	if (!*name)
		return SONDE_NS_PER_S;
	for (unsigned i = 0; i < UNITS; i++)
		if (!strcmp(name, units[i].name))
			return units[i].ns;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int sonde_parse_duration(const char *text, int64_t *ns)
{
	int64_t whole = 0, fraction = 0, scale = 1, out;
	const char *p = text;

	if (!is_digit(*p))
		return SONDE_EINVAL;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *p - '0', &whole))
			return SONDE_EINVAL;
	if (*p == '.') {
		unsigned digits = 0;
		for (p++; is_digit(*p); p++, digits++) {
			if (digits == FRACTION_DIGITS)
				return SONDE_EINVAL;
			fraction = fraction * 10 + (*p - '0');
			scale *= 10;
		}
		if (!digits)
			return SONDE_EINVAL;
	}
	int64_t unit = unit_ns(p);
	if (!unit || __builtin_mul_overflow(whole, unit, &out))
		return SONDE_EINVAL;
	/* fraction * unit may need 77 bits (a day in nanoseconds, nine digits). */
	int64_t part = (int64_t)((__int128)fraction * unit / scale);
	return __builtin_add_overflow(out, part, ns) ? SONDE_EINVAL : SONDE_OK;
}

size_t sonde_format_duration(char out[SONDE_DURATION_TEXT], int64_t ns)
{
	/* Seconds are the plainest zero, and a plain unit for everything whole. */
	unsigned i = 3;

	while (i < UNITS - 1 && ns % units[i].ns)
		i++;
	size_t n = sonde_format_int(out, ns / units[i].ns);
	memcpy(out + n, units[i].name, strlen(units[i].name) + 1);
	return n + strlen(units[i].name);
}
