/* SPDX-License-Identifier: Apache-2.0 */
/* Folding and flushing. In memory there are only minutes; a flush adds each to its minute, hour and
 * day. Owns the deltas: of `fresh`, and of the one job that is on its way. While that is, folding
 * goes on until `fresh` is full, and then waits. */
#include "controller/rollup.h"

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
	FLUSH_S = 10, PRUNE_S = 60, PRUNE_MAX = 2000,
	TEXT_MAX = 255,         /* of a type or target; longer ones have no series */
	FUTURE_MS = 60000, SETTLE_MS = 5000,
	VERSION = 1,
};
#define PAST_MS (INT64_C(31) * 86400000)

const int64_t rollup_step_ms[ROLLUP_STEPS] = { 60000, 3600000, 86400000 };
static const char cursor_key[] = "rollup";

struct __attribute__((packed)) key {
	uint8_t step;
	uint8_t at[4];    /* big-endian, in steps since 1970 */
	uint8_t node[16];
	uint8_t series[8]; /* hash of type and target; the next number where two collide */
};

struct __attribute__((packed)) head {
	uint8_t version, type_len, target_len;
	uint16_t bars;
	struct rollup_sums sums;
};

/* A minute of a series. */
struct delta {
	struct sonde_id node;
	uint32_t minute;
	struct rollup_sums sums;
	struct histogram histogram;
	uint8_t type_len, target_len;
	char texts[]; /* type, target */
};

struct rollup_job {
	struct sonde_job job;
	struct rollups *r;
	struct sonde_map deltas;
	uint64_t next, results;
	struct sonde_buf value; /* scratch of the writer */
};

/* ---- sums ---- */

void rollup_sums_add(struct rollup_sums *to, const struct rollup_sums *from)
{
	if (from->timed) {
		to->min = to->timed && to->min < from->min ? to->min : from->min;
		to->max = to->timed && to->max > from->max ? to->max : from->max;
	}
	to->count += from->count;
	to->failed += from->failed;
	to->unmeasured += from->unmeasured;
	to->timed += from->timed;
	to->lossy += from->lossy;
	to->sum += from->sum;
	to->loss += from->loss;
	to->duration += from->duration;
}

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

