/* SPDX-License-Identifier: Apache-2.0 */
/* Folding and flushing. In memory there are only minutes; a flush adds each to its minute, hour and
 * day. Owns the deltas: of `fresh`, and of the one job that is on its way. While that is, folding
 * goes on until `fresh` is full, and then waits. */
#include "controller/rollup_private.h"

#include <math.h>
#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/result_facts.h"
#include "wire/wire.h"

enum {
	BATCH = 500,            /* results folded in one go */
	SERIES_MAX = 2000,      /* of one flush: some 20 ms of the writer */
	PACE_MS = 250,
	FLUSH_S = 10, PRUNE_S = 60,
	TEXT_MAX = 255,         /* of a type or target; longer ones have no series */
	FUTURE_MS = 60000, SETTLE_MS = 5000,
};
#define PAST_MS (INT64_C(31) * 86400000)

const int64_t rollup_step_ms[ROLLUP_STEPS] = { 60000, 3600000, 86400000 };
static const char cursor_key[] = "rollup";

static struct rollup_sums sums_of(const struct sonde_result *r, const struct result_facts *f)
{
	double ms = result_facts_ms(f);
	struct rollup_sums s = { .count = 1, .duration = isfinite(f->duration_ms) ? f->duration_ms : 0 };

	s.unmeasured = r->failure && sonde_failure_is_ours(r->failure);
	s.failed = r->failure && !s.unmeasured;
	if (isfinite(ms) && !r->failure) {
		s.timed = 1;
		s.sum = ms;
		s.min = isfinite(f->min) ? f->min : ms;
		s.max = isfinite(f->max) ? f->max : ms;
	}
	if (isfinite(f->loss)) {
		s.lossy = 1;
		s.loss = f->loss;
	}
	return s;
}

/* ---- folding ---- */

struct folding {
	struct rollups *r;
	struct sonde_read *read;
	unsigned seen;
	int64_t now_ms;
	struct sonde_id known;
	struct record record;
	bool has_record;
};

static const struct record *record_of(struct folding *f, const struct sonde_id *id)
{
	struct sonde_slice value;

	if (f->has_record && sonde_id_equal(&f->known, id))
		return &f->record;
	f->known = *id;
	f->has_record = sonde_read_get(f->read, SONDE_TABLE_MEASUREMENTS,
	                               (struct sonde_slice){ id->b, sizeof(id->b) },
	                               &value) == SONDE_OK &&
	                record_read(&f->record, value.data, value.len) == SONDE_OK;
	return f->has_record ? &f->record : NULL;
}

static struct rollup_delta *delta_of(struct rollups *r, const struct sonde_id *node, uint32_t minute,
                              const struct record *record)
{
	uint8_t key[36 + 2 * TEXT_MAX + 1];
	size_t n = 0, texts = record->type.len + 1 + record->target.len;

	struct sonde_id schedule = { 0 };

	if (record->schedule.len == sizeof(schedule.b))
		memcpy(schedule.b, record->schedule.s, sizeof(schedule.b));
	memcpy(key, node->b, 16);
	memcpy(key + 16, &minute, 4);
	memcpy(key + 20, schedule.b, 16);
	n = 36;
	memcpy(key + n, record->type.s, record->type.len);
	n += record->type.len;
	key[n++] = '\0';
	memcpy(key + n, record->target.s, record->target.len);
	n += record->target.len;
	struct rollup_delta *d = sonde_map_get(&r->fresh, key, n);
	if (d)
		return d;
	d = calloc(1, sizeof(*d) + texts);
	if (!d)
		return NULL;
	d->node = *node;
	d->schedule = schedule;
	d->minute = minute;
	d->type_len = (uint8_t)record->type.len;
	d->target_len = (uint8_t)record->target.len;
	memcpy(d->texts, record->type.s, record->type.len);
	memcpy(d->texts + record->type.len, record->target.s, record->target.len);
	if (sonde_map_put(&r->fresh, key, n, d) != SONDE_OK) {
		free(d);
		return NULL;
	}
	return d;
}

