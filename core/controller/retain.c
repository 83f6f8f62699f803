/* SPDX-License-Identifier: Apache-2.0 */
/* Ids begin with their time, so that the old ones are the first of the table: a batch is read from
 * there, deleted by the writer, and the next one read when that is committed. The job owns the
 * batch. */
#include "controller/retain.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/controller.h"

enum { BATCH = 1000 };

struct forget {
	struct sonde_job job;
	struct controller *c;
	int64_t before_ms;
	unsigned count;
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

static void end(struct forget *f)
{
	if (f->total)
		sonde_log(SONDE_LOG_INFO, "retain", "%llu old measurements were deleted",
		          (unsigned long long)f->total);
	f->c->forgetting = false;
	free(f);
}

static void next(struct forget *f)
{
	struct sonde_read *r;

	f->count = 0;
	if (f->c->stopping || sonde_read_begin(f->c->store, &r) != SONDE_OK) {
		end(f);
		return;
	}
	sonde_read_each(r, SONDE_TABLE_MEASUREMENTS, (struct sonde_slice){ NULL, 0 }, note, f);
	sonde_read_end(r);
	if (!f->count || sonde_store_submit(f->c->store, &f->job) != SONDE_OK)
		end(f);
}

static void done(struct sonde_job *job, int status)
{
	struct forget *f = (struct forget *)job;

	if (status != SONDE_OK) {
		end(f);
		return;
	}
	f->total += f->count;
	next(f);
}

void measurements_forget(struct controller *c, int64_t before_ms)
{
	struct forget *f = c->forgetting ? NULL : calloc(1, sizeof(*f));

	if (!f)
		return;
	c->forgetting = true;
	f->job.apply = apply;
	f->job.done = done;
	f->c = c;
	f->before_ms = before_ms;
	next(f);
}
