/* SPDX-License-Identifier: Apache-2.0 */
/* What the subscribed are told: results, read from the store as fast as each connection takes them;
 * nodes and events, from the bus, as they happen; figures, by the clock. One timer for all: armed
 * when something happened, or while somebody is behind. */
#include "controller/live_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"

enum {
	LATER_MS = 100,      /* somebody is behind, or wants figures */
	QUEUE_HIGH = 256 << 10,
	LAG_MAX = 10000,     /* results a reader may be behind */
	ROUND_PIECES = 4,    /* pieces of results a subscription gets in a turn */
	SEND_MAX = 8 << 20,
};

/* ---- sending ---- */

static bool has_room(const struct live_conn *lc)
{
	return sonde_conn_queued(lc->conn) < QUEUE_HIGH;
}

static void begin(struct sonde_buf *b, struct sonde_json *j, const char *id)
{
	sonde_buf_init_head(b, SEND_MAX, SONDE_NET_HEAD);
	sonde_json_init(j, b);
	sonde_json_open(j, NULL, '{');
	if (id)
		sonde_json_str(j, "id", id);
}

static bool send_off(struct live_conn *lc, struct sonde_buf *b, struct sonde_json *j)
{
	sonde_json_close(j);
	bool sent = !b->failed && sonde_conn_send(lc->conn, b) == SONDE_OK;
	sonde_buf_deinit(b);
	return sent;
}

void live_say(struct live_conn *lc, const char *id, const char *key, const char *text)
{
	struct sonde_buf b;
	struct sonde_json j;

	begin(&b, &j, id);
	sonde_json_str(&j, key, text);
	send_off(lc, &b, &j);
}

/* ---- results ---- */

uint64_t live_head(struct controller *c)
{
	struct sonde_read *read;
	uint64_t next = 1;

	if (sonde_read_begin(c->store, &read) != SONDE_OK)
		return next;
	sonde_read_next(read, &next);
	sonde_read_end(read);
	return next;
}

static void tell_missed(struct live_conn *lc, struct subscription *s, uint64_t from, uint64_t next)
{
	struct sonde_buf b;
	struct sonde_json j;

	begin(&b, &j, s->id);
	sonde_json_int(&j, "missed", (int64_t)s->missed);
	if (next) {
		sonde_json_int(&j, "from", (int64_t)from);
		sonde_json_int(&j, "next", (int64_t)next);
	}
	if (send_off(lc, &b, &j)) {
		lc->live->missed += s->missed;
		s->missed = 0;
	}
}

/* 1 = there is more, 0 = up to date, < 0 = it could not be sent or read. */
static int send_piece(struct live_conn *lc, struct subscription *s)
{
	uint64_t from = s->reader.next;
	struct sonde_buf b;

	begin(&b, &s->reader.json, s->id);
	sonde_json_open(&s->reader.json, "results", '[');
	s->reader.b = &b;
	int rc = result_reader_next(&s->reader);
	sonde_json_close(&s->reader.json);
	sonde_json_int(&s->reader.json, "next", (int64_t)s->reader.next);
	if (rc < 0 || !s->reader.shown) {
		sonde_buf_deinit(&b);
		return rc;
	}
	if (send_off(lc, &b, &s->reader.json))
		return rc;
	s->reader.next = from; /* not taken: it comes again */
	return -1;
}

/* Whether it is still behind. */
static bool pump_results(struct live_conn *lc, struct subscription *s, uint64_t head)
{
	if (!has_room(lc))
		return true;
	/* A backlog that was asked for is never cut short. */
	if (s->current && head > s->reader.next + LAG_MAX) {
		uint64_t from = s->reader.next;
		s->missed = head - from;
		s->reader.next = head;
		tell_missed(lc, s, from, head);
	}
	for (int i = 0; i < ROUND_PIECES && has_room(lc) && s->reader.next < head; i++) {
		int rc = send_piece(lc, s);
		if (rc < 0)
			return true;
	}
	if (s->reader.next < head)
		return true;
	s->current = true;
	return false;
}

void live_tell_measurement(struct live_conn *lc, struct subscription *s)
{
	struct sonde_buf b;
	struct sonde_json j;

	begin(&b, &j, s->id);
	if (!measurement_put(lc->live->c, &s->reader.filter.measurement, "measurement", &j)) {
		sonde_buf_deinit(&b);
		live_say(lc, s->id, "error", "There is no such measurement.");
		return;
	}
	send_off(lc, &b, &j);
}

static void pump_stats(struct live_conn *lc, struct subscription *s, int64_t now)
{
	struct sonde_buf b;
	struct sonde_json j;

	if (now < s->due_ns || !has_room(lc))
		return;
	s->due_ns = now + s->every_ns;
	begin(&b, &j, s->id);
	sonde_json_open(&j, "stats", '{');
	stats_put(lc->live->c, &j);
	sonde_json_close(&j);
	send_off(lc, &b, &j);
}