static int fold(void *arg, uint64_t ingest, const struct sonde_result *r)
{
	struct folding *f = arg;
	struct result_facts facts;

	(void)ingest;
	if (f->seen++ >= BATCH || f->r->fresh.len >= SERIES_MAX)
		return 1;
	if (r->late || sonde_id_is_zero(&r->measurement) || sonde_id_is_zero(&r->node))
		return 0;
	const struct record *record = record_of(f, &r->measurement);
	/* Of a run that a node began by itself the record may be committed a moment later. */
	if (!record && f->now_ms - r->received_ms < SETTLE_MS)
		return 2;
	if (!record || record->type.len > TEXT_MAX || record->target.len > TEXT_MAX)
		return 0;
	result_facts_read(&facts, r->body.data, r->body.len);
	int64_t at = facts.started_ms;
	if (at > f->now_ms + FUTURE_MS || at < f->now_ms - PAST_MS)
		at = r->received_ms;
	struct rollup_delta *d = delta_of(f->r, &r->node, (uint32_t)(at / rollup_step_ms[0]), record);
	if (!d)
		return 1; /* again when there is memory */
	struct rollup_sums one = sums_of(r, &facts);
	rollup_sums_add(&d->sums, &one);
	if (one.timed)
		histogram_add(&d->histogram, histogram_step(one.sum), 1);
	f->r->folded++;
	return 0;
}

/* Whether there is more to fold now. */
static bool fold_some(struct rollups *r)
{
	struct folding f = { .r = r, .now_ms = sonde_wall_ms() };

	if (sonde_read_begin(r->c->store, &f.read) != SONDE_OK)
		return false;
	int rc = sonde_read_results(f.read, r->next, fold, &f, &r->next);
	sonde_read_end(f.read);
	return rc == 1 && r->fresh.len < SERIES_MAX;
}

/* ---- flushing ---- */

/* Add a minute to one step of its series. */
static int add_to(struct sonde_write *w, struct rollup_job *job, const struct rollup_delta *d,
                  enum rollup_step step)
{
	uint64_t series = rollup_series(d);
	uint32_t at = (uint32_t)(d->minute * rollup_step_ms[0] / rollup_step_ms[step]);
	struct histogram sum = { 0 };
	struct rollup_sums sums = { 0 };
	struct rollup_view there;
	struct sonde_slice value;
	struct rollup_key k;
	int rc;

	for (;; series++) {
		rollup_key_make(&k, step, at, &d->node, series);
		rc = sonde_write_get(w, SONDE_TABLE_ROLLUPS, (struct sonde_slice){ &k, sizeof(k) },
		                     &value);
		if (rc != SONDE_OK || !rollup_row_read(value, &there))
			break;
		if (rollup_row_is(&there, d)) {
			sums = there.sums;
			rc = histogram_merge(&sum, there.bars, there.bar_count);
			break;
		}
	}
	if (rc == SONDE_ENOENT)
		rc = SONDE_OK;
	rollup_sums_add(&sums, &d->sums);
	if (rc == SONDE_OK)
		rc = histogram_merge(&sum, d->histogram.bars, d->histogram.len);
	rollup_row_write(&job->value, d, &sums, &sum);
	histogram_deinit(&sum);
	if (rc == SONDE_OK && job->value.failed)
		rc = SONDE_ENOMEM;
	return rc != SONDE_OK ? rc :
		sonde_write_put(w, SONDE_TABLE_ROLLUPS, (struct sonde_slice){ &k, sizeof(k) },
		                (struct sonde_slice){ job->value.data, job->value.len });
}

static int apply(struct sonde_write *w, struct sonde_job *base)
{
	struct rollup_job *job = (struct rollup_job *)base;
	const struct rollup_delta *d;
	size_t at = 0;
	int rc = SONDE_OK;

	while (rc == SONDE_OK && (d = sonde_map_next(&job->deltas, &at)))
		for (int step = 0; rc == SONDE_OK && step < ROLLUP_STEPS; step++)
			rc = add_to(w, job, d, (enum rollup_step)step);
	if (rc == SONDE_OK)
		rc = sonde_write_put(w, SONDE_TABLE_META,
		                     (struct sonde_slice){ cursor_key, sizeof(cursor_key) - 1 },
		                     (struct sonde_slice){ &job->next, sizeof(job->next) });
	return rc;
}

