/* SPDX-License-Identifier: Apache-2.0 */
/* From the bus to on_result and on_node, and from what they call for to problems. Owns the queue and
 * the params. Works SLICE_NS at a time, so that the loop turns between. */
#include "controller/verdicts.h"

#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"
#include "controller/controller.h"
#include "script/facts.h"

enum { STALE_MS = 15 * 60 * 1000, DEEPEN_A_MINUTE = 60 };
static const int64_t slice_ns = 3 * SONDE_NS_PER_MS;

/* ---- what was seen ---- */

static void work(uv_timer_t *);

static void note(struct verdicts *v, const struct sighting *s)
{
	if (v->waiting == VERDICT_QUEUE) {
		v->dropped++;
		return;
	}
	v->queue[(v->first + v->waiting++) % VERDICT_QUEUE] = *s;
	if (v->waiting == 1)
		uv_timer_start(&v->timer, work, 0, 0);
}

static void on_result(void *arg, enum topic topic, const void *what)
{
	const struct stored_result *r = what;

	(void)topic;
	if (r->late || sonde_id_is_zero(&r->schedule))
		return;
	note(arg, &(struct sighting){ .measurement = r->measurement, .node = r->node,
		.schedule = r->schedule, .at_ms = r->due_ms, .task = r->task,
		.failure = r->failure });
}

static void on_node(void *arg, enum topic topic, const void *what)
{
	const struct node *n = what;

	(void)topic;
	note(arg, &(struct sighting){ .node = n->id, .at_ms = sonde_wall_ms(),
		.status = (uint8_t)n->shown, .uplink_down = n->uplink == SONDE_UPLINK_DOWN });
}

/* ---- what it is about ---- */

struct scene {
	struct verdicts *v;
	const struct sighting *s;
	const struct node *node;
	struct schedule *schedule;
	char type[65], target[257];
	json_t *facts;
};

static void put_text(json_t *facts, const char *key, const char *text)
{
	json_object_set_new(facts, key, json_string(text ? text : ""));
}

static void put_common(const struct scene *sc)
{
	const struct sighting *s = sc->s;

	put_text(sc->facts, "node", sc->node ? sc->node->facts.name : "");
	put_text(sc->facts, "region", sc->node ? sc->node->facts.region : "");
	if (sc->node)
		json_object_set_new(sc->facts, "position", json_integer(sc->node->row + 1));
	json_object_set_new(sc->facts, "at", json_real((double)s->at_ms));
}

static bool read_result(struct scene *sc, struct sonde_read *read)
{
	const struct sonde_id *id = &sc->s->measurement;
	struct sonde_result result;
	struct sonde_slice value;
	struct sonde_error err;
	struct record record;

	if (sonde_read_result(read, id, sc->s->task, &result) != SONDE_OK ||
	    sonde_read_get(read, SONDE_TABLE_MEASUREMENTS, (struct sonde_slice){ id->b, sizeof(id->b) },
	                   &value) != SONDE_OK ||
	    record_read(&record, value.data, value.len) != SONDE_OK)
		return false;
	snprintf(sc->type, sizeof(sc->type), "%.*s", (int)record.type.len, record.type.s);
	snprintf(sc->target, sizeof(sc->target), "%.*s", (int)record.target.len, record.target.s);
	if (result.body.len > VERDICT_BODY_MAX)
		return false;
	json_t *body = sonde_json_load(result.body.data, result.body.len, &err);
	sc->facts = body ? sonde_result_facts(body) : NULL;
	json_decref(body);
	return sc->facts != NULL;
}

static bool set_result(struct scene *sc, struct sonde_read *read)
{
	bool down = sc->node && sc->node->uplink == SONDE_UPLINK_DOWN;

	sc->schedule = schedules_by_id(&sc->v->c->schedules, &sc->s->schedule);
	if (!sc->schedule || sc->schedule->removed || !read_result(sc, read))
		return false;
	put_common(sc);
	put_text(sc->facts, "series", sc->schedule->facts.name);
	json_object_set_new(sc->facts, "ok", json_boolean(!sc->s->failure));
	json_object_set_new(sc->facts, "measured",
	                    json_boolean(!sonde_failure_is_ours(sc->s->failure) &&
	                                 !(down && sc->s->failure)));
	json_object_set_new(sc->facts, "uplink_down", json_boolean(down));
	return true;
}

