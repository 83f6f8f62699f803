/* SPDX-License-Identifier: Apache-2.0 */
/* Task queues and leases. Owns open measurements. A task sits in exactly one of its node's two
 * lists (queued, active), or in none while it is closing. */
#include "controller/tasks.h"

#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "controller/slots.h"
#include "controller/tasks_private.h"

enum { PROGRESS_TASKS = 5, PROGRESS_MAX = 65536 };
enum { RETRIES = 2, ATTEMPT_MAX = 1000, ACCEPT_S = 5, SEND_BATCH = 100, GRACE_S = 5 };

void tasks_init(struct tasks *t, struct nodes *nodes)
{
	*t = (struct tasks){ .nodes = nodes };
	sonde_map_init(&t->open);
	sonde_heap_init(&t->due);
}

void tasks_deinit(struct tasks *t)
{
	struct measurement *m;
	size_t at = 0;

	while ((m = sonde_map_next(&t->open, &at)))
		measurement_free(m);
	sonde_map_deinit(&t->open);
	sonde_heap_deinit(&t->due);
}

struct measurement *measurement_new(const struct sonde_id *id, char *bytes, size_t len)
{
	struct record r;

	if (record_read(&r, bytes, len) != SONDE_OK || !r.count)
		return NULL;
	struct measurement *m = calloc(1, sizeof(*m) + r.count * sizeof(m->tasks[0]));
	if (!m)
		return NULL;
	m->id = *id;
	m->record = r;
	m->bytes = bytes;
	m->bytes_len = (uint32_t)len;
	for (uint32_t i = 0; i < r.count; i++)
		m->tasks[i] = (struct task){ .measurement = m, .index = i, .attempt = 1 };
	return m;
}

void measurement_free(struct measurement *m)
{
	for (uint32_t i = 0; m && i < m->record.count; i++)
		free(m->tasks[i].progress);
	if (m && m->secrets)
		sonde_secret_wipe(m->secrets, m->secrets_len);
	if (m)
		free(m->secrets);
	if (m && m->running)
		--*m->running;
	if (m)
		free(m->bytes);
	free(m);
}

void measurement_secrets(struct measurement *m, char *options, size_t len)
{
	m->secrets = options;
	m->secrets_len = (uint32_t)len;
}

void measurement_count(struct measurement *m, unsigned *running)
{
	m->running = running;
	++*running;
}

/* ---- lists ---- */

void task_list_add(struct task_list *l, struct task *t)
{
	t->prev = l->last;
	t->next = NULL;
	if (l->last)
		l->last->next = t;
	else
		l->first = t;
	l->last = t;
	l->count++;
}

void task_list_remove(struct task_list *l, struct task *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		l->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		l->last = t->prev;
	t->prev = t->next = NULL;
	l->count--;
}

static void leave(struct tasks *ts, struct task *t)
{
	slots_leave(ts, t);
	if (!t->node)
		return;
	if (t->state == TASK_QUEUED) {
		task_list_remove(&t->node->queued, t);
		ts->waiting--;
	} else {
		task_list_remove(&t->node->active, t);
	}
	tasks_touch(ts, t->node);
	t->node = NULL;
}

/* What asks for none has the middle one. */
static unsigned priority_of(const struct task *t)
{
	unsigned priority = t->measurement->record.priority;

	return priority ? priority : 50;
}

/* at NULL: at the end. */
static void task_list_put(struct task_list *l, struct task *t, struct task *at)
{
	if (!at) {
		task_list_add(l, t);
		return;
	}
	t->next = at;
	t->prev = at->prev;
	if (at->prev)
		at->prev->next = t;
	else
		l->first = t;
	at->prev = t;
	l->count++;
}

/* The first of less priority; without priorities that is the end, and no walk. */
static struct task *place_of_new(const struct task_list *l, const struct task *t)
{
	struct task *at = l->first;

	if (!l->last || priority_of(l->last) >= priority_of(t))
		return NULL;
	while (priority_of(at) >= priority_of(t))
		at = at->next;
	return at;
}

/* The first that came later, or has less priority: what was sent and comes back is older than most. */
static struct task *place_of_old(const struct task_list *l, const struct task *t)
{
	struct task *at = l->first;

	while (at && (priority_of(at) > priority_of(t) ||
	              (priority_of(at) == priority_of(t) &&
	               memcmp(at->measurement->id.b, t->measurement->id.b, sizeof(t->measurement->id.b)) < 0)))
		at = at->next;
	return at;
}

