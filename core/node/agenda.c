/* SPDX-License-Identifier: Apache-2.0 */
/* The agenda. Owns the entries of the current set and of the one being gathered, and one record for
 * each run that is out. An entry is resting, ready (queued, not started) or out; while it is not
 * resting its next due time is skipped with a reason, so that a slow target costs one place only.
 * What came due under an old set is run, or told, as that set says: such entries are left over until
 * then, because the controller expects every run that was due before the new set came.
 *
 * Binary heap, not a wheel: with 100,000 entries a turn costs well under a microsecond
 * (t/node/agenda_test), due times reach from milliseconds to years, and nothing cascades. */
#include "node/agenda.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/plan.h"

enum { ENTRIES_MAX = 200000, TICK_MS = 1000, KEEP_LABELS_MS = 600000 };
enum { TYPE_MAX = 64, ATTEMPTS_MAX = 10 };

enum state { RESTING, READY, OUT };

struct entry_key {
	struct sonde_id schedule, peer;
};

struct entry {
	struct sonde_heap_entry due;   /* key: wall ms of the next run */
	struct sonde_heap_entry ready; /* key: importance, then due time */
	struct sonde_msg_schedule what;
	struct sonde_plan plan;
	int64_t ready_ms;  /* due time of the run that is ready */
	int64_t last_ms;   /* latest due time taken up */
	int64_t missed_ms; /* due time that was skipped and not told yet, 0 = none */
	struct entry *next_missed;
	struct entry *next, **link; /* of those left over */
	enum state state;
	bool left; /* of an old set */
	struct sonde_plan_window windows[];
};

struct set {
	struct sonde_map by_key;
	uint64_t version;
	uint32_t part, parts;
	bool complete;
};

struct out {
	struct sonde_id run;
	struct entry *entry; /* its successor in a newer set; NULL when there is none */
	int64_t due_ms;
	bool exclusive;
};

struct sonde_agenda {
	struct sonde_id node;
	struct set now, next;
	struct sonde_heap due, ready;
	struct sonde_map out;
	struct entry *missed;
	struct entry *left, *spent; /* spent: lent to the caller until the next one is */
	struct sonde_agenda_stats stats;
	int64_t offset_ms; /* wall - boot */
	unsigned exclusive_out;
	bool seated;
};

#define ENTRY_OF(ptr, member) ((struct entry *)((char *)(ptr) - offsetof(struct entry, member)))

/* ---- sets ---- */

static void set_clear(struct set *s)
{
	struct entry *e;
	size_t at = 0;

	while ((e = sonde_map_next(&s->by_key, &at)))
		if (!e->left)
			free(e);
	sonde_map_deinit(&s->by_key);
	*s = (struct set){ 0 };
	sonde_map_init(&s->by_key);
}

int sonde_agenda_new(const struct sonde_id *node, struct sonde_agenda **out)
{
	struct sonde_agenda *a = calloc(1, sizeof(*a));

	*out = a;
	if (!a)
		return SONDE_ENOMEM;
	a->node = *node;
	sonde_map_init(&a->now.by_key);
	sonde_map_init(&a->next.by_key);
	sonde_map_init(&a->out);
	sonde_heap_init(&a->due);
	sonde_heap_init(&a->ready);
	return SONDE_OK;
}

