/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions as bit sets. No memory, no clock, no locale; a day is found by walking days and
 * skipping months that do not fit, at most nine years. */
#include "base/cron.h"

#include <stdbool.h>
#include <string.h>

enum { DAY_MS = 86400000, MINUTE_MS = 60000, SEARCH_DAYS = 366 * 9 };

struct field_row {
	const char *name;
	unsigned min, max;
	const char *names; /* three letters each, the first is `min` */
};

static const struct field_row fields[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day", 1, 31, NULL },
	{ "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ "weekday", 0, 7, "sunmontuewedthufrisat" },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

struct cursor {
	const char *p, *end;
};

static bool take(struct cursor *c, char wanted)
{
	if (c->p == c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool read_name(struct cursor *c, const struct field_row *f, unsigned *out)
{
	for (unsigned i = 0; f->names && c->end - c->p >= 3 && f->names[3 * i]; i++) {
		const char *name = f->names + 3 * i;
		if ((c->p[0] | 32) != name[0] || (c->p[1] | 32) != name[1] ||
		    (c->p[2] | 32) != name[2])
			continue;
		c->p += 3;
		*out = f->min + i;
		return true;
	}
	return false;
}

static bool read_number(struct cursor *c, unsigned *out)
{
	unsigned n = 0, digits = 0;

	for (; c->p < c->end && is_digit(*c->p) && digits < 4; digits++)
		n = n * 10 + (unsigned)(*c->p++ - '0');
	*out = n;
	return digits > 0;
}

static bool read_value(struct cursor *c, const struct field_row *f, unsigned *out)
{
	return (read_number(c, out) || read_name(c, f, out)) && *out >= f->min && *out <= f->max;
}

/* One element of a list: *, N, N-M, each with /STEP. */
static bool read_item(struct cursor *c, const struct field_row *f, uint64_t *bits)
{
	unsigned first = f->min, last = f->max, step = 1;
	bool star = take(c, '*');

	if (!star && !read_value(c, f, &first))
		return false;
	bool range = !star && take(c, '-');
	if (range && !read_value(c, f, &last))
		return false;
	bool stepped = take(c, '/');
	if (stepped && (!read_number(c, &step) || !step))
		return false;
	if (!star && !range && !stepped)
		last = first;
	if (last < first)
		return false;
	for (unsigned v = first; v <= last; v += step)
		*bits |= UINT64_C(1) << v;
	return true;
}

static bool read_field(struct cursor *c, const struct field_row *f, uint64_t *bits, bool *is_free)
{
	*bits = 0;
	*is_free = c->p < c->end && *c->p == '*';
	do {
		if (!read_item(c, f, bits))
			return false;
	} while (take(c, ','));
	return c->p == c->end || *c->p == ' ' || *c->p == '\t';
}

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static struct cursor without_alias(const char *text, size_t len)
{
	static const char *const aliases[][2] = {
		{ "@hourly", "0 * * * *" },  { "@daily", "0 0 * * *" },  { "@weekly", "0 0 * * 0" },
		{ "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
	};

	for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strlen(aliases[i][0]) == len && !memcmp(aliases[i][0], text, len))
			return (struct cursor){ aliases[i][1], aliases[i][1] + strlen(aliases[i][1]) };
	return (struct cursor){ text, len ? text + len : text };
}

int sonde_cron_parse(const char *text, size_t len, struct sonde_cron *out, struct sonde_error *e)
{
	struct cursor c = without_alias(text, len);
	uint64_t bits[FIELDS];
	bool is_free[FIELDS];

	memset(out, 0, sizeof(*out));
	if (len > SONDE_CRON_TEXT)
		return sonde_fail(e, SONDE_EINVAL, "cron", "is longer than %d bytes", SONDE_CRON_TEXT);
	for (unsigned i = 0; i < FIELDS; i++) {
		skip_blanks(&c);
		if (c.p == c.end)
			return sonde_fail(e, SONDE_EINVAL, "cron",
			                  "must have five fields: minute hour day month weekday");
		if (!read_field(&c, &fields[i], &bits[i], &is_free[i]))
			return sonde_fail(e, SONDE_EINVAL, "cron",
			                  "has a %s that is not understood (%u to %u, lists, ranges, steps)",
			                  fields[i].name, fields[i].min, fields[i].max);
	}
	skip_blanks(&c);
	if (c.p != c.end)
		return sonde_fail(e, SONDE_EINVAL, "cron", "has more than five fields");
	out->minutes = bits[0];
	out->hours = (uint32_t)bits[1];
	out->days = (uint32_t)bits[2];
	out->months = (uint16_t)bits[3];
	out->weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f);
	out->day_is_free = is_free[2];
	out->weekday_is_free = is_free[4];
	if (sonde_cron_next(out, 0, 0) == INT64_MAX)
		return sonde_fail(e, SONDE_EINVAL, "cron", "names a day that never comes");
	return SONDE_OK;
}

/* ---- the calendar ---- */

struct date {
	unsigned year, month, day;
};

/* As in clock.c: years that begin on the first of March. */
static struct date date_of(int64_t days)
{
	uint64_t day = (uint64_t)(days + 719468);
	unsigned era = (unsigned)(day / 146097), of_era = (unsigned)(day % 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (year * 365 + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;

	return (struct date){ year + era * 400 + (month >= 10), month < 10 ? month + 3 : month - 9,
		              of_year - (153 * month + 2) / 5 + 1 };
}

static unsigned month_length(struct date d)
{
	bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;

	if (d.month == 2)
		return leap ? 29 : 28;
	return d.month == 4 || d.month == 6 || d.month == 9 || d.month == 11 ? 30 : 31;
}

static bool day_fits(const struct sonde_cron *c, struct date d, int64_t days)
{
	bool day = c->days >> d.day & 1;
	bool weekday = c->weekdays >> ((days + 4) % 7) & 1; /* 1970 began on a Thursday */

	if (c->day_is_free || c->weekday_is_free)
		return day && weekday;
	return day || weekday;
}

/* The first firing of a day from this minute on, in minutes; -1 when there is none. */
static int minute_from(const struct sonde_cron *c, unsigned from)
{
	for (unsigned hour = from / 60; hour < 24; hour++, from = 0) {
		if (!(c->hours >> hour & 1))
			continue;
		uint64_t left = c->minutes & UINT64_MAX << from % 60;
		if (left)
			return (int)(hour * 60 + (unsigned)__builtin_ctzll(left));
	}
	return -1;
}

int64_t sonde_cron_next(const struct sonde_cron *c, int zone_minutes, int64_t after_ms)
{
	static const int64_t last = INT64_C(253402300799999); /* of the year 9999 */
	int64_t zone_ms = (int64_t)zone_minutes * MINUTE_MS;
	int64_t local = (after_ms < 0 ? -1 : after_ms > last ? last : after_ms) + zone_ms;

	if (local < 0)
		local = -1;
	int64_t minute = (local + MINUTE_MS) / MINUTE_MS; /* the next one that begins */
	int64_t days = minute / 1440;
	unsigned from = (unsigned)(minute % 1440);

	for (int64_t end = days + SEARCH_DAYS; days < end; from = 0) {
		struct date d = date_of(days);
		if (!(c->months >> d.month & 1)) {
			days += month_length(d) - d.day + 1;
			continue;
		}
		int at = day_fits(c, d, days) ? minute_from(c, from) : -1;
		if (at >= 0)
			return days * DAY_MS + (int64_t)at * MINUTE_MS - zone_ms;
		days++;
	}
	return INT64_MAX;
}
