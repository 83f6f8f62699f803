/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules over REST. A change is checked, stored with its revision, and shows in memory after the
 * commit. Changes to one schedule that cross are refused: the later one names an old revision. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/api/quota.h"

enum { STORED_MAX = 1 << 18, RUN_MAX = 1000 };

struct change {
	struct sonde_job job;
	struct controller *c;
	struct sonde_req *req;
	struct schedule_claim claim; /* among the claims unless it is a removal */
	struct sonde_id id;
	uint32_t revision;
	int64_t created_ms;
	char owner[SONDE_ID_TEXT];
	bool removed;
	json_t *spec, *resolved; /* owned until they are put */
	struct sonde_buf value, past; /* as it is; as the revision is remembered */
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct change *ch = (struct change *)job;
	const struct sonde_slice value = { ch->value.data, ch->value.len };
	const struct sonde_slice past = { ch->past.data, ch->past.len };
	uint8_t key[20];

	memcpy(key, ch->id.b, 16);
	for (int i = 0; i < 4; i++)
		key[16 + i] = (uint8_t)(ch->revision >> (24 - 8 * i));
	int rc = sonde_write_insert(w, SONDE_TABLE_SCHEDULES, (struct sonde_slice){ key, sizeof(key) },
	                            past);
	if (rc == SONDE_OK)
		rc = sonde_write_put(w, SONDE_TABLE_SCHEDULES, (struct sonde_slice){ key, 16 }, value);
	return rc;
}

static void answer_schedule(struct controller *c, struct sonde_req *req, unsigned status,
                            struct schedule *s)
{
	char location[64] = "/v1/schedules/";
	const struct sonde_header headers[] = { { "Location", location },
		                                { "Cache-Control", "private, no-store" }, { NULL } };
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	schedule_describe(c, s, true, &j);
	sonde_id_format(&s->id, location + strlen(location));
	answer_json(c, req, status, &b, status == 201 ? headers : NULL);
}

static void claim(struct schedules *ss, struct change *ch)
{
	ch->claim.id = ch->id;
	memcpy(ch->claim.owner, ch->owner, sizeof(ch->owner));
	ch->claim.next = ss->claims;
	ss->claims = &ch->claim;
}

static void unclaim(struct schedules *ss, const struct change *ch)
{
	struct schedule_claim **at = &ss->claims;

	while (*at && *at != &ch->claim)
		at = &(*at)->next;
	if (*at)
		*at = ch->claim.next;
}

static void change_free(struct change *ch)
{
	json_decref(ch->spec);
	json_decref(ch->resolved);
	sonde_buf_deinit(&ch->value);
	sonde_buf_deinit(&ch->past);
	free(ch);
}

static void done(struct sonde_job *job, int status)
{
	struct change *ch = (struct change *)job;
	struct controller *c = ch->c;
	struct schedule *s = NULL;

	unclaim(&c->schedules, ch);
	if (status == SONDE_OK) {
		s = schedules_put(&c->schedules, &ch->id, ch->revision, ch->created_ms, ch->owner,
		                  ch->spec, ch->resolved, ch->removed);
		ch->spec = ch->resolved = NULL;
		status = s ? SONDE_OK : SONDE_ENOMEM;
	}
	if (status == SONDE_EEXIST)
		answer_error(c, ch->req, 409, "conflict", "The schedule was changed meanwhile.", NULL,
		             NULL);
	else if (status != SONDE_OK)
		answer_busy(c, ch->req, status);
	else if (ch->removed)
		answer_empty(c, ch->req, 204);
	else
		answer_schedule(c, ch->req, ch->revision == 1 ? 201 : 200, s);
	change_free(ch);
}

