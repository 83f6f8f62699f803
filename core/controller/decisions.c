/* SPDX-License-Identifier: Apache-2.0 */
/* Pending explanations and their way into the store. Owns the pending ones, and those of a job
 * until it is done. Refuses more than PENDING_MAX bytes in memory: then an explanation is lost and
 * counted, never a measurement. */
#include "controller/decisions.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { PENDING_MAX = 64 << 20, RETAIN_SLICE = 2000, PENDING_COUNT = 2000 };

struct decision {
	struct sonde_id id;
	size_t len;
	char json[];
};

void decisions_init(struct decisions *d)
{
	*d = (struct decisions){ 0 };
	sonde_map_init(&d->pending);
}

static void clear(struct decisions *d)
{
	struct decision *one;

	for (size_t at = 0; (one = sonde_map_next(&d->pending, &at));)
		free(one);
	sonde_map_deinit(&d->pending);
	d->bytes = 0;
}

void decisions_deinit(struct decisions *d)
{
	clear(d);
}

bool decisions_wanted(struct decisions *d)
{
	bool room = d->pending.len < PENDING_COUNT;

	d->skipped += !room;
	return room;
}

void decisions_put(struct decisions *d, const struct sonde_id *id, const char *json, size_t len)
{
	struct decision *one = d->bytes + len <= PENDING_MAX ? malloc(sizeof(*one) + len) : NULL;

	if (one && sonde_map_put(&d->pending, id->b, sizeof(id->b), one) == SONDE_OK) {
		one->id = *id;
		one->len = len;
		memcpy(one->json, json, len);
		d->bytes += len;
		return;
	}
	free(one);
	d->lost++;
}

/* ---- storing ---- */

struct flush {
	struct sonde_job job;
	struct decisions *owner;
	struct flush *next; /* of those that fly */
	size_t count;
	struct decision *all[];
};

static int flush_apply(struct sonde_write *w, struct sonde_job *job)
{
	struct flush *f = (struct flush *)job;

	for (size_t i = 0; i < f->count; i++) {
		const struct decision *one = f->all[i];
		int rc = sonde_write_put(w, SONDE_TABLE_DECISIONS,
		                         (struct sonde_slice){ one->id.b, sizeof(one->id.b) },
		                         (struct sonde_slice){ one->json, one->len });
		if (rc != SONDE_OK)
			return rc;
	}
	return SONDE_OK;
}

static void flush_free(struct flush *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->all[i]);
	free(f);
}

static void flush_done(struct sonde_job *job, int status)
{
	struct flush *f = (struct flush *)job, **at = &f->owner->flying;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	*(status == SONDE_OK ? &f->owner->stored : &f->owner->lost) += f->count;
	flush_free(f);
}

static int by_id(const void *a, const void *b)
{
	const struct decision *const *x = a, *const *y = b;

	return memcmp((*x)->id.b, (*y)->id.b, sizeof((*x)->id.b));
}

void decisions_flush(struct decisions *d)
{
	size_t n = d->pending.len;
	struct decision *one;

	if (!n)
		return;
	struct flush *f = calloc(1, sizeof(*f) + n * sizeof(f->all[0]));
	if (!f)
		return;
	f->job = (struct sonde_job){ .apply = flush_apply, .done = flush_done, .bulk = true };
	f->owner = d;
	for (size_t at = 0; (one = sonde_map_next(&d->pending, &at));)
		f->all[f->count++] = one;
	qsort(f->all, f->count, sizeof(f->all[0]), by_id); /* in order, appending is cheap */
	sonde_map_deinit(&d->pending);
	sonde_map_init(&d->pending);
	d->bytes = 0;
	if (sonde_store_submit(d->store, &f->job) != SONDE_OK) {
		d->lost += f->count;
		flush_free(f);
		return;
	}
	f->next = d->flying;
	d->flying = f;
}

/* ---- reading ---- */

