/* SPDX-License-Identifier: Apache-2.0 */
/* For tests only: places where a process can be killed, and bugs that the delivery checker must find.
 * Without --enable-faults both are nothing.
 *
 *	SONDE_EDGE("ingest.committed");      SONDE_KILL_AT=ingest.committed:3 ends the process with
 *	                                     SIGKILL at its third passage
 *	if (SONDE_BUG(2)) ...                SONDE_BUG=2 turns it on
 *
 * SONDE_CLOCK_FILE=PATH: eight bytes, the milliseconds (native order, signed) by which sonde_wall_ms
 * is wrong, read anew at each call: a clock that somebody sets. The file must stay as long as any
 * process does, and be written in place. */
#pragma once
#include <stdbool.h>

#ifdef SONDE_FAULT_POINTS
#include <stdint.h>

void sonde_edge(const char *name);
int64_t sonde_clock_wrong_by(void);
bool sonde_bug(int number);
#define SONDE_EDGE(name) sonde_edge(name)
#define SONDE_BUG(number) sonde_bug(number)
#define SONDE_CLOCK_WRONG_BY() sonde_clock_wrong_by()
#else
#define SONDE_EDGE(name) ((void)0)
#define SONDE_BUG(number) false
#define SONDE_CLOCK_WRONG_BY() 0
#endif
