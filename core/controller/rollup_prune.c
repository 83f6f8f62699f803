/* SPDX-License-Identifier: Apache-2.0 */
/* Forgets what is older than the options keep, some thousand rows at a time. */
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/rollup_private.h"

enum { PRUNE_MAX = 2000 };

struct pruning {
	struct sonde_job job;
	struct rollups *r;
	uint32_t before[ROLLUP_STEPS]; /* in steps; 0 = keep all */
	unsigned count;
	struct rollup_key keys[PRUNE_MAX];
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
	uint8_t end[ROLLUP_PREFIX];

	(void)value;
	if (key.len != sizeof(struct rollup_key) || p->count == PRUNE_MAX)
		return 1;
	const struct rollup_key *k = key.data;
	if (k->step >= ROLLUP_STEPS)
		return 1;
	rollup_prefix(end, (enum rollup_step)k->step, p->before[k->step]);
	if (memcmp(k, end, sizeof(end)) >= 0)
		return 1;
	memcpy(&p->keys[p->count++], key.data, key.len);
	return 0;
}

void rollups_prune(struct rollups *r, int64_t now_ms)
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
