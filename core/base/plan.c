/* SPDX-License-Identifier: Apache-2.0 */
/* Due times, phases and run ids. Pure; owns nothing. */
#include "base/plan.h"

#include <string.h>

enum { JUMPS_MAX = 4096 };

static const int64_t latest_ms = INT64_C(253402300799999); /* of the year 9999 */

/* ---- due times ---- */

static int64_t next_nominal(const struct sonde_plan *p, int64_t after)
{
	if (!p->every_ms)
		return sonde_cron_next(&p->cron, p->zone_minutes,
		                       after < p->start_ms ? p->start_ms - 1 : after);
	int64_t since = after - p->start_ms;
	return since < 0 ? p->start_ms : p->start_ms + (since / p->every_ms + 1) * p->every_ms;
}

/* The end of the window that `at` lies in, 0 when it lies in none. */
static int64_t window_end(const struct sonde_plan *p, int64_t at)
{
	for (unsigned i = 0; i < p->window_count; i++) {
		const struct sonde_plan_window *w = &p->windows[i];
		if (!w->duration_ms) {
			if (at >= w->start_ms && at < w->until_ms)
				return w->until_ms;
			continue;
		}
		int64_t fired = sonde_cron_next(&w->cron, p->zone_minutes, at - w->duration_ms);
		if (fired <= at)
			return fired + w->duration_ms;
	}
	return 0;
}

int64_t sonde_plan_next(const struct sonde_plan *p, int64_t after)
{
	if (after > latest_ms)
		return SONDE_PLAN_NEVER;
	if (after < 0)
		after = -1;
	/* Windows may follow one another without end: then there is no due time worth finding. */
	for (int jumps = 0; jumps < JUMPS_MAX; jumps++) {
		int64_t nominal = next_nominal(p, after - p->phase_ms);
		if (nominal >= latest_ms || nominal >= p->until_ms)
			return SONDE_PLAN_NEVER;
		int64_t due = nominal + p->phase_ms;
		int64_t end = window_end(p, due);
		if (!end)
			return due >= p->until_ms ? SONDE_PLAN_NEVER : due;
		after = end - 1;
	}
	return SONDE_PLAN_NEVER;
}

bool sonde_plan_is_due(const struct sonde_plan *p, int64_t at)
{
	return sonde_plan_next(p, at - 1) == at;
}

uint64_t sonde_plan_count(const struct sonde_plan *p, int64_t from, int64_t to, uint64_t max)
{
	uint64_t n = 0;

	if (p->every_ms && !p->window_count) {
		int64_t first = sonde_plan_next(p, from);
		int64_t end = to < p->until_ms ? to : p->until_ms - 1;
		if (first > end)
			return 0;
		n = (uint64_t)((end - first) / p->every_ms) + 1;
		return n < max ? n : max;
	}
	for (int64_t at = from; n < max && (at = sonde_plan_next(p, at)) <= to;)
		n++;
	return n;
}

/* ---- hashes ---- */

static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

static uint64_t hash_id(uint64_t h, const struct sonde_id *id)
{
	uint64_t words[2];

	memcpy(words, id->b, sizeof(words));
	return mix(mix(h ^ words[0]) + UINT64_C(0x9e3779b97f4a7c15) + words[1]);
}

int64_t sonde_plan_phase(const struct sonde_id *schedule, const struct sonde_id *node,
                         int64_t spread_ms)
{
	uint64_t h = hash_id(hash_id(1, schedule), node);

	/* The high bits of the product: no bias worth naming. */
	return spread_ms > 0 ? (int64_t)((unsigned __int128)h * (uint64_t)spread_ms >> 64) : 0;
}

uint32_t sonde_run_tag(const struct sonde_id *schedule)
{
	return (uint32_t)hash_id(2, schedule);
}

uint32_t sonde_run_pair(const struct sonde_id *schedule, const struct sonde_id *node,
                        const struct sonde_id *peer)
{
	return (uint32_t)hash_id(hash_id(hash_id(3, schedule), node), peer);
}

/* ---- run ids ---- */

static void put(uint8_t *to, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get(const uint8_t *from, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | from[i];
	return v;
}

void sonde_run_format(const struct sonde_run *r, struct sonde_id *out)
{
	put(out->b, (uint64_t)r->due_ms, 6);
	put(out->b + 6, r->schedule, 4);
	put(out->b + 10, r->revision, 2);
	put(out->b + 12, r->pair, 4);
}

void sonde_run_parse(const struct sonde_id *id, struct sonde_run *out)
{
	out->due_ms = (int64_t)get(id->b, 6);
	out->schedule = (uint32_t)get(id->b + 6, 4);
	out->revision = (uint16_t)get(id->b + 10, 2);
	out->pair = (uint32_t)get(id->b + 12, 4);
}

/* ---- windows ---- */

static bool read_ms(const char **p, const char *end, int64_t *out)
{
	int64_t v = 0;
	const char *start = *p;

	for (; *p < end && **p >= '0' && **p <= '9' && *p - start < 15; (*p)++)
		v = v * 10 + (**p - '0');
	*out = v;
	return *p > start && v <= latest_ms;
}

static int read_window(const char *p, const char *end, struct sonde_plan_window *w,
                       struct sonde_error *e)
{
	memset(w, 0, sizeof(*w));
	if (!read_ms(&p, end, &w->start_ms) || p == end)
		return sonde_fail(e, SONDE_EINVAL, "windows", "must be START-UNTIL or DURATION@CRON");
	if (*p == '@') {
		w->duration_ms = w->start_ms;
		if (w->duration_ms < 60000 || w->duration_ms > INT64_C(604800000))
			return sonde_fail(e, SONDE_EINVAL, "windows",
			                  "must last from a minute to seven days");
		return sonde_cron_parse(p + 1, (size_t)(end - p - 1), &w->cron, e);
	}
	if (*p++ != '-' || !read_ms(&p, end, &w->until_ms) || p != end ||
	    w->until_ms <= w->start_ms)
		return sonde_fail(e, SONDE_EINVAL, "windows", "must end after they begin");
	return SONDE_OK;
}

int sonde_plan_windows(const char *text, size_t len, struct sonde_plan_window *out,
                       unsigned *count, struct sonde_error *e)
{
	const char *end = len ? text + len : text; /* of nothing, text may be NULL */

	*count = 0;
	if (len > SONDE_PLAN_WINDOW_TEXT)
		return sonde_fail(e, SONDE_EINVAL, "windows", "are too long");
	for (const char *p = text; p < end;) {
		const char *stop = memchr(p, ';', (size_t)(end - p));
		if (!stop)
			stop = end;
		if (*count == SONDE_PLAN_WINDOWS)
			return sonde_fail(e, SONDE_EINVAL, "windows", "are more than %d",
			                  SONDE_PLAN_WINDOWS);
		int rc = read_window(p, stop, &out[*count], e);
		if (rc != SONDE_OK)
			return rc;
		(*count)++;
		p = stop + (stop < end);
	}
	return SONDE_OK;
}
