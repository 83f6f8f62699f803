/* SPDX-License-Identifier: Apache-2.0 */
/* See ageing.h. Owns nothing. A clock that is set back makes nothing old and holds nothing. */
#include "controller/ageing.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { STEP_MS = 3600000, ABSENCE_MS = 3 * 86400000 };
#define HOLD_NS (24 * 3600 * SONDE_NS_PER_S)

static const char noted_key[] = "aged";

static int64_t offset_now(void)
{
	return sonde_wall_ms() - sonde_boottime_ns() / SONDE_NS_PER_MS;
}

static void hold(struct ageing *a, const char *why)
{
	a->hold_ns = sonde_boottime_ns() + HOLD_NS;
	sonde_log(SONDE_LOG_WARN, "retain", "nothing is deleted by age for a day: %s", why);
}

static struct sonde_slice key(void)
{
	return (struct sonde_slice){ noted_key, sizeof(noted_key) - 1 };
}

/* 0 when nothing was noted yet. */
static int64_t noted(struct sonde_store *store)
{
	struct sonde_slice value;
	struct sonde_read *r;
	int64_t at = 0;

	if (sonde_read_begin(store, &r) != SONDE_OK)
		return 0;
	if (sonde_read_get(r, SONDE_TABLE_META, key(), &value) == SONDE_OK && value.len == sizeof(at))
		memcpy(&at, value.data, sizeof(at));
	sonde_read_end(r);
	return at;
}

void ageing_start(struct ageing *a, struct sonde_store *store)
{
	int64_t last = noted(store);

	*a = (struct ageing){ .offset_ms = offset_now() };
	if (last && sonde_wall_ms() - last > ABSENCE_MS)
		hold(a, "by this clock the controller was away for days");
}

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	const struct ageing *a = (const struct ageing *)job;

	return sonde_write_put(w, SONDE_TABLE_META, key(),
	                       (struct sonde_slice){ &a->noted_ms, sizeof(a->noted_ms) });
}

static void done(struct sonde_job *job, int status)
{
	(void)status; /* the next one tries again */
	((struct ageing *)job)->noting = false;
}

void ageing_note(struct ageing *a, struct sonde_store *store)
{
	if (a->noting)
		return;
	a->job.apply = apply;
	a->job.done = done;
	a->noted_ms = sonde_wall_ms();
	a->noting = sonde_store_submit(store, &a->job) == SONDE_OK;
}

bool ageing_allowed(struct ageing *a)
{
	int64_t offset = offset_now(), moved = offset - a->offset_ms;

	a->offset_ms = offset;
	if (moved > STEP_MS)
		hold(a, "the clock was set forward");
	return sonde_boottime_ns() >= a->hold_ns;
}
