/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/measurements/{id}: the record, and each task's result from the store or its progress
 * from memory. Result bytes are served as they were stored. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/members.h"
#include "controller/retain.h"

static void put_probe(const struct controller *c, const struct record *r, uint32_t task,
                      struct sonde_json *j)
{
	struct sonde_id id;

	record_node(r, task, &id);
	const struct node *node = nodes_by_id(&c->nodes, &id);
	sonde_json_open(j, "probe", '{');
	member_id(j, "id", &id);
	if (node) {
		sonde_json_str(j, "name", node->facts.name);
		node_location(node, j);
		node_put_tags(node, j);
	}
	node_resolvers(node, j);
	sonde_json_close(j);
}

static void put_in_progress(const struct task *t, const char *key, struct sonde_json *j)
{
	const struct sonde_text *type = &t->measurement->record.type;

	sonde_json_open(j, key, '{');
	sonde_json_str(j, "status", "in-progress");
	sonde_json_str(j, "rawOutput", t->progress ? t->progress : "");
	if (type->len == 4 && !memcmp(type->s, "http", 4)) {
		sonde_json_str(j, "rawHeaders", "");
		sonde_json_str(j, "rawBody", "");
	}
	sonde_json_close(j);
}

/* Not open and no result: only when a store was restored from before the result came. */
static void put_lost(const char *key, struct sonde_json *j)
{
	sonde_json_open(j, key, '{');
	sonde_json_str(j, "status", "failed");
	sonde_json_str(j, "failureSource", "internal");
	sonde_json_str(j, "failure", "node_lost");
	sonde_json_str(j, "rawOutput", "The measurement timed out.");
	sonde_json_close(j);
}

struct view {
	struct controller *c;
	struct sonde_read *read;
	struct sonde_id id;
	struct record record;
	const struct measurement *open; /* NULL when finished */
	int64_t updated_ms;
};

static void put_result(struct view *v, uint32_t task, const char *key, struct sonde_json *j)
{
	struct sonde_result result;

	if (sonde_read_result(v->read, &v->id, task, &result) == SONDE_OK) {
		sonde_json_raw(j, key, result.body.data, result.body.len);
		if (result.received_ms > v->updated_ms)
			v->updated_ms = result.received_ms;
	} else if (v->open) {
		put_in_progress(&v->open->tasks[task], key, j);
	} else {
		put_lost(key, j);
	}
}

