/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, the messages they send and the subscriptions they hold. Owns struct live_conn from
 * open to close. */
#include "controller/live_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"

enum {
	SILENT_MS = 2500,    /* until the first message; the tick and closing add a second each */
	IDLE_MS = 60000,     /* later, without a token and a subscription */
	CODE_AUTH = 4401, CODE_BAD = 4400, CODE_SILENT = 4408, CODE_MANY = 1013,
};

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
	live_say(lc, s->id, "ok", "subscribe");
	if (s->kind == LIVE_MEASUREMENT) {
		/* What is there, then what comes; what is over ends at once. */
		if (tasks_find(&l->c->tasks, &s->reader.filter.measurement))
			live_tell_measurement(lc, s);
		else
			s->finished = true;
	}
	live_arm(l, LIVE_SOON_MS);
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
	const struct live_topic *topic =
		live_topic_find(json_string_value(json_object_get(m, "topic")));
	struct subscription *s;
	const char *wrong = NULL;
	unsigned at;

	if (!topic)
		wrong = "The topics are results, nodes, events, stats and measurement.";
	else if (topic->least && (!role_may(lc->role, topic->least) || !lc->reads))
		wrong = lc->credential.given ? "The account or token may not hear this." : "Send a token first.";
	else if (find(lc, id, &at))
		wrong = "There is a subscription of that id.";
	else if (lc->count == LIVE_SUBSCRIPTIONS)
		wrong = "There are 32 subscriptions already.";
	s = wrong ? NULL : calloc(1, sizeof(*s));
	if (s) {
		s->kind = topic->kind;
		memcpy(s->id, id, strlen(id) + 1);
		wrong = live_subscription_read(lc->live->c, m, s);
	} else if (!wrong) {
		wrong = "Out of memory.";
	}
	if (!wrong && count_in(lc)) {
		start(lc, s);
		return;
	}
	free(s);
	if (wrong)
		live_say(lc, id, "error", wrong);
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
		live_say(lc, NULL, "ok", "auth");
}

static void check_silence(struct live_conn *lc, int64_t now)
{
	int64_t limit = (lc->spoke ? IDLE_MS : SILENT_MS) * SONDE_NS_PER_MS;

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
				live_drop(lc, 0);
			sonde_conn_close(lc->conn, CODE_AUTH, "The session or token has ended, or its rights changed.");
		}
	}
}

static void on_object(struct live_conn *lc, const json_t *m)
{
	const char *op = json_string_value(json_object_get(m, "op"));
	char id[LIVE_ID_MAX + 1] = "";
	unsigned at;

	if (op && !strcmp(op, "auth")) {
		authenticate(lc, m);
		return;
	}
	if (!live_take_text(m, "id", id, sizeof(id)) || !*id) {
		sonde_conn_close(lc->conn, CODE_BAD, "A message needs op and id.");
	} else if (op && !strcmp(op, "subscribe")) {
		subscribe(lc, m, id);
	} else if (op && !strcmp(op, "unsubscribe")) {
		if (find(lc, id, &at))
			live_drop(lc, at);
		live_say(lc, id, "ok", "unsubscribe");
	} else {
		live_say(lc, id, "error", "op is auth, subscribe or unsubscribe.");
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
		live_arm(lc->live, LIVE_SOON_MS);
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
		live_drop(lc, 0);
	free(lc);
}

const struct sonde_conn_events live_events = {
	.open = on_open,
	.message = on_message,
	.drain = on_drain,
	.close = on_close,
};