static void free_deltas(struct sonde_map *map)
{
	struct rollup_delta *d;
	size_t at = 0;

	while ((d = sonde_map_next(map, &at))) {
		histogram_deinit(&d->histogram);
		free(d);
	}
	sonde_map_deinit(map);
	sonde_map_init(map);
}

static void job_free(struct rollup_job *job)
{
	free_deltas(&job->deltas);
	sonde_map_deinit(&job->deltas);
	sonde_buf_deinit(&job->value);
	free(job);
}

int rollups_stored_next(struct rollups *r, uint64_t *next)
{
	struct sonde_slice value;
	struct sonde_read *read;

	*next = 1;
	int rc = sonde_read_begin(r->c->store, &read);
	if (rc != SONDE_OK)
		return rc;
	if (sonde_read_get(read, SONDE_TABLE_META,
	                   (struct sonde_slice){ cursor_key, sizeof(cursor_key) - 1 },
	                   &value) == SONDE_OK &&
	    value.len == sizeof(*next))
		memcpy(next, value.data, sizeof(*next));
	sonde_read_end(read);
	return SONDE_OK;
}

static void done(struct sonde_job *base, int status)
{
	struct rollup_job *job = (struct rollup_job *)base;
	struct rollups *r = job->r;

	r->flushing = NULL;
	if (status == SONDE_OK)
		r->written += job->results;
	if (status != SONDE_OK) {
		/* The results are there: fold again from what is written. */
		sonde_log(SONDE_LOG_WARN, "rollup", "not written, later again: %s",
		          sonde_strstatus(status));
		free_deltas(&r->fresh);
		if (!r->c->stopping)
			rollups_stored_next(r, &r->next);
	}
	job_free(job);
}

static void flush(struct rollups *r)
{
	if (r->flushing || !r->fresh.len)
		return;
	struct rollup_job *job = calloc(1, sizeof(*job));
	if (!job)
		return;
	job->job.apply = apply;
	job->job.done = done;
	job->r = r;
	job->next = r->next;
	job->results = r->folded - r->given;
	r->given = r->folded;
	job->deltas = r->fresh;
	sonde_buf_init(&job->value, 1 << 16);
	sonde_map_init(&r->fresh);
	r->flushed_ns = sonde_boottime_ns();
	r->flushing = job;
	int rc = sonde_store_submit(r->c->store, &job->job);
	if (rc != SONDE_OK)
		done(&job->job, rc);
}

/* ---- time ---- */

static void on_time(uv_timer_t *timer)
{
	struct rollups *r = timer->data;
	int64_t began = sonde_boottime_ns();
	bool more = r->fresh.len < SERIES_MAX && fold_some(r);
	int64_t now = sonde_boottime_ns();

	if (r->fresh.len >= SERIES_MAX || now - r->flushed_ns > FLUSH_S * SONDE_NS_PER_S)
		flush(r);
	if (now - r->pruned_ns > PRUNE_S * SONDE_NS_PER_S && ageing_allowed(&r->c->ageing)) {
		r->pruned_ns = now;
		rollups_prune(r, sonde_wall_ms());
	}
	/* At most a quarter of the loop's time, whatever is to be caught up. */
	uint64_t pause = (uint64_t)((now - began) * 3 / SONDE_NS_PER_MS) + 1;
	uv_timer_start(timer, on_time, more ? pause : PACE_MS, 0);
}

int rollups_init(struct rollups *r, struct controller *c)
{
	*r = (struct rollups){ .c = c, .flushed_ns = sonde_boottime_ns() };
	sonde_map_init(&r->fresh);
	uv_timer_init(&c->loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, on_time, PACE_MS, 0);
	return rollups_stored_next(r, &r->next);
}

void rollups_stop(struct rollups *r)
{
	r->closed = true;
	flush(r);
	uv_close((uv_handle_t *)&r->timer, NULL);
}

void rollups_deinit(struct rollups *r)
{
	free_deltas(&r->fresh);
	sonde_map_deinit(&r->fresh);
}