/* Secrets are kept for what runs: no earlier revision has them, nor one that is removed. */
static int write_down(struct change *ch)
{
	int64_t now = sonde_wall_ms();
	json_t *past = json_copy(ch->spec);

	sonde_buf_init(&ch->value, STORED_MAX);
	sonde_buf_init(&ch->past, STORED_MAX);
	json_object_del(past, SCHEDULE_SEALED);
	if (ch->removed) {
		json_decref(ch->spec);
		ch->spec = json_incref(past);
	}
	schedule_write(ch->revision, ch->created_ms, now, ch->removed, ch->owner, ch->spec, ch->resolved,
	               &ch->value);
	schedule_write(ch->revision, ch->created_ms, now, ch->removed, ch->owner, past, ch->resolved,
	               &ch->past);
	json_decref(past);
	return ch->value.failed || ch->past.failed ? SONDE_ENOMEM : SONDE_OK;
}

/* What was checked of a spec. */
struct checked {
	json_t *resolved;
	struct schedule_claim claim; /* name and per_hour */
};

/* Takes spec and what is in `checked`. s NULL: a new one; checked NULL: it is removed. */
static void submit(struct call *call, const struct schedule *s, json_t *spec,
                   const struct checked *checked)
{
	json_t *resolved = checked ? checked->resolved : json_incref(s->resolved);
	struct controller *c = call->c;
	struct change *ch = calloc(1, sizeof(*ch));

	if (!ch) {
		json_decref(spec);
		json_decref(resolved);
		answer_busy(c, call->req, SONDE_ENOMEM);
		return;
	}
	ch->job.apply = apply;
	ch->job.done = done;
	ch->c = c;
	ch->req = call->req;
	ch->spec = spec;
	ch->resolved = resolved;
	ch->removed = !checked;
	ch->revision = s ? s->revision + 1 : 1;
	ch->created_ms = s ? s->created_ms : sonde_wall_ms();
	snprintf(ch->owner, sizeof(ch->owner), "%s",
	         s ? s->owner : call->who.user ? call->who.user->facts.id : "");
	if (s)
		ch->id = s->id;
	/* Runs tell their schedule by a tag of its id: it must be the only one with it. */
	for (uint32_t tag; !s;) {
		sonde_id_make(&c->ids, &ch->id);
		tag = sonde_run_tag(&ch->id);
		if (!sonde_map_get(&c->schedules.by_tag, &tag, sizeof(tag)))
			break;
	}
	int rc = write_down(ch);
	if (rc == SONDE_OK && checked) {
		ch->claim = checked->claim;
		claim(&c->schedules, ch);
	}
	if (rc == SONDE_OK)
		rc = sonde_store_submit(c->store, &ch->job);
	if (rc != SONDE_OK)
		done(&ch->job, rc);
}

/* What was found out about a schedule's type holds for a spec that measures the same. */
static const json_t *still_resolved(const struct controller *c, const struct schedule *s, const json_t *spec)
{
	json_t *before = schedule_measurement(c, s->spec), *after = schedule_measurement(c, spec);
	bool same = json_equal(before, after) && !json_object_get(s->spec, "targets") ==
	            !json_object_get(spec, "targets");

	json_decref(before);
	json_decref(after);
	return same ? s->resolved : NULL;
}

static bool only_paused(const struct schedule *s, const json_t *spec)
{
	json_t *before = json_copy(s->spec), *after = json_copy((json_t *)spec);

	json_object_del(before, "paused");
	json_object_del(after, "paused");
	bool same = json_equal(before, after);
	json_decref(before);
	json_decref(after);
	return same;
}

/* Whose limits hold: the owner's; of an administrator's act nobody's. What met them once may be paused
 * and resumed though they are tighter now. */
static const struct user *limited(const struct call *call, const struct schedule *self,
                                  const json_t *spec)
{
	const struct accounts *a = &call->c->accounts;
	const struct user *user = self && *self->owner ? users_by_id(&a->users, self->owner) :
				  call->who.user;

	return call->who.role == ROLE_ADMIN || (self && only_paused(self, spec)) ? NULL : user;
}

static bool is_free(const struct schedules *ss, const char *name, const struct schedule *self)
{
	const struct schedule *other = schedules_find(ss, name);
	const struct schedule_claim *m = ss->claims;

	while (m && (strcmp(m->name, name) || (self && sonde_id_equal(&m->id, &self->id))))
		m = m->next;
	return !m && (!other || other == self);
}

