/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and what they subscribed to. One timer for all: armed when something happened, or
 * while somebody is behind. Owns struct live_conn from open to close. */
#include "controller/live.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/api/results.h"

enum {
	SOON_MS = 10,        /* what happens within is told together */
	LATER_MS = 100,      /* somebody is behind, or wants figures */
	QUEUE_HIGH = 256 << 10,
	LAG_MAX = 10000,     /* results a reader may be behind */
	SILENT_S = 3,        /* until the first message */
	IDLE_S = 60,         /* later, without a token and a subscription */
	ID_MAX = 64,
	ROUND_PIECES = 4,    /* pieces of results a subscription gets in a turn */
	SEND_MAX = 8 << 20,
	CODE_AUTH = 4401, CODE_BAD = 4400, CODE_SILENT = 4408, CODE_MANY = 1013,
};

enum topic_kind { LIVE_NONE, LIVE_RESULTS, LIVE_NODES, LIVE_EVENTS, LIVE_STATS, LIVE_MEASUREMENT };

static const struct {
	const char *name;
	enum topic_kind kind;
	enum role least;
} topics[] = {
	{ "results", LIVE_RESULTS, ROLE_WATCH },
	{ "nodes", LIVE_NODES, ROLE_VIEWER },
	{ "events", LIVE_EVENTS, ROLE_WATCH },
	{ "stats", LIVE_STATS, ROLE_VIEWER },
	{ "measurement", LIVE_MEASUREMENT, ROLE_PUBLIC },
};

struct subscription {
	enum topic_kind kind;
	char id[ID_MAX + 1];
	struct result_reader reader;  /* results, measurement */
	uint64_t missed;              /* not told yet */
	int64_t every_ns, due_ns;     /* stats */
	bool current;                 /* has been up to date */
	bool finished;                /* of a measurement: over, the end is to be told */
};

struct live_conn {
	struct live_conn *prev, *next;
	struct live *live;
	struct sonde_conn *conn;
	struct credential credential;
	enum role role; /* as the credential was at the last look */
	bool reads;     /* its scopes let it */
	bool ended;     /* the credential does not hold any more */
	bool spoke;     /* logged in or subscribed, and so counted */
	int64_t quiet_ns; /* since when it has neither */
	unsigned count;
	struct subscription *subs[LIVE_SUBSCRIPTIONS];
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

static void say(struct live_conn *lc, const char *id, const char *key, const char *text)
{
	struct sonde_buf b;
	struct sonde_json j;

	begin(&b, &j, id);
	sonde_json_str(&j, key, text);
	send_off(lc, &b, &j);
}

/* ---- results ---- */

static uint64_t head_of(struct controller *c)
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

static void pump_measurement(struct live_conn *lc, struct subscription *s)
{
	struct sonde_buf b;
	struct sonde_json j;

	begin(&b, &j, s->id);
	if (!measurement_put(lc->live->c, &s->reader.filter.measurement, "measurement", &j)) {
		sonde_buf_deinit(&b);
		say(lc, s->id, "error", "There is no such measurement.");
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

static void drop(struct live_conn *lc, unsigned i)
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
		pump_measurement(lc, s);
		drop(lc, i);
	}
	return behind;
}

static void arm(struct live *l, uint64_t ms);

static void on_time(uv_timer_t *timer)
{
	struct live *l = timer->data;
	uint64_t head = head_of(l->c);
	int64_t now = sonde_boottime_ns();
	bool again = false;

	l->armed = false;
	for (struct live_conn *lc = l->first; lc; lc = lc->next)
		for (unsigned i = lc->count; i-- > 0;)
			again |= pump_one(lc, i, head, now);
	if (again)
		arm(l, LATER_MS);
}

static void arm(struct live *l, uint64_t ms)
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
	const struct event *e = what;
	char text[SONDE_ID_TEXT], when[SONDE_TIME_TEXT];

	(void)lc;
	sonde_json_open(j, "event", '{');
	sonde_id_format(&e->id, text);
	sonde_json_str(j, "id", text);
	sonde_format_time(when, sonde_id_wall_ms(&e->id));
	sonde_json_str(j, "at", when);
	sonde_json_str(j, "kind", e->kind);
	sonde_json_str(j, "severity", e->severity);
	if (e->schedule) {
		sonde_id_format(e->schedule, text);
		sonde_json_str(j, "schedule", text);
	}
	if (e->node) {
		sonde_id_format(e->node, text);
		sonde_json_str(j, "node", text);
	}
	sonde_json_str(j, "text", e->text);
	sonde_json_close(j);
}