static bool set_node(struct scene *sc)
{
	sc->facts = json_object();
	if (!sc->facts)
		return false;
	put_common(sc);
	put_text(sc->facts, "status", node_status_name(sc->s->status));
	json_object_set_new(sc->facts, "ok", json_boolean(sc->s->status == NODE_ONLINE));
	json_object_set_new(sc->facts, "uplink_down", json_boolean(sc->s->uplink_down));
	return true;
}

/* ---- what shall be done ---- */

static bool may_deepen(struct verdicts *v)
{
	int64_t now = sonde_boottime_ns();

	if (now - v->minute_ns > 60 * SONDE_NS_PER_S) {
		v->minute_ns = now;
		v->in_minute = 0;
	}
	return v->in_minute++ < DEEPEN_A_MINUTE;
}

static json_t *deepen_body(const struct scene *sc, const struct sonde_action *a)
{
	json_t *body = json_object(), *locations = json_array();
	struct sonde_error err;

	json_object_set_new(body, "type", json_string(a->key));
	json_object_set_new(body, "target", json_string(sc->target));
	if (*a->options)
		json_object_set_new(body, "measurementOptions",
		                    sonde_json_load(a->options, strlen(a->options), &err));
	for (unsigned i = 0; i < a->node_count; i++)
		json_array_append_new(locations, json_pack("{s:s}", "node", a->nodes[i]));
	if (!a->node_count && sc->node)
		json_array_append_new(locations, json_pack("{s:s}", "node", sc->node->facts.name));
	json_object_set_new(body, "locations", locations);
	return body;
}

/* Those that stand beside the raise: their ids go into its event. */
static void deepen(const struct scene *sc, const struct sonde_actions *all, struct problem *p)
{
	struct verdicts *v = sc->v;

	for (unsigned i = 0; i < all->n && p->measurement_count < PROBLEM_MEASUREMENTS; i++) {
		struct sonde_error err = { "", "" };
		if (all->all[i].kind != SONDE_ACTION_DEEPEN || !*sc->target)
			continue;
		int rc = may_deepen(v) ? measurements_start(v->c, deepen_body(sc, &all->all[i]),
		                         &p->measurements[p->measurement_count], &err) : SONDE_EFULL;
		if (rc == SONDE_OK) {
			p->measurement_count++;
			v->deepened++;
			continue;
		}
		v->not_deepened++;
		sonde_log(SONDE_LOG_WARN, "verdict", "%s: no %s: %s", all->all[i].cause,
		          all->all[i].key, rc == SONDE_EFULL ? "too many of late" : err.text);
	}
}

static void raise_one(const struct scene *sc, const char *policy, const struct sonde_actions *all,
                      const struct sonde_action *a)
{
	struct problems *ps = &sc->v->c->problems;
	struct problem *open = problems_find(ps, policy, a->key);

	if (open) {
		problem_repeat(ps, open, a);
		return;
	}
	struct problem p = { .schedule = sc->s->schedule, .node = sc->s->node };
	deepen(sc, all, &p);
	problem_raise(ps, policy, a, &p);
}

static void act(const struct scene *sc, const char *policy, const struct sonde_actions *all)
{
	for (unsigned i = 0; i < all->n; i++) {
		const struct sonde_action *a = &all->all[i];
		if (a->kind == SONDE_ACTION_RAISE)
			raise_one(sc, policy, all, a);
		struct problem *p = a->kind == SONDE_ACTION_CLEAR ?
				    problems_find(&sc->v->c->problems, policy, a->key) : NULL;
		if (p)
			problem_clear(&sc->v->c->problems, p, a);
	}
}

static void ask_all(struct scene *sc, enum sonde_entry entry)
{
	struct verdicts *v = sc->v;
	char id[SONDE_ID_TEXT] = "";
	static struct sonde_actions actions;

	if (sc->schedule)
		sonde_id_format(&sc->schedule->id, id);
	for (unsigned i = 0; i < v->count; i++) {
		const char *name = v->policy[i].name;
		struct sonde_request req = { .type = sc->type, .target = *sc->target ? sc->target : NULL,
			                     .schedule = *id ? id : NULL, .seed = (uint64_t)sc->s->at_ms,
			                     .params_json = v->policy[i].params };
		if (!sonde_policy_has(v->c->policies, name, entry))
			continue;
		v->calls++;
		if (sonde_policy_observe(v->c->policies, name, entry, &req, sc->facts, &actions) == SONDE_OK)
			act(sc, name, &actions);
		else
			v->faults++;
	}
}

