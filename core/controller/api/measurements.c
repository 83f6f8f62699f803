/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/measurements: check, place, store, and only then answer 202 and hand out the tasks. An
 * array of measurements is one job of the store: all of them or none. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/rng.h"
#include "controller/api/api.h"
#include "controller/api/making.h"

enum { BATCH_MAX = 1000 };

struct submission {
	struct sonde_job job;
	struct controller *c;
	struct sonde_req *req;
	bool batch;
	int64_t wait_ms; /* 0 = answer when it is stored */
	unsigned count;
	struct quota quota;
	struct sonde_id spent; /* key of the ledger entry; its value, empty when no credit was */
	struct sonde_buf entry;
	struct made {
		struct measurement *m;
		char *trace; /* why these nodes */
		size_t trace_len;
	} made[];
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct submission *s = (struct submission *)job;

	for (unsigned i = 0; i < s->count; i++) {
		const struct measurement *m = s->made[i].m;
		int rc = sonde_write_put(w, SONDE_TABLE_MEASUREMENTS,
		                         (struct sonde_slice){ m->id.b, sizeof(m->id.b) },
		                         (struct sonde_slice){ m->bytes, m->bytes_len });
		if (rc != SONDE_OK)
			return rc;
	}
	if (!s->entry.len)
		return SONDE_OK;
	return sonde_write_insert(w, SONDE_TABLE_LEDGER,
	                          (struct sonde_slice){ s->spent.b, sizeof(s->spent.b) },
	                          (struct sonde_slice){ s->entry.data, s->entry.len });
}

static void submission_free(struct submission *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		measurement_free(s->made[i].m);
		free(s->made[i].trace);
	}
	quota_return(&s->quota);
	sonde_buf_deinit(&s->entry);
	free(s);
}

static void put_created(struct sonde_json *j, const struct measurement *m)
{
	char id[SONDE_ID_TEXT];

	sonde_id_format(&m->id, id);
	sonde_json_open(j, NULL, '{');
	sonde_json_text(j, "id", id, SONDE_ID_TEXT - 1);
	sonde_json_int(j, "probesCount", record_probes(&m->record));
	sonde_json_close(j);
}

/* What a POST answers beside its body, whether at once or when it has waited. */
struct told {
	char location[64], cost[24];
	struct sonde_header headers[QUOTA_HEADERS + 4];
};

_Static_assert(QUOTA_HEADERS + 2 <= WAIT_HEADERS, "an answer that waited has all of them");

static void tell(struct submission *s, struct told *t)
{
	const struct sonde_header *limits = quota_headers(&s->quota);
	unsigned n = 0, tests = 0;
	char id[SONDE_ID_TEXT];

	for (unsigned i = 0; i < s->count; i++)
		tests += record_probes(&s->made[i].m->record);
	snprintf(t->cost, sizeof(t->cost), "%u", tests);
	sonde_id_format(&s->made[0].m->id, id);
	snprintf(t->location, sizeof(t->location), "/v1/measurements/%s", id);
	if (!s->batch)
		t->headers[n++] = (struct sonde_header){ "Location", t->location };
	if (s->quota.unlimited)
		t->headers[n++] = (struct sonde_header){ "X-Request-Cost", t->cost };
	while (limits->name)
		t->headers[n++] = *limits++;
	t->headers[n].name = NULL;
}

static void answer(struct submission *s, struct told *t)
{
	struct sonde_buf b;
	struct sonde_json j;
	unsigned n = 0;

	while (t->headers[n].name)
		n++;
	t->headers[n++] = (struct sonde_header){ "Cache-Control", "private, no-store" };
	t->headers[n].name = NULL;
	sonde_buf_init(&b, BATCH_MAX * 80);
	sonde_json_init(&j, &b);
	if (s->batch)
		sonde_json_open(&j, NULL, '[');
	for (unsigned i = 0; i < s->count; i++)
		put_created(&j, s->made[i].m);
	if (s->batch)
		sonde_json_close(&j);
	answer_json(s->c, s->req, 202, &b, t->headers);
}

static void open_one(struct controller *c, struct measurement *m)
{
	if (tasks_open(&c->tasks, m) != SONDE_OK)
		measurement_free(m);
	else if (m->record.reused)
		tasks_close_absent(&c->tasks, m);
}

