/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting of errors with a path, and the "did you mean" helper. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sonde_fail(struct sonde_error *e, int status, const char *path, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return status;
	snprintf(e->path, sizeof(e->path), "%s", path ? path : "");
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return status;
}

void sonde_error_nest(struct sonde_error *e, const char *outer, int index)
{
	char inner[sizeof(e->path)];

	if (!e)
		return;
	memcpy(inner, e->path, sizeof(inner));
	const char *dot = inner[0] && inner[0] != '[' ? "." : "";
	if (index >= 0)
		snprintf(e->path, sizeof(e->path), "%s[%d]%s%s", outer, index, dot, inner);
	else
		snprintf(e->path, sizeof(e->path), "%s%s%s", outer, dot, inner);
}

enum { WORD_MAX = 48 };

static unsigned distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);
			unsigned step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < step ? change : step;
		}
	}
	return row[lb];
}

const char *sonde_nearest(const char *word, const char *const *list)
{
	unsigned best = strlen(word) / 3 + 1;
	const char *found = NULL;

	for (; *list; list++) {
		unsigned d = distance(word, *list) + (word[0] != (*list)[0]);
		if (d <= best && (!found || d < best)) {
			best = d;
			found = *list;
		}
	}
	return found;
}