static void put_results(struct view *v, struct sonde_json *j)
{
	uint32_t probes = record_probes(&v->record);

	sonde_json_open(j, "results", '[');
	for (uint32_t i = 0; i < probes; i++) {
		sonde_json_open(j, NULL, '{');
		put_probe(v->c, &v->record, i, j);
		put_result(v, i, "result", j);
		if (v->record.pairs)
			put_result(v, probes + i, "receiver", j);
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

static void put_decision(const struct record *r, struct sonde_json *j)
{
	sonde_json_open(j, "placement", '{');
	sonde_json_text(j, "policy", r->policy.s, r->policy.len);
	sonde_json_int(j, "version", r->policy_version);
	sonde_json_int(j, "seed", (int64_t)r->seed);
	sonde_json_bool(j, "fallback", r->fallback);
	sonde_json_text(j, "reason", r->reason.s, r->reason.len);
	sonde_json_int(j, "tookUs", r->decided_us);
	sonde_json_close(j);
}

/* ipVersion is not the plugin's: it stands beside the options, and 4 is what there is without it. */
static void put_options(const struct record *r, struct sonde_json *j)
{
	bool version = r->ip_version == 6 && !memchr(r->target.s, ':', r->target.len);

	if (r->options.len <= 2 && !version)
		return;
	sonde_json_open(j, "measurementOptions", '{');
	if (r->options.len > 2) { /* ours, without spaces: {members} */
		sonde_buf_add(j->buf, r->options.s + 1, r->options.len - 2);
		j->comma = true;
	}
	if (version)
		sonde_json_int(j, "ipVersion", 6);
	sonde_json_close(j);
}

static void put_all(struct view *v, const char *key, struct sonde_json *j)
{
	const struct record *r = &v->record;

	sonde_json_open(j, key, '{');
	member_id(j, "id", &v->id);
	sonde_json_text(j, "type", r->type.s, r->type.len);
	sonde_json_text(j, "target", r->target.s, r->target.len);
	sonde_json_str(j, "status", v->open ? "in-progress" : "finished");
	member_time(j, "createdAt", sonde_id_wall_ms(&v->id));
	sonde_json_int(j, "probesCount", record_probes(r));
	if (r->locations.len)
		sonde_json_raw(j, "locations", r->locations.s, r->locations.len);
	if (r->limit)
		sonde_json_int(j, "limit", r->limit);
	if (r->needs.len)
		sonde_json_raw(j, "requirements", r->needs.s, r->needs.len);
	if (r->timeout_given)
		sonde_json_int(j, "timeout", r->timeout_ms / 1000);
	put_options(r, j);
	if (r->schedule.len == sizeof(struct sonde_id)) {
		struct sonde_id schedule;
		memcpy(&schedule, r->schedule.s, sizeof(schedule));
		member_id(j, "schedule", &schedule);
		member_time(j, "dueAt", (int64_t)r->due_ms);
	}
	put_decision(r, j);
	put_results(v, j);
	member_time(j, "updatedAt", v->updated_ms);
	sonde_json_close(j);
}

enum { POLL_WINDOW_S = 2, POLL_PAUSE_S = 5 };

static uint64_t fnv(const char *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (n--)
		h = (h ^ (unsigned char)*p++) * UINT64_C(0x100000001b3);
	return h;
}

static void reply(const struct view *v, struct sonde_req *req, unsigned status, struct sonde_buf *b,
                  const struct sonde_header *also)
{
	char etag[48], seen[512];
	bool old = !v->open && sonde_wall_ms() - v->updated_ms > 180000;
	struct sonde_header headers[WAIT_HEADERS + 3] = {
		{ "ETag", etag },
		{ "Cache-Control",
		  old ? "public, max-age=31536000, immutable" : "public, max-age=0" },
	};

	for (unsigned i = 0; also && also[i].name && i < WAIT_HEADERS; i++)
		headers[2 + i] = also[i];

	snprintf(etag, sizeof(etag), "W/\"%zx-%016" PRIx64 "\"", b->len, fnv(b->data, b->len));
	if (sonde_req_header(req, "if-none-match", seen, sizeof(seen)) > 0 && strstr(seen, etag)) {
		sonde_buf_deinit(b);
		answer_reply(v->c, req, &(struct sonde_reply){ .status = 304, .headers = headers });
		return;
	}
	answer_json(v->c, req, status, b, headers);
}

static int find(struct view *v)
{
	struct retention retention;
	struct sonde_slice value;

	int rc = sonde_read_get(v->read, SONDE_TABLE_MEASUREMENTS,
	                        (struct sonde_slice){ v->id.b, sizeof(v->id.b) }, &value);
	if (rc == SONDE_OK)
		rc = record_read(&v->record, value.data, value.len);
	retention_init(&retention, v->c);
	return rc != SONDE_OK || retention_keeps(&retention, &v->id, &v->record) ? rc : SONDE_ENOENT;
}

static bool put_measurement(struct view *v, const char *key, struct sonde_json *j)
{
	if (sonde_read_begin(v->c->store, &v->read) != SONDE_OK)
		return false;
	bool found = find(v) == SONDE_OK;
	if (found) {
		v->open = tasks_find(&v->c->tasks, &v->id);
		v->updated_ms = sonde_id_wall_ms(&v->id);
		put_all(v, key, j);
	}
	sonde_read_end(v->read);
	return found;
}

bool measurement_put(struct controller *c, const struct sonde_id *id, const char *key,
                     struct sonde_json *j)
{
	struct view v = { .c = c, .id = *id };

	return put_measurement(&v, key, j);
}

void measurement_answer(struct controller *c, struct sonde_req *req, const struct sonde_id *id,
                        unsigned status, const struct sonde_header *also)
{
	struct view v = { .c = c, .id = *id };
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	if (put_measurement(&v, NULL, &j)) {
		reply(&v, req, status, &b, also);
		return;
	}
	sonde_buf_deinit(&b);
	answer_error(c, req, 404, "not_found", "Couldn't find the requested measurement.", NULL, NULL);
}

/* Of one measurement, by one caller: seconds until the next may come, 0 = now. */
static unsigned too_often(const struct call *call)
{
	struct accounts *a = &call->c->accounts;
	int64_t most = call->c->options.polls;
	char key[LIMIT_KEY_MAX], from[64];

	if (!most || call->who.role == ROLE_ADMIN)
		return 0;
	limit_address(call->view->peer, from);
	snprintf(key, sizeof(key), "%s %s", call->who.user ? call->who.user->facts.id : from,
	         call->param);
	return limits_pace(&a->polls, key, most, POLL_WINDOW_S, POLL_PAUSE_S, sonde_boottime_ns());
}

void api_get_measurement(struct call *call)
{
	struct sonde_id id;
	unsigned again;
	int64_t wait;

	if (!call_wait(call, &wait))
		return;
	if (!sonde_id_parse(call->param, strlen(call->param), &id))
		answer_not_found(call, "measurement");
	else if ((again = too_often(call)) > 0)
		answer_later(call->c, call->req, again);
	else if (!wait || !tasks_find(&call->c->tasks, &id) ||
	         !waits_add(&call->c->waits, call->req, &id, wait, 200, NULL))
		measurement_answer(call->c, call->req, &id, 200, NULL);
}
