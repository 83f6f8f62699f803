/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of packed results, bounded in number and bytes. Owns the copies. */
#include "node/recent.h"

#include <stdlib.h>
#include <string.h>

static void drop(struct sonde_recent *r, unsigned at)
{
	r->bytes -= r->rows[at].len;
	free(r->rows[at].packed);
	r->rows[at].packed = NULL;
	r->rows[at].len = 0;
}

void sonde_recent_deinit(struct sonde_recent *r)
{
	for (unsigned i = 0; i < SONDE_RECENT_RESULTS; i++)
		drop(r, i);
}

void sonde_recent_add(struct sonde_recent *r, const void *packed, size_t len)
{
	unsigned at = r->count % SONDE_RECENT_RESULTS;

	if (!len || len > SONDE_RECENT_BYTES / 2)
		return;
	drop(r, at);
	for (unsigned i = 1; r->bytes + len > SONDE_RECENT_BYTES && i < SONDE_RECENT_RESULTS; i++)
		drop(r, (at + i) % SONDE_RECENT_RESULTS);
	char *copy = malloc(len);
	if (!copy)
		return;
	memcpy(copy, packed, len);
	r->rows[at].packed = copy;
	r->rows[at].len = len;
	r->bytes += len;
	r->count++;
}

static void write_one(const struct sonde_msg_result *m, struct sonde_json *j)
{
	char id[SONDE_ID_TEXT];

	sonde_id_format(&m->measurement, id);
	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "measurement", id);
	sonde_json_int(j, "task", m->task);
	sonde_json_int(j, "attempt", m->attempt);
	sonde_json_str(j, "failure", m->failure ? sonde_failure_name(m->failure) : NULL);
	sonde_json_text(j, "failureMessage", m->why.s ? m->why.s : "", m->why.len);
	sonde_json_int(j, "startedMs", m->started_ms);
	sonde_json_int(j, "tookUs", m->took_us);
	sonde_json_raw(j, "result", m->body.len ? m->body.s : "{}", m->body.len ? m->body.len : 2);
	sonde_json_close(j);
}

void sonde_recent_write(const struct sonde_recent *r, unsigned limit, struct sonde_json *j)
{
	for (uint64_t i = r->count; i > 0 && limit && r->count - i < SONDE_RECENT_RESULTS; i--) {
		unsigned at = (i - 1) % SONDE_RECENT_RESULTS;
		struct sonde_msg_result m = { 0 };
		if (!r->rows[at].packed ||
		    sonde_result_unpack(r->rows[at].packed, r->rows[at].len, &m))
			continue;
		write_one(&m, j);
		limit--;
	}
}
