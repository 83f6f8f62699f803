/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the doctors of all programs. Owns nothing. */
#include "base/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const sonde_finding_words[] = { "ok", "warn", "FAIL", NULL };

static void print(enum sonde_finding is, const char *what, const char *text)
{
	printf("%-5s %-9s ", sonde_finding_words[is], what);
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
	putchar('\n');
}

void sonde_findings_say(struct sonde_findings *f, enum sonde_finding is, const char *what,
                        const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->failed |= is == BAD;
	if (f->take)
		f->take(f->arg, is, what, text);
	else
		print(is, what, text);
}

const char *sonde_finding_fix(const char *text)
{
	const char *fix = NULL;

	while ((text = strstr(text, "; ")))
		fix = text += 2;
	return fix;
}