/* The spec is good and its name free, or the request was answered. out->resolved is new. */
static bool check(struct call *call, json_t *spec, const struct schedule *self, struct checked *out)
{
	const struct user *user = limited(call, self, spec);
	const struct tier *tier = user ? tiers_get(&call->c->accounts.tiers, user->facts.tier) : NULL;
	struct sonde_error e = { "", "" };
	struct schedule_facts facts;

	if (tier && tier->facts.policy && json_is_object(spec) && !json_object_get(spec, "policy") &&
	    sonde_policy_exists(call->c->policies, tier->facts.policy))
		json_object_set_new(spec, "policy", json_string(tier->facts.policy));
	int rc = schedule_facts_init(&facts, call->c, spec, true,
	                             self ? still_resolved(call->c, self, spec) : NULL, &e);
	if (rc == SONDE_OK && tier)
		rc = schedule_tier_allows(call->c, &facts, tier, user->facts.id, self, &e);
	bool good = rc == SONDE_OK && is_free(&call->c->schedules, facts.name, self);
	if (good) {
		*out = (struct checked){ .resolved = schedule_resolved(&facts),
			                 .claim.per_hour = schedule_per_hour(call->c, &facts) };
		snprintf(out->claim.name, sizeof(out->claim.name), "%s", facts.name);
	}
	schedule_facts_deinit(&facts);
	if (good)
		return true;
	if (rc == SONDE_OK)
		answer_error(call->c, call->req, 409, "conflict",
		             "There is a schedule of that name already.", "name",
		             "\"name\" is taken");
	else if (rc == SONDE_ENOMEM)
		answer_busy(call->c, call->req, rc);
	else
		answer_invalid(call, &e);
	return false;
}

static void drop_nulls(json_t *object)
{
	const char *key;
	json_t *v;
	void *next;

	json_object_foreach_safe(object, next, key, v)
		if (json_is_null(v))
			json_object_del(object, key);
}

/* Puts the secrets of a spec away. false: the request was answered. */
static bool seal(struct call *call, json_t *spec, const json_t *before)
{
	struct sonde_error e = { "", "" };

	int rc = schedule_seal(call->c, spec, before, &e);
	if (rc == SONDE_EINVAL)
		answer_invalid(call, &e);
	else if (rc != SONDE_OK)
		answer_busy(call->c, call->req, rc);
	return rc == SONDE_OK;
}

/* What only the controller may write. false: the request was answered. */
static bool is_users(struct call *call, const json_t *body)
{
	struct sonde_error e = { SCHEDULE_SEALED, "is unknown" };

	if (json_object_get(body, SCHEDULE_SEALED))
		answer_invalid(call, &e);
	return !json_object_get(body, SCHEDULE_SEALED);
}

void api_create_schedule(struct call *call)
{
	json_t *spec = call_body(call);
	struct checked checked;

	if (!spec)
		return;
	if (json_is_object(spec))
		drop_nulls(spec);
	if (is_users(call, spec) && seal(call, spec, NULL) && check(call, spec, NULL, &checked))
		submit(call, NULL, spec, &checked);
	else
		json_decref(spec);
}

static struct schedule *find(struct call *call)
{
	struct schedule *s = schedules_find(&call->c->schedules, call->param);

	if (!s)
		answer_not_found(call, "schedule");
	return s;
}

static int by_name(const void *a, const void *b)
{
	const struct schedule *const *x = a, *const *y = b;
	const char *n = json_string_value(json_object_get((*x)->spec, "name"));
	const char *m = json_string_value(json_object_get((*y)->spec, "name"));

	return strcmp(n ? n : "", m ? m : "");
}

void api_list_schedules(struct call *call)
{
	const struct sonde_map *map = &call->c->schedules.by_tag;
	struct schedule *s, **all = calloc(map->len + 1, sizeof(struct schedule *));
	struct sonde_buf b;
	struct sonde_json j;
	size_t at = 0, n = 0;

	while (all && (s = sonde_map_next(map, &at)))
		if (!s->removed)
			all[n++] = s;
	sonde_buf_init(&b, REPLY_MAX);
	b.failed = !all;
	if (all)
		qsort(all, n, sizeof(struct schedule *), by_name);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++)
		schedule_describe(call->c, all[i], false, &j);
	sonde_json_close(&j);
	free(all);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_get_schedule(struct call *call)
{
	struct schedule *s = find(call);

	if (s)
		answer_schedule(call->c, call->req, 200, s);
}

