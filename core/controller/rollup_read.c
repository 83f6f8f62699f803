/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rollups: what is stored, then what is on its way, then what is only in memory. */
#include <string.h>

#include "base/clock.h"
#include "controller/controller.h"
#include "controller/rollup_private.h"

enum { DAY_LOOK_MAX = 50000, DAY_STALE_S = 60 };

struct walking {
	enum rollup_step step;
	uint32_t end;
	int (*fn)(void *, const struct rollup_view *);
	void *arg;
	int rc;
};

static int on_stored(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct walking *w = arg;
	struct rollup_view v;

	if (key.len != sizeof(struct rollup_key))
		return 0;
	const struct rollup_key *k = key.data;
	uint32_t at = rollup_key_at(k);
	if (k->step != w->step || at >= w->end)
		return 1;
	if (!rollup_row_read(value, &v))
		return 0;
	memcpy(v.node.b, k->node, 16);
	v.at_ms = at * rollup_step_ms[w->step];
	w->rc = w->fn(w->arg, &v);
	return w->rc;
}

static int each_delta(const struct sonde_map *map, struct walking *w, int64_t since, int64_t until)
{
	const struct rollup_delta *d;
	size_t at = 0;

	while (!w->rc && (d = sonde_map_next(map, &at))) {
		int64_t ms = d->minute * rollup_step_ms[0] / rollup_step_ms[w->step] *
			     rollup_step_ms[w->step];
		if (ms < since || ms >= until)
			continue;
		struct rollup_view v = { .node = d->node, .schedule = d->schedule, .type = d->texts, .type_len = d->type_len,
			                 .target = d->texts + d->type_len,
			                 .target_len = d->target_len, .at_ms = ms, .sums = d->sums,
			                 .bars = d->histogram.bars, .bar_count = d->histogram.len };
		w->rc = w->fn(w->arg, &v);
	}
	return w->rc;
}

int rollups_each(struct rollups *r, enum rollup_step step, int64_t since, int64_t until,
                 int (*fn)(void *, const struct rollup_view *), void *arg)
{
	struct walking w = { .step = step, .fn = fn, .arg = arg };
	int64_t width = rollup_step_ms[step];
	struct sonde_read *read;
	uint64_t written;
	uint8_t from[ROLLUP_PREFIX];

	since = since / width * width;
	w.end = (uint32_t)((until + width - 1) / width);
	rollup_prefix(from, step, (uint32_t)(since / width));
	int rc = sonde_read_begin(r->c->store, &read);
	if (rc != SONDE_OK)
		return rc;
	rollups_stored_next(r, &written); /* a read inside a read sees the same */
	sonde_read_each(read, SONDE_TABLE_ROLLUPS, (struct sonde_slice){ from, sizeof(from) },
	                on_stored, &w);
	sonde_read_end(read);
	/* A flush may be committed and not yet reported. */
	if (!w.rc && r->flushing && written < r->flushing->next)
		each_delta(&r->flushing->deltas, &w, since, until);
	return w.rc ? w.rc : each_delta(&r->fresh, &w, since, until);
}

struct day {
	struct rollup_sums sums;
	unsigned looked;
};

static int add_day(void *arg, const struct rollup_view *v)
{
	struct day *day = arg;

	rollup_sums_add(&day->sums, &v->sums);
	return ++day->looked >= DAY_LOOK_MAX;
}

const struct rollup_sums *rollups_day(struct rollups *r)
{
	int64_t now = sonde_boottime_ns(), wall = sonde_wall_ms();
	struct day day = { .looked = 0 };

	if (r->day_ns && now - r->day_ns < DAY_STALE_S * SONDE_NS_PER_S)
		return &r->day;
	rollups_each(r, ROLLUP_HOUR, wall - rollup_step_ms[ROLLUP_DAY], wall + 1, add_day, &day);
	r->day = day.sums;
	r->day_ns = now;
	return &r->day;
}
