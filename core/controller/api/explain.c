/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/measurements/{id}/explain: what was asked, which nodes were considered, which filter
 * dropped which, what the policy answered and why. The stored bytes are served as they are. */
#include <string.h>

#include "controller/api/api.h"
#include "controller/members.h"
#include "controller/retain.h"

static void put_head(const struct record *r, const struct sonde_id *id, struct sonde_json *j)
{
	member_id(j, "id", id);
	member_time(j, "createdAt", sonde_id_wall_ms(id));
	sonde_json_text(j, "type", r->type.s, r->type.len);
	sonde_json_text(j, "target", r->target.s, r->target.len);
	if (r->locations.len)
		sonde_json_raw(j, "locations", r->locations.s, r->locations.len);
	if (r->limit)
		sonde_json_int(j, "limit", r->limit);
	if (r->needs.len)
		sonde_json_raw(j, "requirements", r->needs.s, r->needs.len);
	sonde_json_text(j, "policy", r->policy.s, r->policy.len);
	sonde_json_int(j, "version", r->policy_version);
	if (r->params.len)
		sonde_json_raw(j, "params", r->params.s, r->params.len);
	sonde_json_int(j, "seed", (int64_t)r->seed);
	sonde_json_bool(j, "fallback", r->fallback);
	sonde_json_text(j, "reason", r->reason.s, r->reason.len);
	sonde_json_int(j, "tookUs", r->decided_us);
}

static void put_chosen(const struct controller *c, const struct record *r, struct sonde_json *j)
{
	sonde_json_open(j, "nodes", '[');
	for (uint32_t i = 0; i < r->count; i++) {
		struct sonde_id id;
		record_node(r, i, &id);
		const struct node *n = nodes_by_id(&c->nodes, &id);
		sonde_json_open(j, NULL, '{');
		member_id(j, "id", &id);
		if (n) {
			sonde_json_str(j, "name", n->facts.name);
			node_location(n, j);
		}
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

void api_explain_measurement(struct call *call)
{
	struct controller *c = call->c;
	struct sonde_read *read = NULL;
	struct sonde_slice value, steps = { "", 0 };
	struct retention retention;
	struct record record;
	struct sonde_buf b;
	struct sonde_json j;
	struct sonde_id id;

	if (!sonde_id_parse(call->param, strlen(call->param), &id) ||
	    sonde_read_begin(c->store, &read) != SONDE_OK) {
		answer_not_found(call, "measurement");
		return;
	}
	int rc = sonde_read_get(read, SONDE_TABLE_MEASUREMENTS,
	                        (struct sonde_slice){ id.b, sizeof(id.b) }, &value);
	retention_init(&retention, c);
	if (rc != SONDE_OK || record_read(&record, value.data, value.len) != SONDE_OK ||
	    !retention_keeps(&retention, &id, &record)) {
		sonde_read_end(read);
		answer_not_found(call, "measurement");
		return;
	}
	if (!role_may(call->who.role, ROLE_WATCH) && !call_owns(call, &record)) {
		sonde_read_end(read);
		answer_error(c, call->req, 403, "forbidden", "The measurement is another user's.", NULL,
		             NULL);
		return;
	}
	decisions_get(&c->decisions, read, &id, &steps);
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	put_head(&record, &id, &j);
	put_chosen(c, &record, &j);
	sonde_json_open(&j, "steps", '[');
	if (steps.len)
		sonde_json_raw(&j, NULL, steps.data, steps.len);
	sonde_json_close(&j);
	sonde_json_close(&j);
	sonde_read_end(read);
	answer_json(c, call->req, 200, &b, NULL);
}
