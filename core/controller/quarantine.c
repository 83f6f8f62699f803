/* SPDX-License-Identifier: Apache-2.0 */
/* One job of the store a result. Owns the copy until it is written. */
#include "controller/quarantine.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/controller.h"

enum { QUARANTINE_MAX = 10000, KEY = 32 };

struct quarantine_job {
	struct sonde_job job;
	uint8_t key[KEY];
	size_t len;
	char body[];
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct quarantine_job *q = (struct quarantine_job *)job;
	int rc = sonde_write_insert(w, SONDE_TABLE_QUARANTINE, (struct sonde_slice){ q->key, KEY },
	                            (struct sonde_slice){ q->body, q->len });

	return rc == SONDE_EEXIST ? SONDE_OK : rc;
}

static void done(struct sonde_job *job, int status)
{
	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "ingest", "a result was not put into quarantine: %s",
		          sonde_strstatus(status));
	free(job);
}

static void put_big_endian(uint8_t *out, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> (56 - 8 * i));
}

void quarantine_put(struct controller *c, const struct sonde_result *r)
{
	struct quarantine_job *q;

	if (c->ingest.quarantined > QUARANTINE_MAX || !(q = malloc(sizeof(*q) + r->body.len)))
		return;
	memset(q, 0, sizeof(*q));
	q->job.apply = apply;
	q->job.done = done;
	q->job.bulk = true;
	memcpy(q->key, r->node.b, sizeof(r->node.b));
	put_big_endian(q->key + 16, r->epoch);
	put_big_endian(q->key + 24, r->seq);
	q->len = r->body.len;
	memcpy(q->body, r->body.data, r->body.len);
	if (sonde_store_submit(c->store, &q->job) != SONDE_OK)
		done(&q->job, SONDE_EFULL);
}
