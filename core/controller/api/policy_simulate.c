/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy would have decided: over recorded decisions, or over nodes that are invented. A
 * simulation owns copies of all it needs and runs on libuv's pool; the request waits, the loop does
 * not. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/api/policy.h"
#include "script/replay.h"

enum { INVENTED_MAX = 100000, RECORDS_MAX = 5000, RECORDS_BYTES = 32 << 20 };

struct simulation {
	uv_work_t work;
	struct controller *c;
	struct sonde_req *req;
	char name[PATH_PARAM_MAX];
	char *source, *params;
	size_t len;
	struct sonde_buf records; /* steps of placements, comma separated */
	unsigned taken;
	int64_t nodes, count, want;
	char *type, *region;
	struct sonde_buf reply;
	int status;
	struct sonde_error err;
};

static void simulation_free(struct simulation *s)
{
	sonde_buf_deinit(&s->records);
	free(s->source);
	free(s->params);
	free(s->type);
	free(s->region);
	free(s);
}

static int replay_all(struct simulation *s, struct sonde_simulation *sim)
{
	json_t *all, *step;
	size_t i;

	sonde_buf_char(&s->records, ']');
	if (s->records.failed)
		return sonde_fail(&s->err, SONDE_ENOMEM, NULL, "too many records");
	all = sonde_json_load(s->records.data, s->records.len, &s->err);
	if (!all)
		return SONDE_EINVAL;
	json_array_foreach(all, i, step)
		sonde_simulation_replay(sim, json_object_get(step, "decision"));
	json_decref(all);
	return SONDE_OK;
}

static void simulate(uv_work_t *work)
{
	struct simulation *s = work->data;
	struct sonde_simulation *sim = NULL;
	struct sonde_request req = { .type = s->type ? s->type : "ping", .region = s->region,
		                     .target = "example.com", .want = (unsigned)s->want, .seed = 1 };
	struct sonde_json j;

	s->status = sonde_simulation_new(s->name, s->source, s->len, NULL, &sim, &s->err);
	if (s->status != SONDE_OK)
		return;
	sonde_simulation_params(sim, s->params);
	s->status = s->nodes ? sonde_simulation_invent(sim, &req, (unsigned)s->nodes,
	                                               (unsigned)s->count, &s->err) :
			       replay_all(s, sim);
	if (s->status == SONDE_OK) {
		sonde_json_init(&j, &s->reply);
		sonde_simulation_report(sim, &j, NULL);
	}
	sonde_simulation_free(sim);
}

static void simulated(uv_work_t *work, int status)
{
	struct simulation *s = work->data;

	(void)status;
	if (s->status == SONDE_OK) {
		answer_json(s->c, s->req, 200, &s->reply, NULL);
	} else {
		sonde_buf_deinit(&s->reply);
		answer_policy_invalid(s->c, s->req, &s->err);
	}
	simulation_free(s);
}

static int take_record(void *arg, const struct sonde_id *id, struct sonde_slice json)
{
	struct simulation *s = arg;

	(void)id;
	if (s->taken++)
		sonde_buf_char(&s->records, ',');
	sonde_buf_add(&s->records, json.data, json.len);
	return s->taken == RECORDS_MAX || s->records.failed;
}

static int collect(struct simulation *s, const char *since)
{
	int64_t ns = 3600 * SONDE_NS_PER_S;
	struct sonde_read *read;

	if (since && sonde_parse_duration(since, &ns) != SONDE_OK)
		return sonde_fail(&s->err, SONDE_EINVAL, "since", "must be a duration such as 1h");
	if (sonde_read_begin(s->c->store, &read) != SONDE_OK)
		return sonde_fail(&s->err, SONDE_EIO, "", "cannot read the store");
	sonde_buf_char(&s->records, '[');
	decisions_each(&s->c->decisions, read, sonde_wall_ms() - ns / SONDE_NS_PER_MS, take_record, s);
	sonde_read_end(read);
	return SONDE_OK;
}

static int int_member(const json_t *body, const char *key, int64_t otherwise, int64_t max,
                      int64_t *out, struct sonde_error *e)
{
	const json_t *v = json_object_get(body, key);

	*out = v ? json_integer_value(v) : otherwise;
	if ((v && !json_is_integer(v)) || *out < 0 || *out > max)
		return sonde_fail(e, SONDE_EINVAL, key, "must be an integer from 0 to %lld",
		                  (long long)max);
	return SONDE_OK;
}

static char *text_member(const json_t *body, const char *key)
{
	const char *text = json_string_value(json_object_get(body, key));

	return text ? strdup(text) : NULL;
}

static int read_simulation(struct call *call, struct simulation *s, const json_t *body)
{
	const json_t *source = json_object_get(body, "source"), *params = json_object_get(body, "params");
	uint32_t version;

	memcpy(s->name, call->param, sizeof(s->name));
	const char *text = json_is_string(source) ? json_string_value(source) :
			   sonde_policy_peek_text(call->c->policies, call->param, &s->len, &version);
	if (json_is_string(source))
		s->len = json_string_length(source);
	if (!text || !policy_name_is_good(s->name, strlen(s->name)))
		return SONDE_ENOENT;
	s->source = malloc(s->len + 1);
	if (!s->source)
		return SONDE_ENOMEM;
	memcpy(s->source, text, s->len);
	s->params = params ? json_dumps(params, JSON_COMPACT) : NULL;
	s->type = text_member(body, "type");
	s->region = text_member(body, "region");
	int rc = int_member(body, "nodes", 0, SONDE_REPLAY_NODES, &s->nodes, &s->err);
	if (rc == SONDE_OK)
		rc = int_member(body, "count", 1000, INVENTED_MAX, &s->count, &s->err);
	if (rc == SONDE_OK)
		rc = int_member(body, "want", 1, SONDE_REPLAY_NODES, &s->want, &s->err);
	if (rc == SONDE_OK && !s->nodes)
		rc = collect(s, json_string_value(json_object_get(body, "since")));
	return rc;
}

void api_simulate_policy(struct call *call)
{
	json_t *body = call_body(call);
	struct simulation *s = body ? calloc(1, sizeof(*s)) : NULL;

	if (!body)
		return;
	int rc = SONDE_ENOMEM;
	if (s) {
		s->c = call->c;
		s->req = call->req;
		s->work.data = s;
		sonde_buf_init(&s->records, RECORDS_BYTES);
		sonde_buf_init(&s->reply, REPLY_MAX);
		rc = read_simulation(call, s, body);
	}
	json_decref(body);
	if (rc == SONDE_OK) {
		uv_queue_work(&call->c->loop, &s->work, simulate, simulated);
		return;
	}
	if (rc == SONDE_EINVAL)
		answer_invalid(call, &s->err);
	else if (rc == SONDE_ENOENT)
		answer_not_found(call, "policy");
	else
		answer_busy(call->c, call->req, rc);
	if (s)
		simulation_free(s);
}