static void enqueue(struct tasks *ts, struct task *t, struct node *node, struct task *before)
{
	t->state = TASK_QUEUED;
	t->node = node;
	task_list_put(&node->queued, t, before);
	ts->waiting++;
	tasks_touch(ts, node);
}

void tasks_touch(struct tasks *ts, struct node *node)
{
	if (node->dirty)
		return;
	node->dirty = true;
	node->dirty_next = ts->dirty;
	ts->dirty = node;
}

/* ---- opening, finding, ending ---- */

void task_close(struct tasks *ts, struct task *t, unsigned failure, const char *why)
{
	leave(ts, t);
	t->state = TASK_CLOSING;
	ts->close(ts->arg, t, failure, why);
}

const char tasks_offline[] = "This probe is currently offline. Please try again later.";

void tasks_close_absent(struct tasks *ts, struct measurement *m)
{
	for (uint32_t i = 0; i < m->record.count; i++) {
		struct task *t = &m->tasks[i];
		if (t->state == TASK_QUEUED && t->node && !node_is_ready(ts->nodes, t->node))
			task_close(ts, t, SONDE_FAIL_NODE_LOST, tasks_offline);
	}
}

unsigned tasks_cancel(struct tasks *ts, struct measurement *m)
{
	struct sonde_msg_task item;
	struct sonde_msg msg = { .kind = SONDE_MSG_CANCEL, .list = { .tasks = &item, .count = 1 } };
	unsigned n = 0;

	for (uint32_t i = 0; i < m->record.count; i++) {
		struct task *t = &m->tasks[i];
		if (t->state >= TASK_CLOSING)
			continue;
		if (t->state > TASK_QUEUED && t->node && t->node->conn) {
			task_fill(t, &item);
			ts->send(ts->arg, t->node, &msg);
		}
		task_close(ts, t, SONDE_FAIL_CANCELLED, "The measurement was cancelled.");
		n++;
	}
	return n;
}

static void open_task(struct tasks *ts, struct measurement *m, uint32_t i)
{
	struct sonde_id id;

	record_node(&m->record, i, &id);
	struct node *node = nodes_by_id(ts->nodes, &id);
	if (node)
		enqueue(ts, &m->tasks[i], node, place_of_new(&node->queued, &m->tasks[i]));
	else
		task_close(ts, &m->tasks[i], SONDE_FAIL_NODE_LOST, "The node was removed.");
}

/* Pairs wait for each other, so that the last may start when all before it are over. */
static int64_t life_ns(const struct record *r)
{
	uint32_t turns = r->pairs ? r->count / 2 : 1;

	return (int64_t)r->timeout_ms * turns * SONDE_NS_PER_MS + GRACE_S * SONDE_NS_PER_S;
}

int tasks_open(struct tasks *ts, struct measurement *m)
{
	if (sonde_map_put(&ts->open, m->id.b, sizeof(m->id.b), m) != SONDE_OK)
		return SONDE_ENOMEM;
	sonde_heap_set(&ts->due, &m->due, sonde_boottime_ns() + life_ns(&m->record));
	ts->created++;
	uint32_t probes = record_probes(&m->record);
	for (uint32_t i = 0; i < m->record.count; i++) {
		if (m->tasks[i].state == TASK_DONE)
			continue;
		if (!m->record.pairs)
			open_task(ts, m, i);
		else if (i < probes)
			slots_add(ts, m, i);
		else if (m->tasks[i - probes].state == TASK_DONE)
			task_close(ts, &m->tasks[i], SONDE_FAIL_NODE_LOST, "The other node ended before.");
	}
	return SONDE_OK;
}

struct measurement *tasks_find(const struct tasks *ts, const struct sonde_id *id)
{
	return sonde_map_get(&ts->open, id->b, sizeof(id->b));
}

struct task *tasks_waiting_for(const struct tasks *ts, const struct sonde_id *id, uint32_t index,
                               uint32_t attempt)
{
	struct measurement *m = tasks_find(ts, id);

	if (!m || index >= m->record.count)
		return NULL;
	struct task *t = &m->tasks[index];
	if (t->state >= TASK_CLOSING)
		return NULL;
	if (attempt == t->attempt)
		return t;
	/* Bounds what a node may claim; the present one may be above it, since it follows the highest claimed. */
	if (attempt < t->attempt || attempt > ATTEMPT_MAX)
		return NULL;
	if (attempt > t->seen)
		t->seen = (uint16_t)attempt;
	return t;
}