/* Takes the patch. */
static void change_spec(struct call *call, struct schedule *s, json_t *patch)
{
	json_t *spec = json_deep_copy(s->spec);
	struct checked checked;

	json_object_update(spec, patch);
	json_decref(patch);
	drop_nulls(spec);
	if (!seal(call, spec, s->spec)) {
		json_decref(spec);
	} else if (json_equal(spec, s->spec)) {
		json_decref(spec);
		answer_schedule(call->c, call->req, 200, s);
	} else if (check(call, spec, s, &checked)) {
		submit(call, s, spec, &checked);
	} else {
		json_decref(spec);
	}
}

void api_patch_schedule(struct call *call)
{
	struct schedule *s = find(call);
	json_t *patch = s ? call_body(call) : NULL;

	if (!patch)
		return;
	if (!json_is_object(patch)) {
		answer_error(call->c, call->req, 400, "api_error", "The body must be a JSON object.",
		             NULL, NULL);
	} else if (is_users(call, patch)) {
		change_spec(call, s, patch);
		return;
	}
	json_decref(patch);
}

static void set_paused(struct call *call, bool paused)
{
	struct schedule *s = find(call);

	if (s)
		change_spec(call, s, json_pack("{s:o}", "paused", paused ? json_true() : json_null()));
}

void api_pause_schedule(struct call *call)
{
	set_paused(call, true);
}

void api_resume_schedule(struct call *call)
{
	set_paused(call, false);
}

void api_delete_schedule(struct call *call)
{
	struct schedule *s = find(call);

	if (s)
		submit(call, s, json_incref(s->spec), NULL);
}

/* ---- run now ---- */

static json_t *at_node(const struct sonde_id *id)
{
	char text[SONDE_ID_TEXT];

	sonde_id_format(id, text);
	return json_pack("[{s:s}]", "node", text);
}

static json_t *one_run(const struct controller *c, const struct schedule *s)
{
	json_t *body = schedule_measurement(c, s->spec), *locations = json_array();
	const struct member *m = s->members;

	for (; m && json_array_size(locations) < LOCATIONS_MAX; m = m->next) {
		json_t *at = m->role == MEMBER_LEFT ? NULL : at_node(&m->plan->node);
		json_array_extend(locations, at);
		json_decref(at);
	}
	json_object_del(body, "limit");
	json_object_set_new(body, "locations", locations);
	return body;
}

static json_t *mesh_runs(const struct controller *c, const struct schedule *s)
{
	json_t *list = json_array();

	for (const struct member *m = s->members; m; m = m->next)
		for (unsigned i = 0; i < m->peer_count && json_array_size(list) < RUN_MAX; i++) {
			const struct node *peer = nodes_by_id(&c->nodes, &m->peers[i]);
			const struct node *node = nodes_by_id(&c->nodes, &m->plan->node);
			if (!peer || !peer->facts.address || !node || !node->conn)
				continue;
			json_t *body = schedule_measurement(c, s->spec);
			char id[SONDE_ID_TEXT];
			sonde_id_format(&peer->id, id);
			json_object_set_new(body, "target",
			                    json_string(s->facts.booked ? id : peer->facts.address));
			json_object_set_new(body, "locations", at_node(&m->plan->node));
			json_array_append_new(list, body);
		}
	return list;
}

void api_run_schedule(struct call *call)
{
	struct schedule *s = find(call);

	if (!s)
		return;
	json_t *body = s->usable && s->facts.mesh ? mesh_runs(call->c, s) : one_run(call->c, s);
	size_t n = json_is_array(body) ? json_array_size(body) :
					 json_array_size(json_object_get(body, "locations"));
	if (n) {
		measurements_submit(call, body);
		return;
	}
	json_decref(body);
	answer_error(call->c, call->req, 422, "no_probes_found", "No node runs this schedule now.",
	             NULL, NULL);
}
