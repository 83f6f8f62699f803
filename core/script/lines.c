/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of lines. Owns it. Refuses nothing: what has no room is cut. */
#include "script/lines.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "script/policies.h"

void sonde_lines_deinit(struct sonde_lines *l)
{
	free(l->ring);
	*l = (struct sonde_lines){ 0 };
}

void sonde_lines_add(struct sonde_lines *l, enum sonde_line_kind kind, const char *text)
{
	if (!l->ring)
		l->ring = calloc(SONDE_LINES, sizeof(*l->ring));
	if (!l->ring)
		return;
	struct sonde_line *line = &l->ring[l->count++ % SONDE_LINES];
	line->at_ms = sonde_wall_ms();
	line->kind = (uint8_t)kind;
	snprintf(line->text, sizeof(line->text), "%s", text);
	for (char *p = line->text; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

uint64_t sonde_policy_lines(const struct sonde_policies *ps, const char *name, uint64_t after,
                            unsigned most, sonde_line_fn *fn, void *arg)
{
	static const char *const kinds[] = {
		[SONDE_LINE_SAID] = "log", [SONDE_LINE_FAULT] = "fault",
		[SONDE_LINE_QUARANTINED] = "quarantined", [SONDE_LINE_VERSION] = "version",
		[SONDE_LINE_SHADOW] = "shadow",
	};
	const struct sonde_policy *p = sonde_policies_find(ps, name);
	const struct sonde_lines *l = p ? &p->lines : NULL;

	if (!l || !l->count)
		return 0;
	most = most < SONDE_LINES ? most : SONDE_LINES;
	uint64_t first = l->count > most ? l->count - most : 0;
	/* A number from before a restart says nothing here. */
	if (after <= l->count && after > first)
		first = after;
	for (uint64_t i = first; i < l->count; i++) {
		const struct sonde_line *line = &l->ring[i % SONDE_LINES];
		fn(arg, &(struct sonde_policy_line){ i + 1, line->at_ms, kinds[line->kind], line->text });
	}
	return l->count;
}
