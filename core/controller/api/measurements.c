/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/measurements: check, place, store, and only then answer 202 and hand out the tasks. An
 * array of measurements is one job of the store: all of them or none. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/rng.h"
#include "controller/api/api.h"
#include "controller/api/quota.h"
#include "controller/api/request.h"

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

/* ---- from request to record ---- */

/* 0 where it is what it would be without the member. */
static unsigned shown_limit(const struct measurement_request *r)
{
	unsigned usual = r->reuse_count ? 0 : r->location_count ? r->location_count : 1;

	return r->limit_given && r->limit != usual ? r->limit : 0;
}

/* Options with secrets: encrypted into the record, in clear only in memory. */
static char *seal(struct controller *c, const struct sonde_buf *secrets, struct sonde_text *out)
{
	uint8_t *sealed = secrets->len && !secrets->failed ? malloc(secrets->len + SONDE_SEAL_EXTRA) : NULL;

	if (!sealed)
		return NULL;
	sonde_secret_seal(c->accounts.keys.seal, secrets->data, secrets->len, sealed);
	*out = (struct sonde_text){ (char *)sealed, secrets->len + SONDE_SEAL_EXTRA };
	return (char *)sealed;
}

static void keep_secrets(struct measurement *m, const struct sonde_buf *secrets)
{
	char *text = secrets->len ? malloc(secrets->len) : NULL;

	if (!text)
		return;
	memcpy(text, secrets->data, secrets->len);
	measurement_secrets(m, text, secrets->len);
}

static struct measurement *make(struct controller *c, const struct measurement_request *r,
                                const struct placement_answer *a, uint64_t seed,
                                const struct quota *q)
{
	const char *owner = q->user ? q->user->facts.id : q->unlimited ? "" : RECORD_ANONYMOUS;
	uint8_t nodes[2 * PLACE_MAX * 16];
	struct sonde_buf bytes;
	struct sonde_id id;
	char *locations = NULL, *exclude = NULL;

	for (unsigned i = 0; i < a->count; i++)
		memcpy(nodes + i * 16, a->nodes[i]->id.b, 16);
	for (unsigned i = 0; r->peer && i < a->count; i++)
		memcpy(nodes + (a->count + i) * 16, r->peer->id.b, 16);
	if (r->locations_json)
		locations = json_dumps(r->locations_json, JSON_COMPACT);
	if (r->exclude_json)
		exclude = json_dumps(r->exclude_json, JSON_COMPACT);
	struct record record = {
		.type = { r->type->name, strlen(r->type->name) },
		.target = { r->target, strlen(r->target) },
		.options = { r->options.data, r->options.len },
		.locations = { locations, locations ? strlen(locations) : 0 },
		.exclude = { exclude, exclude ? strlen(exclude) : 0 },
		.policy = { r->policy, strlen(r->policy) },
		.reason = { a->reason, strlen(a->reason) },
		.policy_version = a->version, .seed = seed, .decided_us = a->took_us,
		.limit = shown_limit(r), .timeout_ms = r->timeout_ms,
		.timeout_given = r->timeout_given, .ip_version = r->ip_version,
		.progress = r->progress, .fallback = a->fallback, .pairs = r->peer != NULL,
		.priority = (uint8_t)r->priority, .reused = r->reuse_count > 0,
		.owner = { owner, strlen(owner) },
		.count = r->peer ? 2 * a->count : a->count, .nodes = nodes,
		.family = r->needs.family,
		.needs = { r->needs.text, r->needs.text ? strlen(r->needs.text) : 0 },
		.params = { r->policy_params, r->policy_params ? strlen(r->policy_params) : 0 },
	};
	char *sealed = seal(c, &r->secrets, &record.sealed);
	sonde_buf_init(&bytes, 1 << 20);
	record_write(&bytes, &record);
	free(locations);
	free(exclude);
	free(sealed);
	sonde_id_make(&c->ids, &id);
	struct measurement *m = bytes.failed ? NULL : measurement_new(&id, bytes.data, bytes.len);
	if (!m)
		sonde_buf_deinit(&bytes);
	else
		keep_secrets(m, &r->secrets);
	if (m && q->user)
		measurement_count(m, &q->user->running);
	return m;
}

