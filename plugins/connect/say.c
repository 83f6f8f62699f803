/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of rawOutput. Owns nothing. */
#include "connect/say.h"

#include <stdarg.h>
#include <stdio.h>

void sonde_say(struct sonde_probe *p, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		p->host->print(p, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}
