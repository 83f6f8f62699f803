/* SPDX-License-Identifier: Apache-2.0 */
/* How a placement came about, as JSON: what each location left out and why, what the policy was
 * asked and what it answered. Only reads; the buffer is the request's. */
#include "controller/placement_private.h"

#include <string.h>

#include "base/json.h"
#include "script/replay.h"

static const char *const drop_names[] = { "status", "type", "location", "ipVersion",
                                          "requirement", "uplink", "storage", "taken" };

static void put_id(struct sonde_json *j, const char *key, const struct node *n)
{
	char id[SONDE_ID_TEXT];

	sonde_id_format(&n->id, id);
	sonde_json_text(j, key, id, SONDE_ID_TEXT - 1);
}

static void put_dropped(const struct placement *p, struct sonde_json *j, const struct candidates *c,
                        const struct needs *needs, unsigned taken)
{
	unsigned count[DROP_COUNT];

	memcpy(count, c->dropped, sizeof(count));
	count[DROP_TAKEN] = taken;
	sonde_json_open(j, "dropped", '{');
	for (unsigned i = 0; i < DROP_COUNT; i++)
		if (count[i])
			sonde_json_int(j, drop_names[i], count[i]);
	sonde_json_close(j);
	if (count[DROP_NEED]) {
		sonde_json_open(j, "unmet", '{');
		for (unsigned i = 0; i < needs->count; i++)
			if (c->unmet[i])
				sonde_json_int(j, need_name(&needs->items[i]), c->unmet[i]);
		sonde_json_close(j);
	}
	sonde_json_open(j, "droppedNodes", '[');
	for (unsigned i = 0; i < c->named && i < p->trace_nodes; i++) {
		const struct node *n = p->nodes->all[c->drop[i].row];
		if (!n)
			continue;
		sonde_json_open(j, NULL, '{');
		put_id(j, "id", n);
		sonde_json_str(j, "name", n->facts.name);
		sonde_json_str(j, "by", drop_names[c->drop[i].why]);
		if (c->drop[i].why == DROP_NEED)
			sonde_json_str(j, "requirement", need_name(&needs->items[c->drop[i].need]));
		if (c->drop[i].why == DROP_STATUS)
			sonde_json_str(j, "status", node_status_name(node_status(p->nodes, n)));
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

void placement_put_step(const struct placement *p, const struct placement_request *r,
                        const struct location *l, const struct candidates *c,
                        const struct candidate_set *set, unsigned taken,
                        const struct sonde_request *req, const struct sonde_decision *d)
{
	struct sonde_json j;

	if (r->trace->len)
		sonde_buf_char(r->trace, ',');
	sonde_json_init(&j, r->trace);
	sonde_json_open(&j, NULL, '{');
	if (r->location_count)
		sonde_json_int(&j, "location", l - r->locations);
	sonde_json_int(&j, "candidates", set->count);
	put_dropped(p, &j, c, r->needs, taken);
	sonde_json_open(&j, "decision", '{');
	sonde_decision_record(p->policies, &j, r->policy, req, set->rows, set->count,
	                      p->trace_nodes, d);
	sonde_json_close(&j);
	sonde_json_open(&j, "chosen", '[');
	for (unsigned i = 0; i < d->count; i++)
		put_id(&j, NULL, p->nodes->all[d->rows[i]]);
	sonde_json_close(&j);
	sonde_json_close(&j);
}