/* Globalping's clients send an earlier measurement's id as `magic`: tried when nothing matched. */
static bool reuse_magic(struct controller *c, struct measurement_request *r)
{
	return r->location_count == 1 && r->locations[0].magic &&
	       request_reuse(c, r, r->locations[0].magic) == SONDE_OK;
}

static bool is_left_out(const struct placement_request *pr, const struct node *n)
{
	for (unsigned i = 0; i < pr->leave_out_count; i++)
		if (pr->leave_out[i] == n)
			return true;
	return false;
}

/* The same nodes in the same order, also those that are away now; one at least must be there. */
static int place_again(struct controller *c, const struct measurement_request *r,
                       const struct placement_request *pr, struct placement_answer *a)
{
	unsigned ready = 0, most = pr->admitted ? pr->admitted : pr->limit;

	*a = (struct placement_answer){ .reason = "the nodes of an earlier measurement" };
	for (unsigned i = 0; i < r->reuse_count && a->count < most; i++) {
		struct node *n = nodes_by_id(&c->nodes, &r->reuse[i]);
		if (!n || n == r->peer || is_left_out(pr, n) ||
		    needs_unmet(&r->needs, n) < (int)r->needs.count)
			continue;
		ready += node_is_ready(&c->nodes, n) &&
		         node_has_type(n, r->type->name, strlen(r->type->name));
		a->nodes[a->count++] = n;
	}
	return ready ? SONDE_OK : SONDE_ENOENT;
}

/* The policy may refuse the measurement or give it fewer nodes. */
static int admit(struct controller *c, struct placement_request *pr, struct sonde_error *e)
{
	struct sonde_admission admission;

	placement_admit(&c->placement, pr, &admission);
	if (admission.refused)
		return sonde_fail(e, SONDE_EDENIED, "", "%s",
		                  *admission.reason ? admission.reason : "The policy refused it.");
	pr->admitted = admission.want;
	return SONDE_OK;
}

/* Reused nodes come from `magic` too: a node out of reach stays so. */
static int place_among(struct controller *c, struct measurement_request *r,
                       struct placement_request *pr, struct placement_answer *a,
                       struct sonde_error *e)
{
	int rc = SONDE_ENOENT;

	if (!r->reuse_count) {
		if (admit(c, pr, e) != SONDE_OK)
			return SONDE_EDENIED;
		if (pr->trace)
			sonde_buf_reset(pr->trace);
		rc = placement_choose(&c->placement, pr, a);
	}
	if (rc != SONDE_ENOENT || (!r->reuse_count && !reuse_magic(c, r)))
		return rc;
	pr->limit = r->limit_given && r->limit < r->reuse_count ? r->limit : r->reuse_count;
	if (admit(c, pr, e) != SONDE_OK)
		return SONDE_EDENIED;
	return place_again(c, r, pr, a);
}

static int place(struct controller *c, struct measurement_request *r, const struct quota *q,
                 uint64_t seed, struct placement_answer *a, struct sonde_buf *trace,
                 struct sonde_error *e)
{
	struct placement_request pr = { .type = r->type, .target = r->target, .policy = r->policy,
		                        .params = r->policy_params, .except = r->peer, .seed = seed,
		                        .locations = r->locations,
		                        .location_count = r->location_count,
		                        .limit = r->limit_given ? r->limit : 0,
		                        .exclude = r->exclude,
		                        .exclude_count = r->exclude_count, .needs = &r->needs,
		                        .trace = trace };
	struct node_reach reach = accounts_reach(c, q->user, q->unlimited, r->secrets.len > 0);
	struct node **far;

	int rc = nodes_out_of_reach(&c->nodes, &reach, &far, &pr.leave_out_count);
	if (rc != SONDE_OK)
		return rc;
	pr.leave_out = far;
	rc = place_among(c, r, &pr, a, e);
	free(far);
	return rc;
}

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
		rc = place(c, &r, q, seed, &a, explained ? &c->trace : NULL, e);
	if (rc == SONDE_OK)
		rc = quota_take(q, &r, a.count, e);
	if (rc == SONDE_OK) {
		out->m = make(c, &r, &a, seed, q);
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