void live_drop(struct live_conn *lc, unsigned i)
{
	free(lc->subs[i]);
	lc->subs[i] = lc->subs[--lc->count];
	lc->quiet_ns = sonde_boottime_ns();
}

/* Whether it wants to be looked at again though nothing happens. */
static bool pump_one(struct live_conn *lc, unsigned i, uint64_t head, int64_t now)
{
	struct subscription *s = lc->subs[i];

	if (s->kind == LIVE_STATS) {
		pump_stats(lc, s, now);
		return true;
	}
	if (s->kind == LIVE_NODES || s->kind == LIVE_EVENTS) {
		if (s->missed && has_room(lc))
			tell_missed(lc, s, 0, 0);
		return s->missed > 0;
	}
	bool behind = pump_results(lc, s, head);
	if (s->kind == LIVE_MEASUREMENT && s->finished && !behind) {
		live_tell_measurement(lc, s);
		live_drop(lc, i);
	}
	return behind;
}

static void on_time(uv_timer_t *timer)
{
	struct live *l = timer->data;
	uint64_t head = live_head(l->c);
	int64_t now = sonde_boottime_ns();
	bool again = false;

	l->armed = false;
	for (struct live_conn *lc = l->first; lc; lc = lc->next)
		for (unsigned i = lc->count; i-- > 0;)
			again |= pump_one(lc, i, head, now);
	if (again)
		live_arm(l, LATER_MS);
}

void live_arm(struct live *l, uint64_t ms)
{
	if (l->closed || (l->armed && uv_timer_get_due_in(&l->timer) <= ms))
		return;
	l->armed = true;
	uv_timer_start(&l->timer, on_time, ms, 0);
}

/* ---- what happens ---- */

static void put_node(const struct live_conn *lc, const void *what, struct sonde_json *j)
{
	sonde_json_open(j, "node", '{');
	node_describe(&lc->live->c->nodes, what, j, role_may(lc->role, ROLE_WATCH));
	sonde_json_close(j);
}

static void put_event(const struct live_conn *lc, const void *what, struct sonde_json *j)
{
	sonde_json_open(j, "event", '{');
	event_put(&lc->live->c->events, what, j);
	sonde_json_close(j);
}

/* One message to each subscription of the kind that has room, a missed one to the others. */
static void tell(struct live *l, enum live_kind kind, const void *what,
                 void (*put)(const struct live_conn *, const void *, struct sonde_json *))
{
	struct sonde_buf b;
	struct sonde_json j;

	for (struct live_conn *lc = l->first; lc; lc = lc->next) {
		for (unsigned i = 0; i < lc->count; i++) {
			struct subscription *s = lc->subs[i];
			if (s->kind != kind)
				continue;
			if (!has_room(lc)) {
				s->missed++;
				live_arm(l, LATER_MS);
				continue;
			}
			begin(&b, &j, s->id);
			put(lc, what, &j);
			send_off(lc, &b, &j);
		}
	}
}

static void on_node(void *arg, enum topic t, const void *what)
{
	(void)t;
	tell(arg, LIVE_NODES, what, put_node);
}

static void on_event(void *arg, enum topic t, const void *what)
{
	(void)t;
	tell(arg, LIVE_EVENTS, what, put_event);
}

static void on_result(void *arg, enum topic t, const void *what)
{
	struct live *l = arg;

	(void)t;
	(void)what;
	if (l->first)
		live_arm(l, LIVE_SOON_MS);
}

static void on_finished(void *arg, enum topic t, const void *what)
{
	struct live *l = arg;
	const struct measurement *m = what;

	(void)t;
	for (struct live_conn *lc = l->first; lc; lc = lc->next)
		for (unsigned i = 0; i < lc->count; i++)
			if (lc->subs[i]->kind == LIVE_MEASUREMENT &&
			    sonde_id_equal(&lc->subs[i]->reader.filter.measurement, &m->id))
				lc->subs[i]->finished = true;
	on_result(arg, t, what);
}

int live_init(struct live *l, struct controller *c)
{
	*l = (struct live){ .c = c };
	uv_timer_init(&c->loop, &l->timer);
	l->timer.data = l;
	int rc = bus_subscribe(&c->bus, TOPIC_NODE, on_node, l);
	if (rc == SONDE_OK)
		rc = bus_subscribe(&c->bus, TOPIC_EVENT, on_event, l);
	if (rc == SONDE_OK)
		rc = bus_subscribe(&c->bus, TOPIC_RESULT, on_result, l);
	return rc == SONDE_OK ? bus_subscribe(&c->bus, TOPIC_FINISHED, on_finished, l) : rc;
}

void live_stop(struct live *l)
{
	l->closed = true;
	uv_close((uv_handle_t *)&l->timer, NULL);
}
