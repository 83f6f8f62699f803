/* SPDX-License-Identifier: Apache-2.0 */
/* Clock reads and the one time format (RFC 3339, UTC, milliseconds). */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/fault.h"

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
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / SONDE_NS_PER_MS + SONDE_CLOCK_WRONG_BY();
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

static bool take_digits(const char **p, const char *end, unsigned count, unsigned *out)
{
	*out = 0;
	for (unsigned i = 0; i < count; i++, (*p)++) {
		if (*p == end || **p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (unsigned)(**p - '0');
	}
	return true;
}

static bool take_char(const char **p, const char *end, const char *any_of)
{
	if (*p == end || !strchr(any_of, **p) || !**p)
		return false;
	(*p)++;
	return true;
}

static bool take_zone(const char **p, const char *end, int64_t *ms)
{
	unsigned hours, minutes;

	*ms = 0;
	if (take_char(p, end, "Zz"))
		return true;
	bool east = *p < end && **p == '+';
	if (!take_char(p, end, "+-") || !take_digits(p, end, 2, &hours) || !take_char(p, end, ":") ||
	    !take_digits(p, end, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ms = (int64_t)(hours * 60 + minutes) * (east ? 60000 : -60000);
	return true;
}

static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - (month <= 2), of_era = y % 400;
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return (int64_t)(y / 400) * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool sonde_parse_time(const char *text, size_t len, int64_t *wall_ms)
{
	const char *p = text, *end = text + len;
	unsigned year, month, day, hour, minute, second, ms = 0;
	int64_t zone;

	if (!take_digits(&p, end, 4, &year) || !take_char(&p, end, "-") ||
	    !take_digits(&p, end, 2, &month) || !take_char(&p, end, "-") ||
	    !take_digits(&p, end, 2, &day) || !take_char(&p, end, "Tt ") ||
	    !take_digits(&p, end, 2, &hour) || !take_char(&p, end, ":") ||
	    !take_digits(&p, end, 2, &minute) || !take_char(&p, end, ":") ||
	    !take_digits(&p, end, 2, &second))
		return false;
	if (take_char(&p, end, ".")) {
		unsigned digit, scale = 100, digits = 0;
		for (; take_digits(&p, end, 1, &digit); scale /= 10, digits++)
			ms += digit * scale;
		if (!digits)
			return false;
	}
	if (!take_zone(&p, end, &zone) || p != end || year < 1970 || month < 1 || month > 12 ||
	    day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59)
		return false;
	int64_t days = days_of(year, month, day);
	/* A day that its month does not have comes out as one of the next. */
	if (days_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) <= days)
		return false;
	*wall_ms = days * 86400000 + hour * 3600000 + minute * 60000 + second * 1000 + ms - zone;
	return *wall_ms >= 0;
}
