/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the service in one object, for people and dashboards: what /metrics has as numbers,
 * and what of the last day the rollups know. */
#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/members.h"

static void put_nodes(const struct controller *c, struct sonde_json *j)
{
	unsigned count[NODE_STATUSES] = { 0 };

	for (unsigned i = 0; i < c->nodes.len; i++)
		if (c->nodes.all[i])
			count[node_status(&c->nodes, c->nodes.all[i])]++;
	sonde_json_open(j, "nodes", '{');
	for (int s = 0; s < NODE_STATUSES; s++)
		sonde_json_int(j, node_status_name(s), count[s]);
	sonde_json_close(j);
}

/* Of the last 24 hours, as the rollups have it; at most once a minute a walk over them. */
static void put_day(struct controller *c, struct sonde_json *j)
{
	const struct rollup_sums *s = rollups_day(&c->rollups);

	sonde_json_open(j, "last24h", '{');
	sonde_json_int(j, "results", (int64_t)s->count);
	sonde_json_int(j, "failed", (int64_t)s->failed);
	sonde_json_int(j, "unmeasured", (int64_t)s->unmeasured);
	sonde_json_number(j, "averageMs", s->count ? s->duration / (double)s->count : 0, 3);
	sonde_json_close(j);
}

void stats_put(struct controller *c, struct sonde_json *j)
{
	struct sonde_store_stats s;

	struct sonde_read *read;
	uint64_t next = 0;

	if (sonde_read_begin(c->store, &read) == SONDE_OK) {
		sonde_read_next(read, &next);
		sonde_read_end(read);
	}
	sonde_store_stats(c->store, &s);
	member_time(j, "at", sonde_wall_ms());
	sonde_json_number(j, "uptimeSeconds",
	                  (double)(sonde_boottime_ns() - c->started_ns) / 1e9, 0);
	put_nodes(c, j);
	sonde_json_open(j, "measurements", '{');
	sonde_json_int(j, "open", (int64_t)c->tasks.open.len);
	sonde_json_int(j, "created", (int64_t)c->tasks.created);
	sonde_json_int(j, "finished", (int64_t)c->tasks.finished);
	sonde_json_close(j);
	sonde_json_open(j, "tasks", '{');
	sonde_json_int(j, "waiting", (int64_t)c->tasks.waiting);
	sonde_json_int(j, "retried", (int64_t)c->tasks.retried);
	sonde_json_close(j);
	sonde_json_open(j, "results", '{');
	sonde_json_int(j, "stored", (int64_t)c->ingest.stored);
	sonde_json_int(j, "duplicates", (int64_t)c->ingest.duplicates);
	sonde_json_int(j, "late", (int64_t)c->ingest.late);
	sonde_json_int(j, "lost", (int64_t)c->ingest.lost);
	sonde_json_int(j, "next", (int64_t)next);
	sonde_json_close(j);
	sonde_json_open(j, "queues", '{');
	sonde_json_int(j, "store", s.waiting);
	sonde_json_int(j, "waiters", c->waits.count);
	sonde_json_close(j);
	sonde_json_open(j, "connections", '{');
	sonde_json_int(j, "nodes", c->connections);
	sonde_json_int(j, "live", c->live.connections);
	sonde_json_int(j, "liveMissed", (int64_t)c->live.missed);
	sonde_json_close(j);
	sonde_json_open(j, "rollups", '{');
	sonde_json_int(j, "folded", (int64_t)c->rollups.folded);
	sonde_json_int(j, "written", (int64_t)c->rollups.written);
	sonde_json_int(j, "behind", (int64_t)(next > c->rollups.next ? next - c->rollups.next : 0));
	sonde_json_close(j);
	put_day(c, j);
	sonde_json_int(j, "storeBytes", (int64_t)s.bytes_used);
}

void api_stats(struct call *call)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 1 << 16);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	stats_put(call->c, &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}