void sonde_agenda_free(struct sonde_agenda *a)
{
	struct out *o;
	size_t at = 0;

	if (!a)
		return;
	while ((o = sonde_map_next(&a->out, &at)))
		free(o);
	for (struct entry *e = a->left, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	free(a->spent);
	set_clear(&a->now);
	set_clear(&a->next);
	sonde_map_deinit(&a->now.by_key);
	sonde_map_deinit(&a->next.by_key);
	sonde_map_deinit(&a->out);
	sonde_heap_deinit(&a->due);
	sonde_heap_deinit(&a->ready);
	free(a);
}

static void put_text(char **to, struct sonde_text *t)
{
	if (t->len)
		memcpy(*to, t->s, t->len);
	t->s = *to;
	*to += t->len;
}

static int check_item(const struct sonde_msg_schedule *m, struct sonde_plan *p,
                      struct sonde_plan_window *windows, struct sonde_error *e)
{
	*p = (struct sonde_plan){
		.every_ms = (int64_t)m->every_ms, .zone_minutes = (int)m->zone_minutes,
		.start_ms = (int64_t)m->start_ms, .phase_ms = (int64_t)m->phase_ms,
		.until_ms = m->until_ms ? (int64_t)m->until_ms : SONDE_PLAN_NEVER,
	};
	if (m->every_ms > INT64_C(31622400000) || m->phase_ms > INT64_C(31622400000) ||
	    m->zone_minutes < -1440 || m->zone_minutes > 1440 || !m->type.len ||
	    m->type.len > TYPE_MAX || m->priority < 1 || m->priority > 100)
		return sonde_fail(e, SONDE_EINVAL, "items", "holds a schedule out of range");
	if (!m->every_ms) {
		int rc = sonde_cron_parse(m->cron.s, m->cron.len, &p->cron, e);
		if (rc != SONDE_OK)
			return rc;
	}
	return sonde_plan_windows(m->windows.s, m->windows.len, windows, &p->window_count, e);
}

static int add_entry(struct set *s, const struct sonde_msg_schedule *m, struct sonde_error *e)
{
	struct sonde_plan_window windows[SONDE_PLAN_WINDOWS];
	struct entry_key key = { m->schedule, m->peer };
	struct sonde_plan plan;

	int rc = check_item(m, &plan, windows, e);
	if (rc != SONDE_OK)
		return rc;
	if (s->by_key.len >= ENTRIES_MAX || sonde_map_get(&s->by_key, &key, sizeof(key)))
		return sonde_fail(e, SONDE_EINVAL, "items", "holds a schedule twice, or too many");
	size_t head = sizeof(struct entry) + plan.window_count * sizeof(windows[0]);
	struct entry *entry = malloc(head + m->type.len + m->target.len + m->options.len);
	if (!entry || sonde_map_put(&s->by_key, &key, sizeof(key), entry) != SONDE_OK) {
		free(entry);
		return sonde_fail(e, SONDE_ENOMEM, "items", "do not fit into memory");
	}
	memset(entry, 0, sizeof(*entry));
	entry->what = *m;
	entry->plan = plan;
	memcpy(entry->windows, windows, plan.window_count * sizeof(windows[0]));
	entry->plan.windows = entry->windows;
	char *texts = (char *)entry + head;
	put_text(&texts, &entry->what.type);
	put_text(&texts, &entry->what.target);
	put_text(&texts, &entry->what.options);
	entry->what.cron = entry->what.windows = (struct sonde_text){ "", 0 };
	return SONDE_OK;
}

int sonde_agenda_part(struct sonde_agenda *a, const struct sonde_msg *m, struct sonde_error *e)
{
	struct set *s = &a->next;
	int rc = SONDE_OK;

	if (m->list.part == 0) {
		set_clear(s);
		s->version = m->list.version;
		s->parts = m->list.parts;
	}
	if (!m->list.version || m->list.version != s->version || m->list.part != s->part ||
	    m->list.parts != s->parts || m->list.part >= s->parts || s->complete)
		rc = sonde_fail(e, SONDE_EINVAL, "part", "does not follow the one before");
	for (unsigned i = 0; rc == SONDE_OK && i < m->list.count; i++)
		rc = add_entry(s, &m->list.schedules[i], e);
	if (rc != SONDE_OK) {
		set_clear(s);
		return rc;
	}
	s->complete = ++s->part == s->parts;
	return s->complete;
}

uint64_t sonde_agenda_version(const struct sonde_agenda *a)
{
	return a->now.version;
}

/* ---- seats in the heaps ---- */

static void seat(struct sonde_agenda *a, struct entry *e, int64_t after)
{
	int64_t due = sonde_plan_next(&e->plan, after);

	if (due == SONDE_PLAN_NEVER)
		sonde_heap_remove(&a->due, &e->due);
	else
		sonde_heap_set(&a->due, &e->due, due);
}

static void make_ready(struct sonde_agenda *a, struct entry *e, int64_t due)
{
	e->state = READY;
	e->ready_ms = due;
	sonde_heap_set(&a->ready, &e->ready, (int64_t)(100 - e->what.priority) << 50 | due);
}

static void note_missed(struct sonde_agenda *a, struct entry *e, int64_t due)
{
	a->stats.skipped++;
	if (e->missed_ms) /* told already that it does not keep up */
		return;
	e->missed_ms = due;
	e->next_missed = a->missed;
	a->missed = e;
}

static void seat_all(struct sonde_agenda *a, int64_t wall)
{
	struct entry *e;
	size_t at = 0;

	while ((e = sonde_map_next(&a->now.by_key, &at))) {
		/* Set back by little: what was measured under a label is not measured again. */
		bool keep = e->last_ms > wall && e->last_ms - wall < KEEP_LABELS_MS;
		seat(a, e, keep ? e->last_ms : wall);
	}
}

/* The run that is out is its successor's: the two do not overlap. */
static void succeed(const struct entry *old, struct entry *new)
{
	new->last_ms = old->last_ms;
	new->state = old->state == OUT ? OUT : RESTING;
}

static void leave_over(struct sonde_agenda *a, struct entry *e)
{
	e->left = true;
	e->state = e->state == OUT ? RESTING : e->state;
	e->next = a->left;
	e->link = &a->left;
	if (e->next)
		e->next->link = &e->next;
	a->left = e;
}

/* Frees one of an old set when there is nothing more to do or to tell of it. */
static void release(struct sonde_agenda *a, struct entry *e)
{
	if (!e->left || e->state != RESTING || e->missed_ms)
		return;
	*e->link = e->next;
	if (e->next)
		e->next->link = e->link;
	free(a->spent);
	a->spent = e;
}

void sonde_agenda_swap(struct sonde_agenda *a, struct sonde_agenda_now now)
{
	struct set old = a->now;
	struct entry *e;
	struct out *o;
	size_t at = 0;

	if (!a->next.complete)
		return;
	sonde_agenda_advance(a, now);
	a->now = a->next;
	a->next = (struct set){ 0 };
	sonde_map_init(&a->next.by_key);
	sonde_heap_deinit(&a->due);
	while ((e = sonde_map_next(&a->now.by_key, &at))) {
		struct entry_key key = { e->what.schedule, e->what.peer };
		struct entry *was = sonde_map_get(&old.by_key, &key, sizeof(key));
		if (was)
			succeed(was, e);
	}
	at = 0;
	while ((e = sonde_map_next(&old.by_key, &at)))
		if (e->state == READY || e->missed_ms)
			leave_over(a, e);
	at = 0;
	while ((o = sonde_map_next(&a->out, &at))) {
		struct entry_key key = { { { 0 } }, { { 0 } } };
		if (o->entry && o->entry->left && o->entry->state == OUT)
			continue;
		if (o->entry)
			key = (struct entry_key){ o->entry->what.schedule, o->entry->what.peer };
		o->entry = o->entry ? sonde_map_get(&a->now.by_key, &key, sizeof(key)) : NULL;
	}
	set_clear(&old);
	sonde_map_deinit(&old.by_key);
	seat_all(a, now.wall_ms);
}

/* ---- time ---- */

/* The latest due time not after `wall`, beginning with one that is due. */
static int64_t latest(struct sonde_agenda *a, const struct entry *e, int64_t due, int64_t wall)
{
	uint64_t over = sonde_plan_count(&e->plan, due, wall, 1000000);

	a->stats.passed += over;
	if (over && e->plan.every_ms && !e->plan.window_count)
		return due + (int64_t)over * e->plan.every_ms;
	while (over--)
		due = sonde_plan_next(&e->plan, due);
	return due;
}

static void come_due(struct sonde_agenda *a, struct entry *e, int64_t wall)
{
	int64_t due = latest(a, e, e->due.key, wall);

	e->last_ms = due;
	if (e->state == RESTING)
		make_ready(a, e, due);
	else
		note_missed(a, e, due);
	seat(a, e, due);
}

void sonde_agenda_advance(struct sonde_agenda *a, struct sonde_agenda_now now)
{
	int64_t offset = now.wall_ms - now.boot_ms, moved = offset - a->offset_ms;
	struct sonde_heap_entry *h;

	if (a->seated && (moved > SONDE_AGENDA_STEP_MS || moved < -SONDE_AGENDA_STEP_MS)) {
		a->stats.steps++;
		seat_all(a, now.wall_ms);
	}
	a->seated = true;
	a->offset_ms = offset;
	while ((h = sonde_heap_peek(&a->due)) && h->key <= now.wall_ms)
		come_due(a, ENTRY_OF(h, due), now.wall_ms);
}

int64_t sonde_agenda_wait(const struct sonde_agenda *a, struct sonde_agenda_now now)
{
	const struct sonde_heap_entry *h = sonde_heap_peek(&a->due);
	int64_t wait = h ? h->key - now.wall_ms : TICK_MS;

	return wait < 0 ? 0 : wait > TICK_MS ? TICK_MS : wait;
}

/* ---- runs ---- */

static void name_run(const struct sonde_agenda *a, const struct entry *e, int64_t due,
                     struct sonde_agenda_run *r)
{
	struct sonde_run run = {
		.due_ms = due, .schedule = sonde_run_tag(&e->what.schedule),
		.pair = sonde_run_pair(&e->what.schedule, &a->node, &e->what.peer),
		.revision = (uint16_t)e->what.revision,
	};

	*r = (struct sonde_agenda_run){ .due_ms = due, .what = &e->what };
	sonde_run_format(&run, &r->id);
}

static bool take_missed(struct sonde_agenda *a, struct sonde_agenda_run *r)
{
	struct entry *e = a->missed;

	if (!e)
		return false;
	a->missed = e->next_missed;
	name_run(a, e, e->missed_ms, r);
	r->skipped = e->state == OUT ? "the run before it was still going" :
	                               "the node had no room for the run before it";
	e->missed_ms = 0;
	release(a, e);
	return true;
}

/* The most important one that may start: an exclusive one waits for the one that is out. */
static struct entry *pick(struct sonde_agenda *a)
{
	struct sonde_heap_entry *h = sonde_heap_peek(&a->ready);

	if (!h || !ENTRY_OF(h, ready)->what.exclusive || !a->exclusive_out)
		return h ? ENTRY_OF(h, ready) : NULL;
	struct entry *best = NULL;
	for (size_t i = 0; i < a->ready.len; i++) {
		struct entry *e = ENTRY_OF(a->ready.items[i], ready);
		if (!e->what.exclusive && (!best || e->ready.key < best->ready.key))
			best = e;
	}
	return best;
}

static struct entry *expired(struct sonde_agenda *a, int64_t wall)
{
	for (size_t i = 0; i < a->ready.len && i < 16; i++) {
		struct entry *e = ENTRY_OF(a->ready.items[i], ready);
		if (wall - e->ready_ms > SONDE_AGENDA_WAIT_MS)
			return e;
	}
	return NULL;
}

static bool send_out(struct sonde_agenda *a, struct entry *e, const struct sonde_agenda_run *r)
{
	struct out *o = malloc(sizeof(*o));

	if (!o)
		return false;
	*o = (struct out){ r->id, e, r->due_ms, e->what.exclusive };
	struct out *before = sonde_map_get(&a->out, &r->id, sizeof(r->id));
	if (before || sonde_map_put(&a->out, &r->id, sizeof(r->id), o) != SONDE_OK) {
		free(o);
		return false;
	}
	a->exclusive_out += o->exclusive;
	e->state = OUT;
	a->stats.runs++;
	return true;
}

bool sonde_agenda_take(struct sonde_agenda *a, struct sonde_agenda_now now,
                       struct sonde_agenda_run *r)
{
	if (take_missed(a, r))
		return true;
	struct entry *late = expired(a, now.wall_ms), *e = late ? late : pick(a);
	if (!e)
		return false;
	sonde_heap_remove(&a->ready, &e->ready);
	e->state = RESTING;
	name_run(a, e, e->ready_ms, r);
	if (late || !send_out(a, e, r)) {
		a->stats.skipped++;
		r->skipped = "the node had no room in time";
		release(a, e);
	}
	return true;
}

bool sonde_agenda_finish(struct sonde_agenda *a, const struct sonde_id *run, uint32_t attempt,
                         bool could_not, struct sonde_agenda_run *again)
{
	struct out *o = sonde_map_get(&a->out, run, sizeof(*run));

	if (!o)
		return false;
	if (could_not && o->entry && attempt <= o->entry->what.retries && attempt < ATTEMPTS_MAX) {
		*again = (struct sonde_agenda_run){ *run, o->due_ms, &o->entry->what, NULL };
		return true;
	}
	sonde_map_take(&a->out, run, sizeof(*run));
	a->exclusive_out -= o->exclusive;
	if (o->entry) {
		o->entry->state = RESTING;
		release(a, o->entry);
	}
	free(o);
	return false;
}

void sonde_agenda_stats(const struct sonde_agenda *a, struct sonde_agenda_stats *s)
{
	*s = a->stats;
	s->entries = (unsigned)a->now.by_key.len;
	s->ready = (unsigned)a->ready.len;
	s->out = (unsigned)a->out.len;
}
