/* SPDX-License-Identifier: Apache-2.0 */
/* Which plugins crash too often: five times within 60 s disables a type, first for a minute, then
 * twice as long each time, up to an hour. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

enum { SONDE_CRASH_TYPES = 64, SONDE_CRASH_LIMIT = 5 };

struct sonde_crashes {
	struct sonde_crash_row {
		char type[65];
		int64_t at_ns[SONDE_CRASH_LIMIT]; /* ring of the last ones, 0 = none */
		unsigned count;
		int64_t until_ns, pause_s;
	} rows[SONDE_CRASH_TYPES];
};

/* A crash of this type at now (CLOCK_BOOTTIME, ns); true when that disabled it. */
bool sonde_crashes_note(struct sonde_crashes *, struct sonde_text type, int64_t now_ns);
/* Seconds that the type stays disabled, rounded up; 0 = it is not. */
int64_t sonde_crashes_left(const struct sonde_crashes *, struct sonde_text type, int64_t now_ns);
/* When the next of the disabled types comes back (CLOCK_BOOTTIME, ns); 0 = none is disabled. */
int64_t sonde_crashes_next(const struct sonde_crashes *, int64_t now_ns);