static void done(struct sonde_job *job, int status)
{
	struct submission *s = (struct submission *)job;
	struct told told;

	if (status != SONDE_OK) {
		if (s->req)
			answer_busy(s->c, s->req, status);
		submission_free(s);
		return;
	}
	SONDE_EDGE("measurement.stored");
	if (s->req) { /* else nobody asked */
		tell(s, &told);
		if (!s->wait_ms || !waits_add(&s->c->waits, s->req, &s->made[0].m->id, s->wait_ms, 202,
		                              told.headers))
			answer(s, &told);
	}
	SONDE_EDGE("measurement.answered");
	for (unsigned i = 0; i < s->count; i++) {
		struct made *one = &s->made[i];
		if (one->trace)
			decisions_put(&s->c->decisions, &one->m->id, one->trace, one->trace_len);
		free(one->trace);
		open_one(s->c, one->m);
	}
	sonde_buf_deinit(&s->entry);
	free(s);
}

/* ---- making one ---- */

static uint64_t next_seed(struct seeds *s)
{
	if (!s->count) {
		sonde_random_bytes(s->left, sizeof(s->left));
		s->count = sizeof(s->left) / sizeof(s->left[0]);
	}
	return s->left[--s->count] >> 11; /* fits a JSON number */
}

static void keep_trace(const struct sonde_buf *trace, struct made *out)
{
	if (!trace->len || trace->failed)
		return;
	out->trace = malloc(trace->len);
	if (!out->trace)
		return;
	memcpy(out->trace, trace->data, trace->len);
	out->trace_len = trace->len;
}

/* Beside a refusal, since the requirements may be why. NULL when they are not. */
static json_t *who_lacks(const struct controller *c, const struct needs *needs)
{
	char text[256];

	needs_missed(needs, &c->nodes, text, sizeof(text));
	return *text ? json_pack("{s:s}", "requirements", text) : NULL;
}

/* *wrong, when it is not NULL, gets all errors of the request, for the caller to free. */
static int create_one(struct controller *c, const json_t *body, struct quota *q,
                      struct made *out, struct sonde_error *e, json_t **wrong)
{
	/* Large, and the loop has one thread: kept off the stack. */
	static struct measurement_request r;
	static struct placement_answer a;
	uint64_t seed = next_seed(&c->seeds);
	bool explained = c->placement.trace_nodes && decisions_wanted(&c->decisions);

	int rc = request_parse(c, body, &r, e);
	if (rc == SONDE_OK)
		rc = quota_allows(q, &r, json_object_get(body, "policy") != NULL, e);
	if (rc == SONDE_OK)
		rc = request_place(c, &r, q, seed, &a, explained ? &c->trace : NULL, e);
	if (rc == SONDE_OK)
		rc = quota_take(q, &r, a.count, e);
	if (rc == SONDE_OK) {
		out->m = request_record(c, &r, &a, seed, q);
		rc = out->m ? SONDE_OK : SONDE_ENOMEM;
	}
	if (rc == SONDE_OK && explained)
		keep_trace(&c->trace, out);
	if (rc == SONDE_ENOENT && wrong && r.needs.count)
		*wrong = who_lacks(c, &r.needs);
	if (rc == SONDE_ENOENT)
		sonde_fail(e, rc, "", "No matching IPv%d probes available.%s",
		           r.ip_version == 6 || r.needs.family == 6 ? 6 : 4,
		           r.secrets.len ? " Its secrets are for trusted nodes only." : "");
	if (wrong && !*wrong && r.wrong)
		*wrong = json_incref(r.wrong);
	request_deinit(&r);
	return rc;
}

/* wrong: NULL, or all errors where e is the first; with SONDE_ENOENT which requirements were not met. */
static void refuse(struct call *call, struct quota *q, int rc, const struct sonde_error *e,
                   const json_t *wrong)
{
	if (rc == SONDE_EDENIED && q && q->why) {
		quota_return(q);
		quota_refuse(q, call->req, e);
		return;
	}
	if (rc == SONDE_EINVAL && wrong)
		answer_invalid_all(call, wrong);
	else if (rc == SONDE_EINVAL)
		answer_invalid(call, e);
	else if (rc == SONDE_ENOENT)
		answer_error(call->c, call->req, 422, "no_probes_found", e->text,
		             wrong ? "requirements" : NULL,
		             json_string_value(json_object_get(wrong, "requirements")));
	else if (rc == SONDE_EDENIED)
		answer_error(call->c, call->req, 403, "policy_refused", e->text, NULL, NULL);
	else
		answer_busy(call->c, call->req, rc);
}