void tasks_done(struct tasks *ts, const struct sonde_id *id, uint32_t index)
{
	struct measurement *m = tasks_find(ts, id);

	if (!m || index >= m->record.count || m->tasks[index].state == TASK_DONE)
		return;
	leave(ts, &m->tasks[index]);
	m->tasks[index].state = TASK_DONE;
	if (++m->done < m->record.count)
		return;
	ts->finished++;
	sonde_heap_remove(&ts->due, &m->due);
	sonde_map_take(&ts->open, m->id.b, sizeof(m->id.b));
	bus_publish(ts->nodes->bus, TOPIC_FINISHED, m);
	measurement_free(m);
}

/* ---- sending ---- */

static uint32_t left_ms(const struct measurement *m)
{
	int64_t left = (m->due.key - sonde_boottime_ns()) / SONDE_NS_PER_MS;
	return left < 1 ? 1 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

void task_fill(const struct task *t, struct sonde_msg_task *out)
{
	const struct record *r = &t->measurement->record;

	*out = (struct sonde_msg_task){
		.measurement = t->measurement->id, .task = t->index, .attempt = t->attempt,
		.type = r->type, .target = r->target, .options = r->options,
		.timeout_ms = r->timeout_ms, .valid_ms = left_ms(t->measurement),
		.ip_version = r->ip_version, .progress = r->progress,
	};
	/* Whatever chose the node: what is not trusted gets no secret. */
	const struct measurement *m = t->measurement;
	if (m->secrets && t->node && t->node->facts.trusted)
		out->options = (struct sonde_text){ m->secrets, m->secrets_len };
}

static uint32_t room_of(const struct node *node)
{
	uint32_t window = node->full && node->full_at < node->capacity ? node->full_at : node->capacity;

	return node->active.count < window ? window - node->active.count : 0;
}

static void send_some(struct tasks *ts, struct node *node)
{
	struct sonde_msg_task items[SEND_BATCH];
	struct sonde_msg msg = { .kind = SONDE_MSG_TASKS, .list = { .tasks = items } };
	unsigned room;

	while (node->queued.count && (room = room_of(node))) {
		unsigned n = 0;
		for (struct task *t = node->queued.first; t && n < room && n < SEND_BATCH; t = t->next)
			task_fill(t, &items[n++]);
		msg.list.count = n;
		if (!ts->send(ts->arg, node, &msg))
			return;
		SONDE_EDGE("tasks.sent");
		int64_t now = sonde_boottime_ns();
		while (n--) {
			struct task *t = node->queued.first;
			task_list_remove(&node->queued, t);
			ts->waiting--;
			t->state = TASK_SENT;
			t->since_ns = now;
			task_list_add(&node->active, t);
		}
	}
}

void tasks_flush(struct tasks *ts)
{
	while (ts->dirty) {
		struct node *node = ts->dirty;
		ts->dirty = node->dirty_next;
		node->dirty = false;
		if (node_is_ready(ts->nodes, node))
			send_some(ts, node);
		node_refresh(ts->nodes, node);
	}
	slots_flush(ts);
}

/* ---- node-side trouble ---- */

static void wait_for_room(struct tasks *ts, struct task *t)
{
	struct node *node = t->node;

	leave(ts, t);
	node->full = true;
	node->full_at = node->active.count;
	enqueue(ts, t, node, place_of_old(&node->queued, t));
}

static void retry(struct tasks *ts, struct task *t, unsigned failure, const char *why)
{
	bool full = failure == SONDE_FAIL_OVERLOAD, pairs = t->measurement->record.pairs;
	struct node *other = NULL;

	if (!pairs && t->retries < RETRIES)
		other = ts->replace(ts->arg, t, failure);
	else if (!pairs && full)
		other = t->node;
	if (!other) {
		task_close(ts, t, failure, why);
		return;
	}
	if (full && other == t->node) {
		wait_for_room(ts, t);
		return;
	}
	leave(ts, t);
	t->attempt = (uint16_t)((t->seen > t->attempt ? t->seen : t->attempt) + 1);
	t->retries++;
	ts->retried++;
	enqueue(ts, t, other, place_of_new(&other->queued, t));
}

void tasks_accepted(struct tasks *ts, struct node *node, const struct sonde_msg_accept *a)
{
	struct task *t = tasks_waiting_for(ts, &a->measurement, a->task, a->attempt);

	if (!t || t->attempt != a->attempt || t->node != node || t->state != TASK_SENT)
		return;
	if (!a->failure)
		t->state = TASK_ACCEPTED;
	else
		retry(ts, t, a->failure, "The node refused the task.");
}

void tasks_progress(struct tasks *ts, struct node *node, const struct sonde_msg_progress *p)
{
	struct task *t = tasks_waiting_for(ts, &p->measurement, p->task, p->attempt);

	if (!t || t->attempt != p->attempt || t->node != node || t->index >= PROGRESS_TASKS ||
	    t->progress_len + p->text.len > PROGRESS_MAX)
		return;
	char *more = realloc(t->progress, t->progress_len + p->text.len + 1);
	if (!more)
		return;
	memcpy(more + t->progress_len, p->text.s, p->text.len);
	t->progress = more;
	t->progress_len += (uint32_t)p->text.len;
	more[t->progress_len] = '\0';
}

void tasks_node_gone(struct tasks *ts, struct node *node)
{
	/* Retrying puts tasks into other lists, never back into this node's active list. */
	struct task *next;
	for (struct task *t = node->active.first; t; t = next) {
		next = t->next;
		if (t->state == TASK_SENT)
			retry(ts, t, SONDE_FAIL_NODE_LOST, "The node went away before it took the task.");
	}
}

void tasks_node_idle(struct tasks *ts, struct node *node, const char *why)
{
	while (node->queued.first)
		retry(ts, node->queued.first, SONDE_FAIL_NODE_LOST, why);
}

void tasks_node_removed(struct tasks *ts, struct node *node)
{
	while (node->active.first)
		retry(ts, node->active.first, SONDE_FAIL_NODE_LOST, "The node was removed.");
	while (node->queued.first)
		retry(ts, node->queued.first, SONDE_FAIL_NODE_LOST, "The node was removed.");
	/* It must not stay in the dirty list: its memory goes away. */
	for (struct node **p = &ts->dirty; *p; p = &(*p)->dirty_next) {
		if (*p == node) {
			*p = node->dirty_next;
			break;
		}
	}
}

/* ---- time ---- */

static void expire(struct tasks *ts, struct measurement *m)
{
	for (uint32_t i = 0; i < m->record.count; i++) {
		struct task *t = &m->tasks[i];
		if (t->state >= TASK_CLOSING)
			continue;
		if (t->state == TASK_QUEUED && m->record.pairs)
			task_close(ts, t, SONDE_FAIL_OVERLOAD, "The two nodes were not free in time.");
		else if (t->state == TASK_QUEUED && t->node && node_is_ready(ts->nodes, t->node))
			task_close(ts, t, SONDE_FAIL_OVERLOAD, "The node had no room in time.");
		else if (t->node && t->node->conn)
			task_close(ts, t, SONDE_FAIL_TIMEOUT, "The measurement timed out.");
		else
			task_close(ts, t, SONDE_FAIL_NODE_LOST, "The node went away.");
	}
}

static void ask_again(struct tasks *ts, struct node *node)
{
	if (!node->full)
		return;
	node->full = false;
	tasks_touch(ts, node);
}

static void check_leases(struct tasks *ts, struct node *node, int64_t now)
{
	/* Sent in order, so the first that is young ends the walk. */
	struct task *next;
	for (struct task *t = node->active.first; t; t = next) {
		next = t->next;
		if (now - t->since_ns < ACCEPT_S * SONDE_NS_PER_S)
			return;
		if (t->state == TASK_SENT)
			retry(ts, t, SONDE_FAIL_NODE_LOST, "The node did not take the task in time.");
	}
}

void tasks_tick(struct tasks *ts, int64_t now)
{
	struct sonde_heap_entry *e;

	while ((e = sonde_heap_peek(&ts->due)) && e->key <= now) {
		struct measurement *m =
			(struct measurement *)((char *)e - offsetof(struct measurement, due));
		sonde_heap_remove(&ts->due, e);
		expire(ts, m);
	}
	for (unsigned i = 0; i < ts->nodes->len; i++) {
		if (!ts->nodes->all[i])
			continue;
		ask_again(ts, ts->nodes->all[i]);
		check_leases(ts, ts->nodes->all[i], now);
	}
	slots_tick(ts);
	tasks_flush(ts);
}