static void look_at(struct verdicts *v, const struct sighting *s, struct sonde_read *read)
{
	struct scene sc = { .v = v, .s = s, .node = nodes_by_id(&v->c->nodes, &s->node) };
	bool result = !sonde_id_is_zero(&s->measurement);

	/* A backlog is history: it says nothing of now. */
	if (s->at_ms < sonde_wall_ms() - STALE_MS)
		v->stale++;
	else if (result ? set_result(&sc, read) : set_node(&sc))
		ask_all(&sc, result ? SONDE_ENTRY_ON_RESULT : SONDE_ENTRY_ON_NODE);
	json_decref(sc.facts);
}

static void work(uv_timer_t *timer)
{
	struct verdicts *v = timer->data;
	int64_t end = sonde_boottime_ns() + slice_ns;
	struct sonde_read *read;

	if (v->c->stopping || !v->waiting || sonde_read_begin(v->c->store, &read) != SONDE_OK)
		return;
	do {
		struct sighting s = v->queue[v->first];
		v->first = (v->first + 1) % VERDICT_QUEUE;
		v->waiting--;
		look_at(v, &s, read);
	} while (v->waiting && sonde_boottime_ns() < end);
	sonde_read_end(read);
	if (v->waiting)
		uv_timer_start(&v->timer, work, 0, 0);
}

/* ---- start and end ---- */

static int add(struct verdicts *v, const char *name, size_t len, const json_t *params,
               struct sonde_error *err)
{
	struct sonde_policies *all = v->c->policies;

	if (v->count == VERDICTS_MAX || len >= VERDICT_NAME)
		return sonde_fail(err, SONDE_EINVAL, "verdicts", "at most %d names", VERDICTS_MAX);
	char *to = v->policy[v->count].name;
	snprintf(to, VERDICT_NAME, "%.*s", (int)len, name);
	if (!sonde_policy_has(all, to, SONDE_ENTRY_ON_RESULT) &&
	    !sonde_policy_has(all, to, SONDE_ENTRY_ON_NODE))
		return sonde_fail(err, SONDE_EINVAL, "verdicts",
		                  "no policy \"%s\" with on_result or on_node", to);
	const json_t *own = json_object_get(params, to);
	v->policy[v->count].params = own ? json_dumps(own, JSON_COMPACT) : NULL;
	v->count++;
	return sonde_policy_check_params(all, to, v->policy[v->count - 1].params, err);
}

int verdicts_start(struct verdicts *v, struct controller *c, const char *names, const char *params,
                   struct sonde_error *err)
{
	json_t *doc = params && *params ? sonde_json_load(params, strlen(params), err) : NULL;
	int rc = SONDE_OK;

	*v = (struct verdicts){ .c = c };
	uv_timer_init(&c->loop, &v->timer);
	v->timer.data = v;
	if (params && *params && !json_is_object(doc))
		rc = sonde_fail(err, SONDE_EINVAL, "verdict_params", "must be a JSON object by policy");
	for (const char *p = names ? names : ""; rc == SONDE_OK && *p; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ", ");
		rc = n ? add(v, p, n, doc, err) : SONDE_OK;
		p += n;
	}
	json_decref(doc);
	if (rc != SONDE_OK || !v->count)
		return rc;
	v->queue = calloc(VERDICT_QUEUE, sizeof(*v->queue));
	if (!v->queue || bus_subscribe(&c->bus, TOPIC_RESULT, on_result, v) != SONDE_OK ||
	    bus_subscribe(&c->bus, TOPIC_NODE, on_node, v) != SONDE_OK)
		return sonde_fail(err, SONDE_ENOMEM, "verdicts", "no memory for the verdicts");
	return SONDE_OK;
}

void verdicts_stop(struct verdicts *v)
{
	uv_close((uv_handle_t *)&v->timer, NULL);
}

void verdicts_deinit(struct verdicts *v)
{
	for (unsigned i = 0; i < v->count; i++)
		free(v->policy[i].params);
	free(v->queue);
}
