/* SPDX-License-Identifier: Apache-2.0 */
/* One event is one line on stderr: "2026-11-21T07:21:00.123Z warn  node: text". Control characters
 * of foreign text are escaped, a line is at most 4 KiB. Levels are those of syslog. */
#pragma once
#include <stddef.h>

enum { SONDE_LOG_ERROR = 3, SONDE_LOG_WARN = 4, SONDE_LOG_INFO = 6, SONDE_LOG_DEBUG = 7 };

/* Lines above `level` are dropped; default SONDE_LOG_INFO. Process-wide, set once by main(). */
void sonde_log_level(int level);
/* Called with each line that is written, without its newline; one for the process, NULL = none. It
 * must not log. */
void sonde_log_tap(void (*)(void *arg, const char *line, size_t len), void *arg);
/* Level by name ("error", "warn", "info", "debug"), or -1. */
int sonde_log_level_parse(const char *name);
void sonde_log(int level, const char *room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