static struct delta *delta_of(struct rollups *r, const struct sonde_id *node, uint32_t minute,
                              const struct record *record)
{
	uint8_t key[20 + 2 * TEXT_MAX + 1];
	size_t n = 0, texts = record->type.len + 1 + record->target.len;

	memcpy(key, node->b, 16);
	memcpy(key + 16, &minute, 4);
	n = 20;
	memcpy(key + n, record->type.s, record->type.len);
	n += record->type.len;
	key[n++] = '\0';
	memcpy(key + n, record->target.s, record->target.len);
	n += record->target.len;
	struct delta *d = sonde_map_get(&r->fresh, key, n);
	if (d)
		return d;
	d = calloc(1, sizeof(*d) + texts);
	if (!d)
		return NULL;
	d->node = *node;
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
	struct delta *d = delta_of(f->r, &r->node, (uint32_t)(at / rollup_step_ms[0]), record);
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

/* ---- the stored form ---- */

static uint64_t hash_of(const char *type, size_t type_len, const char *target, size_t target_len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < type_len; i++)
		h = (h ^ (unsigned char)type[i]) * UINT64_C(0x100000001b3);
	h *= UINT64_C(0x100000001b3);
	for (size_t i = 0; i < target_len; i++)
		h = (h ^ (unsigned char)target[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void put_big(uint8_t *to, uint64_t v, int bytes)
{
	for (int i = bytes; i-- > 0; v >>= 8)
		to[i] = (uint8_t)v;
}

static void make_key(struct key *k, enum rollup_step step, uint32_t at, const struct sonde_id *node,
                     uint64_t series)
{
	k->step = (uint8_t)step;
	put_big(k->at, at, 4);
	memcpy(k->node, node->b, 16);
	put_big(k->series, series, 8);
}

static bool read_value(struct sonde_slice v, struct rollup_view *out)
{
	struct head h;

	if (v.len < sizeof(h))
		return false;
	memcpy(&h, v.data, sizeof(h));
	size_t texts = (size_t)h.type_len + h.target_len;
	if (h.version != VERSION ||
	    v.len != sizeof(h) + texts + h.bars * sizeof(struct histogram_bar))
		return false;
	const char *at = (const char *)v.data + sizeof(h);
	out->type = at;
	out->type_len = h.type_len;
	out->target = at + h.type_len;
	out->target_len = h.target_len;
	out->sums = h.sums;
	out->bars = (const struct histogram_bar *)(const void *)(at + texts);
	out->bar_count = h.bars;
	return true;
}

static bool same_series(const struct rollup_view *v, const struct delta *d)
{
	return v->type_len == d->type_len && v->target_len == d->target_len &&
	       !memcmp(v->type, d->texts, d->type_len) &&
	       !memcmp(v->target, d->texts + d->type_len, d->target_len);
}

static void write_value(struct sonde_buf *b, const struct delta *d, const struct rollup_sums *sums,
                        const struct histogram *h)
{
	struct head head = { .version = VERSION, .type_len = d->type_len,
		             .target_len = d->target_len, .bars = h->len, .sums = *sums };

	sonde_buf_reset(b);
	sonde_buf_add(b, &head, sizeof(head));
	sonde_buf_add(b, d->texts, (size_t)d->type_len + d->target_len);
	sonde_buf_add(b, h->bars, h->len * sizeof(h->bars[0]));
}

/* ---- flushing ---- */

/* Add a minute to one step of its series. */
static int add_to(struct sonde_write *w, struct rollup_job *job, const struct delta *d,
                  enum rollup_step step)
{
	uint64_t series = hash_of(d->texts, d->type_len, d->texts + d->type_len, d->target_len);
	uint32_t at = (uint32_t)(d->minute * rollup_step_ms[0] / rollup_step_ms[step]);
	struct histogram sum = { 0 };
	struct rollup_sums sums = { 0 };
	struct rollup_view there;
	struct sonde_slice value;
	struct key k;
	int rc;

	for (;; series++) {
		make_key(&k, step, at, &d->node, series);
		rc = sonde_write_get(w, SONDE_TABLE_ROLLUPS, (struct sonde_slice){ &k, sizeof(k) },
		                     &value);
		if (rc != SONDE_OK || !read_value(value, &there))
			break;
		if (same_series(&there, d)) {
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
	write_value(&job->value, d, &sums, &sum);
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
	const struct delta *d;
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
	struct delta *d;
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

static int stored_next(struct rollups *r, uint64_t *next)
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
			stored_next(r, &r->next);
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

/* ---- forgetting ---- */

struct pruning {
	struct sonde_job job;
	struct rollups *r;
	uint32_t before[ROLLUP_STEPS]; /* in steps; 0 = keep all */
	unsigned count;
	struct key keys[PRUNE_MAX];
};

static int prune_apply(struct sonde_write *w, struct sonde_job *base)
{
	struct pruning *p = (struct pruning *)base;

	for (unsigned i = 0; i < p->count; i++) {
		int rc = sonde_write_delete(w, SONDE_TABLE_ROLLUPS,
		                            (struct sonde_slice){ &p->keys[i], sizeof(p->keys[i]) });
		if (rc != SONDE_OK && rc != SONDE_ENOENT)
			return rc;
	}
	return SONDE_OK;
}

static void prune_done(struct sonde_job *base, int status)
{
	struct pruning *p = (struct pruning *)base;

	(void)status;
	p->r->pruning = false;
	free(p);
}

static int collect_old(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct pruning *p = arg;
	uint8_t end[5];

	(void)value;
	if (key.len != sizeof(struct key) || p->count == PRUNE_MAX)
		return 1;
	const struct key *k = key.data;
	if (k->step >= ROLLUP_STEPS)
		return 1;
	end[0] = k->step;
	put_big(end + 1, p->before[k->step], 4);
	if (memcmp(k, end, sizeof(end)) >= 0)
		return 1;
	memcpy(&p->keys[p->count++], key.data, key.len);
	return 0;
}

static void prune(struct rollups *r, int64_t now_ms)
{
	const int64_t days[] = { r->c->options.rollup_minute_days, r->c->options.rollup_hour_days };
	struct pruning *p = r->pruning ? NULL : calloc(1, sizeof(*p));
	struct sonde_read *read;

	if (!p)
		return;
	if (sonde_read_begin(r->c->store, &read) != SONDE_OK) {
		free(p);
		return;
	}
	for (unsigned step = 0; step < sizeof(days) / sizeof(days[0]); step++) {
		uint8_t from[1] = { (uint8_t)step };
		int64_t before = (now_ms - days[step] * rollup_step_ms[ROLLUP_DAY]) / rollup_step_ms[step];
		p->before[step] = before > 0 ? (uint32_t)before : 0;
		sonde_read_each(read, SONDE_TABLE_ROLLUPS, (struct sonde_slice){ from, 1 },
		                collect_old, p);
	}
	sonde_read_end(read);
	p->job.apply = prune_apply;
	p->job.done = prune_done;
	p->r = r;
	r->pruning = p->count > 0;
	if (!p->count || sonde_store_submit(r->c->store, &p->job) != SONDE_OK)
		prune_done(&p->job, SONDE_OK);
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
	if (now - r->pruned_ns > PRUNE_S * SONDE_NS_PER_S) {
		r->pruned_ns = now;
		prune(r, sonde_wall_ms());
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
	return stored_next(r, &r->next);
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

/* ---- reading ---- */

struct walking {
	enum rollup_step step;
	uint32_t end;
	int (*fn)(void *, const struct rollup_view *);
	void *arg;
	int rc;
};

static uint32_t from_big(const uint8_t b[4])
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int on_stored(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct walking *w = arg;
	struct rollup_view v;

	if (key.len != sizeof(struct key))
		return 0;
	const struct key *k = key.data;
	uint32_t at = from_big(k->at);
	if (k->step != w->step || at >= w->end)
		return 1;
	if (!read_value(value, &v))
		return 0;
	memcpy(v.node.b, k->node, 16);
	v.at_ms = at * rollup_step_ms[w->step];
	w->rc = w->fn(w->arg, &v);
	return w->rc;
}

static int each_delta(const struct sonde_map *map, struct walking *w, int64_t since, int64_t until)
{
	const struct delta *d;
	size_t at = 0;

	while (!w->rc && (d = sonde_map_next(map, &at))) {
		int64_t ms = d->minute * rollup_step_ms[0] / rollup_step_ms[w->step] *
			     rollup_step_ms[w->step];
		if (ms < since || ms >= until)
			continue;
		struct rollup_view v = { .node = d->node, .type = d->texts, .type_len = d->type_len,
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
	uint8_t from[5] = { (uint8_t)step };

	since = since / width * width;
	w.end = (uint32_t)((until + width - 1) / width);
	put_big(from + 1, (uint64_t)(since / width), 4);
	int rc = sonde_read_begin(r->c->store, &read);
	if (rc != SONDE_OK)
		return rc;
	stored_next(r, &written); /* a read inside a read sees the same */
	sonde_read_each(read, SONDE_TABLE_ROLLUPS, (struct sonde_slice){ from, sizeof(from) },
	                on_stored, &w);
	sonde_read_end(read);
	/* A flush may be committed and not yet reported. */
	if (!w.rc && r->flushing && written < r->flushing->next)
		each_delta(&r->flushing->deltas, &w, since, until);
	return w.rc ? w.rc : each_delta(&r->fresh, &w, since, until);
}

enum { DAY_LOOK_MAX = 50000, DAY_STALE_S = 60 };

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
