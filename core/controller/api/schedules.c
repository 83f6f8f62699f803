/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules over REST: read, made, changed, run. schedule_change.c checks and stores. */
#include <stdlib.h>
#include <string.h>

#include "controller/api/schedule_change.h"

enum { RUN_MAX = 1000 };

void answer_schedule(struct controller *c, struct sonde_req *req, unsigned status,
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

	if (!spec)
		return;
	if (json_is_object(spec))
		drop_nulls(spec);
	if (is_users(call, spec) && seal(call, spec, NULL))
		schedule_change(call, NULL, spec);
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

	json_object_update(spec, patch);
	json_decref(patch);
	drop_nulls(spec);
	if (!seal(call, spec, s->spec)) {
		json_decref(spec);
	} else if (json_equal(spec, s->spec)) {
		json_decref(spec);
		answer_schedule(call->c, call->req, 200, s);
	} else {
		schedule_change(call, s, spec);
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
		schedule_remove(call, s);
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
