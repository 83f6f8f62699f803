/* SPDX-License-Identifier: Apache-2.0 */
/* For tests only: places where a process can be killed, and bugs that the delivery checker must find.
 * Without --enable-faults both are nothing.
 *
 *	SONDE_EDGE("ingest.committed");      SONDE_KILL_AT=ingest.committed:3 ends the process with
 *	                                     SIGKILL at its third passage
 *	if (SONDE_BUG(2)) ...                SONDE_BUG=2 turns it on */
#pragma once
#include <stdbool.h>

#ifdef SONDE_FAULT_POINTS
void sonde_edge(const char *name);
bool sonde_bug(int number);
#define SONDE_EDGE(name) sonde_edge(name)
#define SONDE_BUG(number) sonde_bug(number)
#else
#define SONDE_EDGE(name) ((void)0)
#define SONDE_BUG(number) false
#endif
