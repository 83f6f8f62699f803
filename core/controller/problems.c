/* SPDX-License-Identifier: Apache-2.0 */
/* Open problems and silences, in memory and as one JSON record. Owns each problem until it is cleared.
 * Refuses more than PROBLEMS_MAX: what is over is counted and logged, never kept. */
#include "controller/problems.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/members.h"
#include "script/text.h"

enum { RECORD_MAX = 4 << 20 };
static const char record_key[] = "problems";

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

static void write_all(const struct problems *ps, struct sonde_buf *b)
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

static void read_all(struct problems *ps, const json_t *doc)
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

int problems_load(struct problems *ps, struct controller *c, struct sonde_error *err)
{
	struct sonde_slice value;
	struct sonde_read *r;

	*ps = (struct problems){ .c = c };
	sonde_map_init(&ps->open);
	if (sonde_read_begin(c->store, &r) != SONDE_OK)
		return sonde_fail(err, SONDE_EIO, "state", "cannot read the problems");
	const struct sonde_slice key = { record_key, sizeof(record_key) - 1 };
	json_t *doc = sonde_read_get(r, SONDE_TABLE_META, key, &value) == SONDE_OK ?
		      sonde_json_load(value.data, value.len, err) : NULL;
	sonde_read_end(r);
	read_all(ps, doc);
	json_decref(doc);
	return SONDE_OK;
}

void problems_deinit(struct problems *ps)
{
	struct problem *p;

	for (size_t at = 0; (p = sonde_map_next(&ps->open, &at));)
		free(p);
	sonde_map_deinit(&ps->open);
}

struct problems_job {
	struct sonde_job job;
	struct problems *owner;
	struct sonde_buf bytes;
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct problems_job *pj = (struct problems_job *)job;

	return sonde_write_put(w, SONDE_TABLE_META,
	                       (struct sonde_slice){ record_key, sizeof(record_key) - 1 },
	                       (struct sonde_slice){ pj->bytes.data, pj->bytes.len });
}

static void done(struct sonde_job *job, int status)
{
	struct problems_job *pj = (struct problems_job *)job;

	pj->owner->storing = false;
	pj->owner->dirty |= status != SONDE_OK;
	sonde_buf_deinit(&pj->bytes);
	free(pj);
}

static void drop_old_silences(struct problems *ps)
{
	int64_t now = sonde_wall_ms();

	for (unsigned i = 0; i < ps->silence_count;) {
		if (ps->silences[i].until_ms > now) {
			i++;
			continue;
		}
		ps->silences[i] = ps->silences[--ps->silence_count];
		ps->dirty = true;
	}
}

/* What no result can clear any more: its schedule is gone. */
static void end_orphans(struct problems *ps)
{
	struct sonde_action gone = { .text = "its schedule was removed", .cause = "the controller" };
	struct problem *p;

	for (size_t at = 0; (p = sonde_map_next(&ps->open, &at));) {
		const struct schedule *s = schedules_by_id(&ps->c->schedules, &p->schedule);
		if (!sonde_id_is_zero(&p->schedule) && (!s || s->removed))
			problem_clear(ps, p, &gone);
	}
}

void problems_tick(struct problems *ps)
{
	drop_old_silences(ps);
	end_orphans(ps);
	struct problems_job *pj = ps->dirty && !ps->storing ? calloc(1, sizeof(*pj)) : NULL;
	if (!pj)
		return;
	pj->job.apply = apply;
	pj->job.done = done;
	pj->owner = ps;
	sonde_buf_init(&pj->bytes, RECORD_MAX);
	write_all(ps, &pj->bytes);
	ps->storing = true;
	ps->dirty = false;
	if (pj->bytes.failed || sonde_store_submit(ps->c->store, &pj->job) != SONDE_OK)
		done(&pj->job, SONDE_EFULL);
}

/* ---- raising and clearing ---- */

static void full_key(char out[PROBLEM_KEY], const char *policy, const char *key)
{
	snprintf(out, PROBLEM_KEY, "%s: %s", policy, key);
}

struct problem *problems_find(const struct problems *ps, const char *policy, const char *key)
{
	char full[PROBLEM_KEY];

	full_key(full, policy, key);
	return sonde_map_get(&ps->open, full, strlen(full));
}

static bool matches(const struct silence *s, const char *text)
{
	return text && sonde_glob(s->match, strlen(s->match), text, strlen(text));
}

static bool is_silenced(const struct problems *ps, const struct problem *p)
{
	const struct schedule *sched = schedules_by_id(&ps->c->schedules, &p->schedule);
	const struct node *node = nodes_by_id(&ps->c->nodes, &p->node);
	int64_t now = sonde_wall_ms();

	for (unsigned i = 0; i < ps->silence_count; i++) {
		const struct silence *s = &ps->silences[i];
		if (now >= s->from_ms && now < s->until_ms &&
		    (matches(s, p->key) || matches(s, sched ? sched->facts.name : NULL) ||
		     matches(s, node ? node->facts.name : NULL)))
			return true;
	}
	return false;
}

