/* SPDX-License-Identifier: Apache-2.0 */
/* The table of crashing plugins. Fixed memory: when there are more types than rows, the one whose
 * last crash is longest ago is forgotten. */
#include "node/crashes.h"

#include <string.h>

#include "base/clock.h"

enum { WINDOW_S = 60, PAUSE_S = 60, PAUSE_MAX_S = 3600 };

static int64_t last_crash(const struct sonde_crash_row *row)
{
	return row->count ? row->at_ns[(row->count - 1) % SONDE_CRASH_LIMIT] : 0;
}

static bool is_type(const struct sonde_crash_row *row, struct sonde_text type)
{
	return strlen(row->type) == type.len && !memcmp(row->type, type.s, type.len);
}

static struct sonde_crash_row *row_for(struct sonde_crashes *c, struct sonde_text type)
{
	struct sonde_crash_row *oldest = &c->rows[0];

	for (unsigned i = 0; i < SONDE_CRASH_TYPES; i++) {
		if (is_type(&c->rows[i], type))
			return &c->rows[i];
		if (last_crash(&c->rows[i]) < last_crash(oldest))
			oldest = &c->rows[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->type, type.s, type.len);
	oldest->pause_s = PAUSE_S;
	return oldest;
}

bool sonde_crashes_note(struct sonde_crashes *c, struct sonde_text type, int64_t now_ns)
{
	if (type.len == 0 || type.len >= sizeof(c->rows[0].type))
		return false;
	struct sonde_crash_row *row = row_for(c, type);
	row->at_ns[row->count++ % SONDE_CRASH_LIMIT] = now_ns;
	if (row->count < SONDE_CRASH_LIMIT)
		return false;
	int64_t first = row->at_ns[row->count % SONDE_CRASH_LIMIT];
	if (now_ns - first > WINDOW_S * SONDE_NS_PER_S)
		return false;
	row->until_ns = now_ns + row->pause_s * SONDE_NS_PER_S;
	row->pause_s = row->pause_s * 2 > PAUSE_MAX_S ? PAUSE_MAX_S : row->pause_s * 2;
	row->count = 0;
	memset(row->at_ns, 0, sizeof(row->at_ns));
	return true;
}

int64_t sonde_crashes_left(const struct sonde_crashes *c, struct sonde_text type, int64_t now_ns)
{
	for (unsigned i = 0; i < SONDE_CRASH_TYPES; i++) {
		const struct sonde_crash_row *row = &c->rows[i];
		if (is_type(row, type) && row->until_ns > now_ns)
			return (row->until_ns - now_ns + SONDE_NS_PER_S - 1) / SONDE_NS_PER_S;
	}
	return 0;
}

int64_t sonde_crashes_next(const struct sonde_crashes *c, int64_t now_ns)
{
	int64_t next = 0;

	for (unsigned i = 0; i < SONDE_CRASH_TYPES; i++) {
		int64_t until = c->rows[i].until_ns;
		if (until > now_ns && (!next || until < next))
			next = until;
	}
	return next;
}
