/* SPDX-License-Identifier: Apache-2.0 */
/* The logger. Its level and its tap are the only process-wide settings outside main(): a logger that
 * had to be passed everywhere would be passed nowhere. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static int threshold = SONDE_LOG_INFO;
static void (*tap)(void *, const char *, size_t);
static void *tap_arg;
static const char *const names[] = { [3] = "error", [4] = "warn", [6] = "info", [7] = "debug" };

void sonde_log_level(int level)
{
	threshold = level;
}

int sonde_log_level_parse(const char *name)
{
	for (int i = 0; i < 8; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -1;
}

void sonde_log_tap(void (*fn)(void *, const char *, size_t), void *arg)
{
	tap = fn;
	tap_arg = arg;
}

/* Bytes at the start of text that a terminal would obey: C1 controls, and what turns the direction
 * of writing. */
static bool begins_trick(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (p[0] == 0xc2)
		return p[1] >= 0x80 && p[1] <= 0x9f;
	if (p[0] != 0xe2 || (p[1] != 0x80 && p[1] != 0x81))
		return false;
	return p[1] == 0x80 ? (p[2] >= 0xaa && p[2] <= 0xae) || p[2] == 0x8e || p[2] == 0x8f :
			      p[2] >= 0xa6 && p[2] <= 0xa9;
}

static size_t escape(char *out, size_t room, const char *text)
{
	size_t n = 0;
	for (; *text && n + 5 < room; text++) {
		unsigned char c = *text;
		if (c >= 0x20 && c != 0x7f && !begins_trick(text))
			out[n++] = c;
		else
			n += snprintf(out + n, room - n, "\\x%02x", c);
	}
	return n;
}

void sonde_log(int level, const char *room, const char *fmt, ...)
{
	char text[3072], line[4096], when[SONDE_TIME_TEXT];
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sonde_format_time(when, sonde_wall_ms());
	const char *name = level >= 0 && level < 8 && names[level] ? names[level] : "note";
	size_t n = snprintf(line, sizeof(line), "%s %-5s %s: ", when, name, room);
	n += escape(line + n, sizeof(line) - n - 1, text);
	if (tap)
		tap(tap_arg, line, n);
	line[n++] = '\n';
	/* One write a line keeps lines of several processes whole. Nothing useful is left to do
	 * when stderr is gone. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
