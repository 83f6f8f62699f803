/* SPDX-License-Identifier: Apache-2.0 */
/* Clock reads and the one time format (RFC 3339, UTC, milliseconds). */
#include "base/clock.h"

#include <stdio.h>
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

size_t sonde_format_time(char out[SONDE_TIME_TEXT], int64_t wall_ms)
{
	time_t seconds = wall_ms / 1000;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	size_t n = strftime(out, SONDE_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + snprintf(out + n, SONDE_TIME_TEXT - n, ".%03dZ", (int)(wall_ms % 1000));
}
