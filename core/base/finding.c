/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the doctors of all programs. Owns nothing. */
#include "base/finding.h"

#include <string.h>

const char *const sonde_finding_words[] = { "ok", "warn", "FAIL", NULL };

void sonde_finding_print(FILE *out, enum sonde_finding is, const char *what, const char *text)
{
	fprintf(out, "%-5s %-9s ", sonde_finding_words[is], what);
	for (; *text; text++)
		putc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
	putc('\n', out);
}

const char *sonde_finding_fix(const char *text)
{
	const char *fix = NULL;

	while ((text = strstr(text, "; ")))
		fix = text += 2;
	return fix;
}
