/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Timeouts, leases and durations use boottime; wall time is only a label. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SONDE_NS_PER_MS INT64_C(1000000)
#define SONDE_NS_PER_S INT64_C(1000000000)

int64_t sonde_boottime_ns(void); /* CLOCK_BOOTTIME: goes on during suspend, never jumps */
int64_t sonde_wall_ms(void);     /* CLOCK_REALTIME, milliseconds since 1970 */

/* "2026-11-21T07:21:00.123Z" into out; returns its length, always 24. A time outside of the years
 * 1970 to 9999 becomes the nearest. */
enum { SONDE_TIME_TEXT = 25 };
size_t sonde_format_time(char out[SONDE_TIME_TEXT], int64_t wall_ms);
/* "2026-11-21T07:21:00Z", with a fraction or an offset (+02:00) if wanted, into milliseconds;
 * false when it is anything else or before 1970. */
bool sonde_parse_time(const char *text, size_t len, int64_t *wall_ms);