static const struct decision *find_flying(const struct decisions *d, const struct sonde_id *id)
{
	for (const struct flush *f = d->flying; f; f = f->next)
		for (size_t i = 0; i < f->count; i++)
			if (!memcmp(f->all[i]->id.b, id->b, sizeof(id->b)))
				return f->all[i];
	return NULL;
}

int decisions_get(const struct decisions *d, struct sonde_read *read, const struct sonde_id *id,
                  struct sonde_slice *out)
{
	const struct decision *one = sonde_map_get(&d->pending, id->b, sizeof(id->b));

	if (!one)
		one = find_flying(d, id);
	if (one) {
		*out = (struct sonde_slice){ one->json, one->len };
		return SONDE_OK;
	}
	return sonde_read_get(read, SONDE_TABLE_DECISIONS,
	                      (struct sonde_slice){ id->b, sizeof(id->b) }, out);
}

static struct sonde_id first_of(int64_t ms)
{
	struct sonde_id id = { { 0 } };

	for (int i = 0; i < 6; i++)
		id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	return id;
}

struct walk {
	int (*fn)(void *, const struct sonde_id *, struct sonde_slice);
	void *arg;
};

static int walk_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct walk *w = arg;
	struct sonde_id id;

	if (key.len != sizeof(id.b))
		return 0;
	memcpy(id.b, key.data, sizeof(id.b));
	return w->fn(w->arg, &id, value);
}

int decisions_each(const struct decisions *d, struct sonde_read *read, int64_t since_ms,
                   int (*fn)(void *, const struct sonde_id *, struct sonde_slice), void *arg)
{
	struct sonde_id from = first_of(since_ms > 0 ? since_ms : 0);
	struct walk w = { fn, arg };
	const struct decision *one;

	int rc = sonde_read_each(read, SONDE_TABLE_DECISIONS,
	                         (struct sonde_slice){ from.b, sizeof(from.b) }, walk_one, &w);
	for (const struct flush *f = d->flying; f && !rc; f = f->next)
		for (size_t i = 0; !rc && i < f->count; i++)
			rc = fn(arg, &f->all[i]->id,
			        (struct sonde_slice){ f->all[i]->json, f->all[i]->len });
	for (size_t at = 0; !rc && (one = sonde_map_next(&d->pending, &at));)
		rc = fn(arg, &one->id, (struct sonde_slice){ one->json, one->len });
	return rc;
}

/* ---- deleting ---- */

struct retain {
	struct sonde_job job;
	struct sonde_id before;
	size_t count;
	struct sonde_id ids[RETAIN_SLICE];
};

static int note_old(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct retain *r = arg;

	(void)value;
	if (key.len != sizeof(r->before.b) || r->count == RETAIN_SLICE ||
	    memcmp(key.data, r->before.b, key.len) >= 0)
		return 1;
	memcpy(r->ids[r->count++].b, key.data, key.len);
	return 0;
}

static int retain_apply(struct sonde_write *w, struct sonde_job *job)
{
	struct retain *r = (struct retain *)job;

	for (size_t i = 0; i < r->count; i++) {
		int rc = sonde_write_delete(w, SONDE_TABLE_DECISIONS,
		                            (struct sonde_slice){ r->ids[i].b, sizeof(r->ids[i].b) });
		if (rc != SONDE_OK && rc != SONDE_ENOENT)
			return rc;
	}
	return SONDE_OK;
}

static void retain_done(struct sonde_job *job, int status)
{
	(void)status;
	free(job);
}

void decisions_retain(struct decisions *d, int64_t before_ms)
{
	struct retain *r = calloc(1, sizeof(*r));
	struct sonde_read *read;

	if (!r || sonde_read_begin(d->store, &read) != SONDE_OK) {
		free(r);
		return;
	}
	r->before = first_of(before_ms);
	sonde_read_each(read, SONDE_TABLE_DECISIONS, (struct sonde_slice){ NULL, 0 }, note_old, r);
	sonde_read_end(read);
	r->job.apply = retain_apply;
	r->job.done = retain_done;
	if (!r->count || sonde_store_submit(d->store, &r->job) != SONDE_OK)
		free(r);
}
