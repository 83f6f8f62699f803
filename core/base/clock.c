/* SPDX-License-Identifier: Apache-2.0 */
/* Clock reads and the one time format (RFC 3339, UTC, milliseconds). */
#include "base/clock.h"

#include <time.h>

int64_t sonde_boottime_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * SONDE_NS_PER_S + t.tv_nsec;
}

int64_t sonde_wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / SONDE_NS_PER_MS;
}

static char *put_digits(char *to, unsigned value, unsigned count)
{
	for (unsigned i = count; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + count;
}

/* By hand: strftime costs more than the rest of a stored result. The calendar is counted in years
 * that begin on the first of March, so that the leap day is the last of its year. */
size_t sonde_format_time(char out[SONDE_TIME_TEXT], int64_t wall_ms)
{
	static const int64_t last = INT64_C(253402300799999); /* of the year 9999 */
	uint64_t ms = wall_ms < 0 ? 0 : wall_ms > last ? (uint64_t)last : (uint64_t)wall_ms;
	unsigned day = (unsigned)(ms / 86400000), rest = (unsigned)(ms % 86400000);

	day += 719468; /* since the first of March of the year 0 */
	unsigned era = day / 146097, of_era = day % 146097; /* 400 years */
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (year * 365 + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0 = March; months of 31 30 31 30 31 days */
	unsigned of_month = of_year - (153 * month + 2) / 5;
	year += era * 400 + (month >= 10);

	char *p = put_digits(out, year, 4);
	*p++ = '-';
	p = put_digits(p, month < 10 ? month + 3 : month - 9, 2);
	*p++ = '-';
	p = put_digits(p, of_month + 1, 2);
	*p++ = 'T';
	p = put_digits(p, rest / 3600000, 2);
	*p++ = ':';
	p = put_digits(p, rest / 60000 % 60, 2);
	*p++ = ':';
	p = put_digits(p, rest / 1000 % 60, 2);
	*p++ = '.';
	p = put_digits(p, rest % 1000, 3);
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}