/* One message to each subscription of the kind that has room, a missed one to the others. */
static void tell(struct live *l, enum topic_kind kind, const void *what,
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
				arm(l, LATER_MS);
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
		arm(l, SOON_MS);
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

/* ---- messages ---- */

static bool take_text(const json_t *o, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (text)
		snprintf(out, room, "%s", text);
	return text && strlen(text) < room;
}

/* A sentence when the filter is not good. */
static const char *read_filter(struct controller *c, const json_t *given, struct result_filter *f)
{
	const struct {
		const char *key;
		char *to;
		size_t room;
	} texts[] = {
		{ "type", f->type, sizeof(f->type) },
		{ "target", f->target, sizeof(f->target) },
		{ "region", f->region, sizeof(f->region) },
		{ "status", f->status, sizeof(f->status) },
		{ "failure", f->failure, sizeof(f->failure) },
	};
	char text[ID_MAX + 1];
	unsigned known = 0;

	f->until_ms = -1;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		known += take_text(given, texts[i].key, texts[i].to, texts[i].room);
	if (take_text(given, "node", text, sizeof(text))) {
		const struct node *n = nodes_find(&c->nodes, text);
		if (!n)
			return "There is no such node.";
		f->node = n->id;
		known++;
	}
	if (take_text(given, "measurement", text, sizeof(text))) {
		if (!sonde_id_parse(text, strlen(text), &f->measurement))
			return "measurement must be an id.";
		known++;
	}
	return known == json_object_size(given) ? NULL :
		"A filter has type, target, node, region, measurement, status, failure, all texts.";
}

static const char *read_subscription(struct live_conn *lc, const json_t *m, struct subscription *s)
{
	struct controller *c = lc->live->c;
	const json_t *cursor = json_object_get(m, "cursor"), *every = json_object_get(m, "every");
	char id[ID_MAX + 1];
	const char *wrong;

	s->reader.c = c;
	s->reader.limit = UINT32_MAX;
	s->reader.next = json_integer_value(cursor) > 0 ? (uint64_t)json_integer_value(cursor) :
							   head_of(c);
	if (cursor && (!json_is_integer(cursor) || json_integer_value(cursor) < 1))
		return "cursor must be an ingest number.";
	wrong = read_filter(c, json_object_get(m, "filter"), &s->reader.filter);
	if (wrong)
		return wrong;
	if (s->kind == LIVE_MEASUREMENT &&
	    (!take_text(m, "measurement", id, sizeof(id)) ||
	     !sonde_id_parse(id, strlen(id), &s->reader.filter.measurement)))
		return "measurement must be an id.";
	if (every && (!json_is_integer(every) || json_integer_value(every) < 1 ||
	              json_integer_value(every) > 3600))
		return "every must be 1 to 3600 seconds.";
	s->every_ns = (every ? json_integer_value(every) : 5) * SONDE_NS_PER_S;
	return NULL;
}

static struct subscription *find(struct live_conn *lc, const char *id, unsigned *at)
{
	for (*at = 0; *at < lc->count; (*at)++)
		if (!strcmp(lc->subs[*at]->id, id))
			return lc->subs[*at];
	return NULL;
}

static void start(struct live_conn *lc, struct subscription *s)
{
	struct live *l = lc->live;

	lc->subs[lc->count++] = s;
	say(lc, s->id, "ok", "subscribe");
	if (s->kind == LIVE_MEASUREMENT) {
		/* What is there, then what comes; what is over ends at once. */
		if (tasks_find(&l->c->tasks, &s->reader.filter.measurement))
			pump_measurement(lc, s);
		else
			s->finished = true;
	}
	arm(l, SOON_MS);
}

/* Those that say nothing have no part in the number. */
static bool count_in(struct live_conn *lc)
{
	struct live *l = lc->live;

	if (!lc->spoke && l->connections >= LIVE_CONNECTIONS) {
		sonde_conn_close(lc->conn, CODE_MANY, "Too many connections; try again later.");
		return false;
	}
	l->connections += !lc->spoke;
	lc->spoke = true;
	return true;
}

static void subscribe(struct live_conn *lc, const json_t *m, const char *id)
{
	const char *topic = json_string_value(json_object_get(m, "topic"));
	struct subscription *s;
	const char *wrong = NULL;
	unsigned at, i = 0;

	while (i < sizeof(topics) / sizeof(topics[0]) && (!topic || strcmp(topics[i].name, topic)))
		i++;
	if (i == sizeof(topics) / sizeof(topics[0]))
		wrong = "The topics are results, nodes, events, stats and measurement.";
	else if (topics[i].least && (!role_may(lc->role, topics[i].least) || !lc->reads))
		wrong = lc->credential.given ? "The account or token may not hear this." : "Send a token first.";
	else if (find(lc, id, &at))
		wrong = "There is a subscription of that id.";
	else if (lc->count == LIVE_SUBSCRIPTIONS)
		wrong = "There are 32 subscriptions already.";
	s = wrong ? NULL : calloc(1, sizeof(*s));
	if (s) {
		s->kind = topics[i].kind;
		memcpy(s->id, id, strlen(id) + 1);
		wrong = read_subscription(lc, m, s);
	} else if (!wrong) {
		wrong = "Out of memory.";
	}
	if (!wrong && count_in(lc)) {
		start(lc, s);
		return;
	}
	free(s);
	if (wrong)
		say(lc, id, "error", wrong);
}

static void authenticate(struct live_conn *lc, const json_t *m)
{
	const json_t *token = json_object_get(m, "token");
	struct who w;

	if (!json_is_string(token) ||
	    !accounts_keep(lc->live->c, json_string_value(token), json_string_length(token),
	                   &lc->credential, &w)) {
		sonde_conn_close(lc->conn, CODE_AUTH, "The token is not valid.");
		return;
	}
	lc->role = w.role;
	lc->reads = w.scopes & SCOPE_READ;
	if (count_in(lc))
		say(lc, NULL, "ok", "auth");
}

static void check_silence(struct live_conn *lc, int64_t now)
{
	int64_t limit = (lc->spoke ? IDLE_S : SILENT_S) * SONDE_NS_PER_S;

	if (!lc->credential.given && !lc->count && now - lc->quiet_ns > limit)
		sonde_conn_close(lc->conn, CODE_SILENT, "No token and no subscription came in time.");
}

void live_check(struct live *l)
{
	int64_t now = sonde_boottime_ns();
	struct who w;

	for (struct live_conn *lc = l->first; lc; lc = lc->next) {
		check_silence(lc, now);
		if (lc->credential.given && !lc->ended &&
		    (!accounts_again(l->c, &lc->credential, &w) || w.role != lc->role)) {
			lc->ended = true;
			while (lc->count)
				drop(lc, 0);
			sonde_conn_close(lc->conn, CODE_AUTH, "The session or token has ended, or its rights changed.");
		}
	}
}

static void on_object(struct live_conn *lc, const json_t *m)
{
	const char *op = json_string_value(json_object_get(m, "op"));
	char id[ID_MAX + 1] = "";
	unsigned at;

	if (op && !strcmp(op, "auth")) {
		authenticate(lc, m);
		return;
	}
	if (!take_text(m, "id", id, sizeof(id)) || !*id) {
		sonde_conn_close(lc->conn, CODE_BAD, "A message needs op and id.");
	} else if (op && !strcmp(op, "subscribe")) {
		subscribe(lc, m, id);
	} else if (op && !strcmp(op, "unsubscribe")) {
		if (find(lc, id, &at))
			drop(lc, at);
		say(lc, id, "ok", "unsubscribe");
	} else {
		say(lc, id, "error", "op is auth, subscribe or unsubscribe.");
	}
}

static void on_message(struct sonde_conn *conn, void *arg, char *text, size_t len)
{
	struct live_conn *lc = arg;
	struct sonde_error e;

	json_t *m = sonde_json_load(text, len, &e);
	if (json_is_object(m))
		on_object(lc, m);
	else
		sonde_conn_close(conn, CODE_BAD, "A message is a JSON object.");
	json_decref(m);
}

static void on_open(struct sonde_conn *conn, void *arg)
{
	struct controller *c = arg;
	struct live *l = &c->live;
	struct live_conn *lc = calloc(1, sizeof(*lc));

	sonde_conn_set_arg(conn, lc);
	if (!lc) {
		sonde_conn_close(conn, CODE_MANY, "Out of memory.");
		return;
	}
	lc->quiet_ns = sonde_boottime_ns();
	lc->live = l;
	lc->conn = conn;
	lc->next = l->first;
	if (l->first)
		l->first->prev = lc;
	l->first = lc;
}

static void on_drain(struct sonde_conn *conn, void *arg)
{
	struct live_conn *lc = arg;

	(void)conn;
	if (lc)
		arm(lc->live, SOON_MS);
}

static void on_close(struct sonde_conn *conn, void *arg, unsigned code, const char *reason)
{
	struct live_conn *lc = arg;

	(void)conn;
	(void)code;
	(void)reason;
	if (!lc)
		return;
	if (lc->next)
		lc->next->prev = lc->prev;
	if (lc->prev)
		lc->prev->next = lc->next;
	else
		lc->live->first = lc->next;
	lc->live->connections -= lc->spoke;
	while (lc->count)
		drop(lc, 0);
	free(lc);
}

const struct sonde_conn_events live_events = {
	.open = on_open,
	.message = on_message,
	.drain = on_drain,
	.close = on_close,
};

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
