/* SPDX-License-Identifier: Apache-2.0 */
/* Problems and silences as JSON: the record that is stored and read again, and what people are shown.
 * A problem that is read is the caller's map's. */
#include "controller/problems_private.h"

#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/members.h"

static void put_time(struct sonde_json *j, const char *key, int64_t ms)
{
	if (ms)
		member_time(j, key, ms);
}

static void put_id(struct sonde_json *j, const char *key, const struct sonde_id *id)
{
	if (!sonde_id_is_zero(id))
		member_id(j, key, id);
}

/* ---- the record ---- */

static void get_id(const json_t *o, const char *key, struct sonde_id *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v) || !sonde_id_parse(json_string_value(v), json_string_length(v), out))
		memset(out, 0, sizeof(*out));
}

static void get_text(const json_t *o, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(o, key));

	snprintf(out, room, "%s", text ? text : "");
}

static int64_t get_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void put_ids(struct sonde_json *j, const struct problem *p)
{
	sonde_json_open(j, "measurements", '[');
	for (unsigned i = 0; i < p->measurement_count; i++)
		put_id(j, NULL, &p->measurements[i]);
	sonde_json_close(j);
}

static void write_problem(const struct problem *p, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "key", p->key);
	put_id(j, "event", &p->event);
	sonde_json_str(j, "severity", p->severity);
	sonde_json_str(j, "text", p->text);
	sonde_json_str(j, "cause", p->cause);
	put_id(j, "schedule", &p->schedule);
	put_id(j, "node", &p->node);
	sonde_json_int(j, "since", p->since_ms);
	sonde_json_int(j, "last", p->last_ms);
	sonde_json_int(j, "count", p->count);
	sonde_json_int(j, "acked", p->acked_ms);
	sonde_json_str(j, "comment", p->comment);
	sonde_json_bool(j, "told", p->told);
	put_ids(j, p);
	sonde_json_close(j);
}

static struct problem *read_problem(const json_t *o)
{
	struct problem *p = calloc(1, sizeof(*p));
	const json_t *ids = json_object_get(o, "measurements"), *id;
	size_t i;

	if (!p)
		return NULL;
	get_text(o, "key", p->key, sizeof(p->key));
	get_id(o, "event", &p->event);
	get_text(o, "severity", p->severity, sizeof(p->severity));
	get_text(o, "text", p->text, sizeof(p->text));
	get_text(o, "cause", p->cause, sizeof(p->cause));
	get_id(o, "schedule", &p->schedule);
	get_id(o, "node", &p->node);
	p->since_ms = get_int(o, "since");
	p->last_ms = get_int(o, "last");
	p->count = get_int(o, "count");
	p->acked_ms = get_int(o, "acked");
	get_text(o, "comment", p->comment, sizeof(p->comment));
	p->told = json_is_true(json_object_get(o, "told"));
	json_array_foreach(ids, i, id)
		if (p->measurement_count < PROBLEM_MEASUREMENTS && json_is_string(id) &&
		    sonde_id_parse(json_string_value(id), json_string_length(id),
		                   &p->measurements[p->measurement_count]))
			p->measurement_count++;
	return p;
}

static void write_silence(const struct silence *s, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	put_id(j, "id", &s->id);
	sonde_json_str(j, "match", s->match);
	sonde_json_str(j, "comment", s->comment);
	sonde_json_int(j, "from", s->from_ms);
	sonde_json_int(j, "until", s->until_ms);
	sonde_json_close(j);
}

void problems_write(const struct problems *ps, struct sonde_buf *b)
{
	const struct problem *p;
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_open(&j, "open", '[');
	for (size_t at = 0; (p = sonde_map_next(&ps->open, &at));)
		write_problem(p, &j);
	sonde_json_close(&j);
	sonde_json_open(&j, "silences", '[');
	for (unsigned i = 0; i < ps->silence_count; i++)
		write_silence(&ps->silences[i], &j);
	sonde_json_close(&j);
	sonde_json_close(&j);
}

void problems_read(struct problems *ps, const json_t *doc)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(doc, "open"), i, o) {
		struct problem *p = i < PROBLEMS_MAX ? read_problem(o) : NULL;
		if (p && sonde_map_put(&ps->open, p->key, strlen(p->key), p) != SONDE_OK)
			free(p);
	}
	json_array_foreach(json_object_get(doc, "silences"), i, o) {
		struct silence *s = &ps->silences[ps->silence_count];
		if (ps->silence_count == SILENCES_MAX)
			break;
		get_id(o, "id", &s->id);
		get_text(o, "match", s->match, sizeof(s->match));
		get_text(o, "comment", s->comment, sizeof(s->comment));
		s->from_ms = get_int(o, "from");
		s->until_ms = get_int(o, "until");
		ps->silence_count++;
	}
}

/* ---- what is shown ---- */

static int by_event(const void *a, const void *b)
{
	const struct problem *const *x = a, *const *y = b;

	return memcmp((*y)->event.b, (*x)->event.b, sizeof((*x)->event.b));
}

static void describe_one(const struct problems *ps, const struct problem *p, struct sonde_json *j)
{
	const struct node *node = nodes_by_id(&ps->c->nodes, &p->node);

	sonde_json_open(j, NULL, '{');
	put_id(j, "id", &p->event);
	put_time(j, "at", p->since_ms);
	sonde_json_str(j, "kind", "problem.raised");
	sonde_json_str(j, "state", p->acked_ms ? "acked" : "open");
	sonde_json_str(j, "severity", p->severity);
	sonde_json_str(j, "key", p->key);
	sonde_json_str(j, "text", p->text);
	sonde_json_str(j, "cause", p->cause);
	put_id(j, "schedule", &p->schedule);
	put_id(j, "node", &p->node);
	if (node)
		sonde_json_str(j, "nodeName", node->facts.name);
	sonde_json_int(j, "count", p->count);
	put_time(j, "lastAt", p->last_ms);
	put_time(j, "ackedAt", p->acked_ms);
	if (*p->comment)
		sonde_json_str(j, "comment", p->comment);
	sonde_json_bool(j, "silenced", problem_is_silenced(ps, p));
	put_ids(j, p);
	sonde_json_close(j);
}

void problems_describe(const struct problems *ps, struct sonde_json *j)
{
	struct problem *p, **all = calloc(ps->open.len + 1, sizeof(*all));
	size_t n = 0;

	if (!all) {
		j->buf->failed = true;
		return;
	}
	for (size_t at = 0; (p = sonde_map_next(&ps->open, &at));)
		all[n++] = p;
	qsort(all, n, sizeof(*all), by_event);
	for (size_t i = 0; i < n; i++)
		describe_one(ps, all[i], j);
	free(all);
}

void silences_describe(const struct problems *ps, struct sonde_json *j)
{
	for (unsigned i = 0; i < ps->silence_count; i++) {
		const struct silence *s = &ps->silences[i];
		sonde_json_open(j, NULL, '{');
		put_id(j, "id", &s->id);
		sonde_json_str(j, "match", s->match);
		sonde_json_str(j, "comment", s->comment);
		put_time(j, "from", s->from_ms);
		put_time(j, "until", s->until_ms);
		sonde_json_close(j);
	}
}