static void tell(struct problems *ps, struct problem *p, const char *kind, const char *cause)
{
	struct event ev = { .kind = kind, .severity = p->severity, .key = p->key, .cause = cause,
		            .silenced = !p->told, .measurements = p->measurements,
		            .measurement_count = p->measurement_count };

	ev.was = p->was[0] ? p->was : NULL;
	ev.schedule = sonde_id_is_zero(&p->schedule) ? NULL : &p->schedule;
	ev.node = sonde_id_is_zero(&p->node) ? NULL : &p->node;
	ev.of = sonde_id_is_zero(&p->event) ? NULL : &p->event;
	snprintf(ev.text, sizeof(ev.text), "%s", p->text);
	event_raise(&ps->c->events, &ev);
	if (!ev.of)
		p->event = ev.id;
	ps->dirty = true;
}

void problem_raise(struct problems *ps, const char *policy, const struct sonde_action *a,
                   struct problem *given)
{
	struct problem *p = ps->open.len < PROBLEMS_MAX ? malloc(sizeof(*p)) : NULL;

	if (p) {
		*p = *given;
		full_key(p->key, policy, a->key);
	}
	if (!p || sonde_map_put(&ps->open, p->key, strlen(p->key), p) != SONDE_OK) {
		if (!ps->overflown++)
			sonde_log(SONDE_LOG_ERROR, "problems", "more than %d are open: %s is not kept",
			          PROBLEMS_MAX, a->key);
		free(p);
		return;
	}
	snprintf(p->severity, sizeof(p->severity), "%s", a->severity);
	snprintf(p->text, sizeof(p->text), "%s", a->text);
	snprintf(p->cause, sizeof(p->cause), "%s", a->cause);
	p->since_ms = p->last_ms = sonde_wall_ms();
	p->count = 1;
	p->told = !is_silenced(ps, p);
	ps->raised++;
	tell(ps, p, "problem.raised", p->cause);
}

void problem_repeat(struct problems *ps, struct problem *p, const struct sonde_action *a)
{
	p->count++;
	p->last_ms = sonde_wall_ms();
	ps->repeated++;
	ps->dirty = true;
	bool worse = strcmp(p->severity, a->severity) != 0;
	snprintf(p->severity, sizeof(p->severity), "%s", a->severity);
	snprintf(p->text, sizeof(p->text), "%s", a->text);
	if (worse)
		tell(ps, p, "problem.changed", a->cause);
}

void problem_clear(struct problems *ps, struct problem *p, const struct sonde_action *a)
{
	if (*a->text)
		snprintf(p->text, sizeof(p->text), "%s", a->text);
	memcpy(p->was, p->severity, sizeof(p->was));
	snprintf(p->severity, sizeof(p->severity), "info");
	ps->cleared++;
	tell(ps, p, "problem.cleared", a->cause);
	sonde_map_take(&ps->open, p->key, strlen(p->key));
	free(p);
}

/* ---- people ---- */

struct problem *problems_by_event(const struct problems *ps, const char *text)
{
	struct problem *p;
	struct sonde_id id;

	if (!sonde_id_parse(text, strlen(text), &id))
		return NULL;
	for (size_t at = 0; (p = sonde_map_next(&ps->open, &at));)
		if (sonde_id_equal(&p->event, &id))
			return p;
	return NULL;
}

void problem_ack(struct problems *ps, struct problem *p, const char *comment)
{
	p->acked_ms = sonde_wall_ms();
	snprintf(p->comment, sizeof(p->comment), "%s", comment);
	tell(ps, p, "problem.acked", p->cause);
}

int silence_add(struct problems *ps, struct silence *s)
{
	if (ps->silence_count == SILENCES_MAX)
		return SONDE_EFULL;
	sonde_id_make(&ps->c->ids, &s->id);
	ps->silences[ps->silence_count++] = *s;
	ps->dirty = true;
	return SONDE_OK;
}

bool silence_remove(struct problems *ps, const char *text)
{
	struct sonde_id id;

	if (!sonde_id_parse(text, strlen(text), &id))
		return false;
	for (unsigned i = 0; i < ps->silence_count; i++) {
		if (!sonde_id_equal(&ps->silences[i].id, &id))
			continue;
		ps->silences[i] = ps->silences[--ps->silence_count];
		return ps->dirty = true;
	}
	return false;
}

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
	sonde_json_bool(j, "silenced", is_silenced(ps, p));
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
