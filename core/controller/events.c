/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the newest events as the JSON they are served as; the table of the store holds the same
 * ones. An event that cannot be stored is still published and logged. */
#include "controller/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/controller.h"
#include "controller/members.h"

enum { JSON_MAX = 2048 };

struct kept_event {
	struct sonde_id id;
	char kind[48];
	char *json;
};

struct event_job {
	struct sonde_job job;
	struct sonde_id id, gone; /* gone: zero when none leaves */
	char *json;
	size_t len;
};

static struct kept_event *at(const struct events *e, unsigned i)
{
	return &e->ring[(e->first + i) % EVENTS_KEPT];
}

/* Takes the JSON; *gone is the one that had to leave. */
static void keep(struct events *e, const struct sonde_id *id, const char *kind, char *json,
                 struct sonde_id *gone)
{
	memset(gone, 0, sizeof(*gone));
	if (e->count == EVENTS_KEPT) {
		*gone = at(e, 0)->id;
		free(at(e, 0)->json);
		e->first = (e->first + 1) % EVENTS_KEPT;
		e->count--;
	}
	struct kept_event *slot = at(e, e->count++);
	slot->id = *id;
	slot->json = json;
	snprintf(slot->kind, sizeof(slot->kind), "%s", kind);
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct events *e = arg;
	struct sonde_id id, gone;
	struct sonde_error err;

	json_t *doc = sonde_json_load(value.data, value.len, &err);
	char *json = doc && key.len == sizeof(id.b) ? strndup(value.data, value.len) : NULL;
	if (json) {
		memcpy(id.b, key.data, sizeof(id.b));
		const char *kind = json_string_value(json_object_get(doc, "kind"));
		keep(e, &id, kind ? kind : "", json, &gone);
	}
	json_decref(doc);
	return 0;
}

int events_load(struct events *e, struct controller *c, struct sonde_error *err)
{
	struct sonde_read *r;

	*e = (struct events){ .c = c, .ring = calloc(EVENTS_KEPT, sizeof(struct kept_event)) };
	if (!e->ring || sonde_read_begin(c->store, &r) != SONDE_OK)
		return sonde_fail(err, SONDE_EIO, "state", "cannot read the events");
	int rc = sonde_read_each(r, SONDE_TABLE_EVENTS, (struct sonde_slice){ NULL, 0 }, load_one, e);
	sonde_read_end(r);
	return rc;
}

void events_deinit(struct events *e)
{
	for (unsigned i = 0; i < e->count; i++)
		free(at(e, i)->json);
	free(e->ring);
	*e = (struct events){ 0 };
}

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct event_job *ej = (struct event_job *)job;

	if (!sonde_id_is_zero(&ej->gone)) {
		int rc = sonde_write_delete(w, SONDE_TABLE_EVENTS,
		                            (struct sonde_slice){ ej->gone.b, sizeof(ej->gone.b) });
		if (rc != SONDE_OK && rc != SONDE_ENOENT)
			return rc;
	}
	return sonde_write_put(w, SONDE_TABLE_EVENTS,
	                       (struct sonde_slice){ ej->id.b, sizeof(ej->id.b) },
	                       (struct sonde_slice){ ej->json, ej->len });
}

static void done(struct sonde_job *job, int status)
{
	struct event_job *ej = (struct event_job *)job;

	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "events", "an event was not stored: %s",
		          sonde_strstatus(status));
	free(ej->json);
	free(ej);
}

static void store(struct events *e, const struct kept_event *k, const struct sonde_id *gone)
{
	struct event_job *ej = calloc(1, sizeof(*ej));

	if (!ej)
		return;
	ej->job.apply = apply;
	ej->job.done = done;
	ej->id = k->id;
	ej->gone = *gone;
	ej->json = strdup(k->json);
	ej->len = ej->json ? strlen(ej->json) : 0;
	if (!ej->json || sonde_store_submit(e->c->store, &ej->job) != SONDE_OK)
		done(&ej->job, SONDE_EFULL);
}

static void put_id(struct sonde_json *j, const char *key, const struct sonde_id *id)
{
	if (id)
		member_id(j, key, id);
}

static void put_problem(const struct event *ev, struct sonde_json *j)
{
	sonde_json_str(j, "key", ev->key);
	sonde_json_str(j, "cause", ev->cause);
	put_id(j, "of", ev->of);
	if (ev->silenced)
		sonde_json_bool(j, "silenced", true);
	sonde_json_open(j, "measurements", '[');
	for (unsigned i = 0; i < ev->measurement_count; i++)
		put_id(j, NULL, &ev->measurements[i]);
	sonde_json_close(j);
}

void event_put(const struct events *e, const struct event *ev, struct sonde_json *j)
{
	const struct node *node = ev->node ? nodes_by_id(&e->c->nodes, ev->node) : NULL;

	put_id(j, "id", &ev->id);
	member_time(j, "at", sonde_id_wall_ms(&ev->id));
	sonde_json_str(j, "kind", ev->kind);
	sonde_json_str(j, "severity", ev->severity);
	put_id(j, "schedule", ev->schedule);
	put_id(j, "node", ev->node);
	if (node)
		sonde_json_str(j, "nodeName", node->facts.name);
	if (ev->key)
		put_problem(ev, j);
	sonde_json_str(j, "text", ev->text);
}

void event_write(const struct events *e, const struct event *ev, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	event_put(e, ev, j);
	sonde_json_close(j);
}

void event_raise(struct events *e, struct event *ev)
{
	struct sonde_id gone;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_id_make(&e->c->ids, &ev->id);
	sonde_log(strcmp(ev->severity, "info") ? SONDE_LOG_WARN : SONDE_LOG_INFO, "event", "%s: %s",
	          ev->kind, ev->text);
	sonde_buf_init(&b, JSON_MAX);
	sonde_json_init(&j, &b);
	event_write(e, ev, &j);
	char *json = b.failed ? NULL : strdup(sonde_buf_cstr(&b));
	sonde_buf_deinit(&b);
	if (json) {
		keep(e, &ev->id, ev->kind, json, &gone);
		store(e, at(e, e->count - 1), &gone);
	}
	bus_publish(&e->c->bus, TOPIC_EVENT, ev);
}

void events_describe(const struct events *e, const char *kind, unsigned limit, struct sonde_json *j)
{
	for (unsigned i = e->count; i-- > 0 && limit;) {
		const struct kept_event *k = at(e, i);
		if (kind && strcmp(kind, k->kind))
			continue;
		sonde_json_raw(j, NULL, k->json, strlen(k->json));
		limit--;
	}
}
