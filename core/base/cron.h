/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions of five fields: minute hour day-of-month month day-of-week. A field is a comma
 * list of `*`, N, N-M, each with /STEP if wanted (N/STEP goes on to the end); months and weekdays
 * also by their first three letters, Sunday is 0 or 7. Where day and weekday are both restricted
 * one of them is enough, as in every cron. @hourly, @daily, @weekly, @monthly, @yearly are short
 * forms. Pure; the fuzz target. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sonde_cron {
	uint64_t minutes;         /* bit per minute, hour, ... */
	uint32_t hours, days;     /* days: bits 1..31 */
	uint16_t months;          /* bits 1..12 */
	uint8_t weekdays;         /* bits 0..6 */
	uint8_t day_is_free, weekday_is_free; /* began with '*' */
};

enum { SONDE_CRON_TEXT = 128 }; /* longest expression */

/* SONDE_EINVAL with one sentence; also for an expression that never fires (30 February). */
int sonde_cron_parse(const char *text, size_t len, struct sonde_cron *, struct sonde_error *);
/* The first firing strictly after `after_ms` (wall, ms since 1970), on a clock that is
 * zone_minutes ahead of UTC; INT64_MAX when there is none within nine years. */
int64_t sonde_cron_next(const struct sonde_cron *, int zone_minutes, int64_t after_ms);