void api_create_measurement(struct call *call)
{
	json_t *body = call_body(call);

	if (body)
		measurements_submit(call, body);
}

/* NULL with *rc when there are none, too many, or no room for them. */
static struct submission *submission_new(struct call *call, bool batch, size_t n, int *rc,
                                         struct sonde_error *e)
{
	if (!n || n > BATCH_MAX) {
		*rc = sonde_fail(e, SONDE_EINVAL, "", "an array must hold 1 to %d measurements", BATCH_MAX);
		return NULL;
	}
	*rc = call->c->tasks.waiting + n > (uint64_t)call->c->options.queue_max ? SONDE_EFULL : SONDE_OK;
	if (*rc != SONDE_OK)
		return NULL;
	/* Not calloc: glibc's has no per-thread cache and costs a twelfth of a request here. */
	struct submission *s = malloc(sizeof(*s) + n * sizeof(s->made[0]));
	if (!s) {
		*rc = SONDE_ENOMEM;
		return NULL;
	}
	memset(s, 0, sizeof(*s) + n * sizeof(s->made[0]));
	s->job.apply = apply;
	s->job.done = done;
	s->job.bulk = true;
	s->c = call->c;
	s->req = call->req;
	s->batch = batch;
	quota_begin(&s->quota, call);
	sonde_buf_init(&s->entry, 1024);
	return s;
}

/* All of the body, or the first error; of a batch its path says which one is wrong. */
static int create_all(struct submission *s, const json_t *body, size_t n, struct sonde_error *e,
                      json_t **wrong)
{
	int rc = SONDE_OK;

	for (size_t i = 0; rc == SONDE_OK && i < n; i++) {
		rc = create_one(s->c, s->batch ? json_array_get(body, i) : body, &s->quota, &s->made[i], e,
		                s->batch ? NULL : wrong);
		if (rc == SONDE_OK)
			s->count++;
		else if (s->batch)
			sonde_error_nest(e, "", (int)i);
	}
	return rc;
}

void measurements_submit(struct call *call, json_t *body)
{
	struct sonde_error e = { .path = "", .text = "" };
	bool batch = json_is_array(body);
	size_t n = batch ? json_array_size(body) : 1;
	json_t *wrong = NULL;
	int64_t wait;
	int rc;

	if (!call_wait(call, &wait)) {
		json_decref(body);
		return;
	}
	struct submission *s = submission_new(call, batch, n, &rc, &e);
	if (s)
		rc = create_all(s, body, n, &e, &wrong);
	json_decref(body);
	if (rc == SONDE_OK) {
		quota_entry(&s->quota, &s->spent, &s->entry);
		s->wait_ms = batch ? 0 : wait;
		rc = sonde_store_submit(call->c->store, &s->job);
	}
	if (rc != SONDE_OK) {
		refuse(call, s ? &s->quota : NULL, rc, &e, wrong);
		if (s)
			submission_free(s);
	}
	json_decref(wrong);
}

int measurements_start(struct controller *c, json_t *body, struct sonde_id *id, struct sonde_error *e)
{
	struct submission *s = calloc(1, sizeof(*s) + sizeof(s->made[0]));

	if (s) {
		s->quota = (struct quota){ .c = c, .unlimited = true };
		sonde_buf_init(&s->entry, 0);
	}
	int rc = s ? create_one(c, body, &s->quota, &s->made[0], e, NULL) : SONDE_ENOMEM;
	json_decref(body);
	if (rc == SONDE_OK) {
		s->count = 1;
		s->c = c;
		s->job.apply = apply;
		s->job.done = done;
		s->job.bulk = true;
		*id = s->made[0].m->id;
		rc = sonde_store_submit(c->store, &s->job);
	}
	if (rc != SONDE_OK && s)
		submission_free(s);
	return rc;
}
