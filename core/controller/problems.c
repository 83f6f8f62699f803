/* SPDX-License-Identifier: Apache-2.0 */
/* Open problems and silences, in memory and as one JSON record. Owns each problem until it is cleared.
 * Refuses more than PROBLEMS_MAX: what is over is counted and logged, never kept. */
#include "controller/problems_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"
#include "script/text.h"

enum { RECORD_MAX = 4 << 20 };
static const char record_key[] = "problems";

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
	problems_read(ps, doc);
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
	problems_write(ps, &pj->bytes);
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

bool problem_is_silenced(const struct problems *ps, const struct problem *p)
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
	p->told = !problem_is_silenced(ps, p);
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
