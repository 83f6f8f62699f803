/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a schedule: it is checked, stored with its revision, and shows in memory after the commit.
 * Its name and what it plans are claimed from the check on. Changes to one schedule that cross are
 * refused: the later one names an old revision. */
#include "controller/api/schedule_change.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/quota.h"

enum { STORED_MAX = 1 << 18 };

/* ---- stored ---- */

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

/* ---- checked ---- */

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

void schedule_change(struct call *call, const struct schedule *s, json_t *spec)
{
	struct checked checked;

	if (check(call, spec, s, &checked))
		submit(call, s, spec, &checked);
	else
		json_decref(spec);
}

void schedule_remove(struct call *call, const struct schedule *s)
{
	submit(call, s, json_incref(s->spec), NULL);
}
