/* SPDX-License-Identifier: Apache-2.0 */
/* Ids begin with their time, so that the old ones are the first of the table: a batch is read from
 * there, deleted by the writer, and the next one read when that is committed. Then a second walk, over
 * what is left and old enough for the shortest tier, takes what the owner's tier keeps no longer; it
 * goes through the writer after each slice even when there is nothing to delete, so that the loop turns.
 * The job owns the batch. */
#include "controller/retain.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"

enum { BATCH = 1000, SLICE = 5000 };

static const int64_t day_ms = 86400000;

struct forget {
	struct sonde_job job;
	struct controller *c;
	int64_t before_ms, now_ms;
	bool owned;           /* the second walk */
	bool over;            /* nothing is left to look at */
	struct sonde_id from; /* where it goes on */
	unsigned count, looked;
	uint64_t total;
	struct sonde_id ids[BATCH];
};

static int note(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct forget *f = arg;
	struct sonde_id id;

	(void)value;
	if (key.len != sizeof(id.b) || f->count == BATCH)
		return 1;
	memcpy(id.b, key.data, sizeof(id.b));
	if (sonde_id_wall_ms(&id) >= f->before_ms)
		return 1;
	f->ids[f->count++] = id;
	return 0;
}

/* Days that the owner's tier keeps it; 0 = as the controller. */
static int64_t days_of(const struct controller *c, const struct record *r)
{
	const struct user *user = r->owner.len ? record_owner(c, r) : NULL;

	return user ? tiers_get(&c->accounts.tiers, user->facts.tier)->facts.retain_days : 0;
}

static bool is_over(const struct controller *c, const struct record *r, int64_t age_ms)
{
	int64_t days = days_of(c, r);

	return days && age_ms > days * day_ms;
}

static int note_owned(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct forget *f = arg;
	struct record r;

	if (key.len != sizeof(f->from.b))
		return 0;
	memcpy(f->from.b, key.data, sizeof(f->from.b));
	int64_t age = f->now_ms - sonde_id_wall_ms(&f->from);
	if (sonde_id_wall_ms(&f->from) >= f->before_ms) {
		f->over = true;
		return 1;
	}
	if (f->count == BATCH || f->looked++ == SLICE)
		return 1;
	if (record_read(&r, value.data, value.len) == SONDE_OK && is_over(f->c, &r, age) &&
	    !tasks_find(&f->c->tasks, &f->from))
		f->ids[f->count++] = f->from;
	return 0;
}

/* What the shortest tier would still keep is not looked at; INT64_MIN when none is shorter. */
static int64_t shortest_before(const struct controller *c, int64_t now_ms)
{
	const struct tier *t;
	int64_t days = 0;
	size_t at = 0;

	while ((t = sonde_map_next(&c->accounts.tiers.by_name, &at)))
		if (t->facts.retain_days && (!days || t->facts.retain_days < days))
			days = t->facts.retain_days;
	return days ? now_ms - days * day_ms : INT64_MIN;
}

void retention_init(struct retention *t, const struct controller *c)
{
	t->c = c;
	t->now_ms = sonde_wall_ms();
	t->before_ms = shortest_before(c, t->now_ms);
}

bool retention_keeps(const struct retention *t, const struct sonde_id *id, const struct record *r)
{
	int64_t at = sonde_id_wall_ms(id);

	if (at >= t->before_ms)
		return true;
	return r && (!is_over(t->c, r, t->now_ms - at) || tasks_find(&t->c->tasks, id));
}

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	const struct forget *f = (struct forget *)job;

	for (unsigned i = 0; i < f->count; i++) {
		int rc = sonde_write_delete(w, SONDE_TABLE_MEASUREMENTS,
		                            (struct sonde_slice){ f->ids[i].b, sizeof(f->ids[i].b) });
		if (rc != SONDE_OK && rc != SONDE_ENOENT)
			return rc;
	}
	return SONDE_OK;
}

static void next(struct forget *f);

static void end(struct forget *f)
{
	if (!f->owned && !f->c->stopping) {
		f->owned = true;
		f->over = false;
		f->before_ms = shortest_before(f->c, f->now_ms);
		if (f->before_ms > INT64_MIN) {
			next(f);
			return;
		}
	}
	if (f->total)
		sonde_log(SONDE_LOG_INFO, "retain", "%llu old measurements were deleted",
		          (unsigned long long)f->total);
	f->c->forgetting = false;
	free(f);
}

static void next(struct forget *f)
{
	const struct sonde_slice from = { f->from.b, f->owned ? sizeof(f->from.b) : 0 };
	struct sonde_read *r;

	f->count = f->looked = 0;
	if (f->c->stopping || f->over || sonde_read_begin(f->c->store, &r) != SONDE_OK) {
		end(f);
		return;
	}
	int more = sonde_read_each(r, SONDE_TABLE_MEASUREMENTS, from, f->owned ? note_owned : note, f);
	sonde_read_end(r);
	f->over = !more || f->over;
	if ((!f->count && (f->over || !f->owned)) || sonde_store_submit(f->c->store, &f->job) != SONDE_OK)
		end(f);
}

static void done(struct sonde_job *job, int status)
{
	struct forget *f = (struct forget *)job;

	if (status != SONDE_OK) {
		f->owned = true;
		end(f);
		return;
	}
	f->total += f->count;
	next(f);
}

void measurements_forget(struct controller *c, int64_t before_ms, int64_t now_ms)
{
	struct forget *f = c->forgetting ? NULL : calloc(1, sizeof(*f));

	if (!f)
		return;
	c->forgetting = true;
	f->job.apply = apply;
	f->job.done = done;
	f->c = c;
	f->before_ms = before_ms;
	f->now_ms = now_ms;
	next(f);
}
