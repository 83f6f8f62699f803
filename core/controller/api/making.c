/* SPDX-License-Identifier: Apache-2.0 */
/* From a good request to a measurement: the nodes that it gets, and the record that is stored. What the
 * record is written from belongs to the request. */
#include "controller/api/making.h"

#include <stdlib.h>
#include <string.h>

#include "controller/api/api.h"

/* ---- the nodes ---- */

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

int request_place(struct controller *c, struct measurement_request *r, const struct quota *q,
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

/* ---- the record ---- */

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

struct measurement *request_record(struct controller *c, const struct measurement_request *r,
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
