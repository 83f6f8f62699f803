/* SPDX-License-Identifier: Apache-2.0 */
/* How `sonde top` learns what it shows: nodes, schedules, problems and figures over HTTP in a worker,
 * then results, nodes and figures on the websocket.
 *
 * ASKING -(answers)-> DIALING -(open; subscribed)-> LIVE. A refusal, a broken connection or silence
 * leads to LOST, which says so on the screen and asks again after a pause. While LIVE, problems,
 * schedules and nodes are asked for now and then. */
#include "cli/top_loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ASK_MS = 5000,
	SILENT_MS = 10000,
	RETRY_MS = TOP_RETRY_MS,
	RETRY_MAX_MS = 8000,
	DIAL_S = 10,
	MESSAGE_MAX = TOP_MESSAGE_MAX,
	CODE_LEFT = 1000,
};

static void ask_again(uv_timer_t *timer);

static void lost(struct top *t, const char *why)
{
	time_t now = time(NULL);
	struct tm tm;

	if (t->stopping)
		return;
	if (t->view.live) {
		t->view.live = false;
		strftime(t->view.since, sizeof(t->view.since), "%H:%M:%SZ", gmtime_r(&now, &tm));
		t->pause_ms = RETRY_MS;
	}
	snprintf(t->view.why, sizeof(t->view.why), "%s", why);
	t->state = LOST;
	t->dirty = true;
	uv_timer_start(&t->retry, ask_again, t->pause_ms, 0);
	t->pause_ms = 2 * t->pause_ms < RETRY_MAX_MS ? 2 * t->pause_ms : RETRY_MAX_MS;
}

/* Takes what there is of the answers; false when one is missing. */
static bool take(struct top *t)
{
	struct top_answers *a = &t->answers;
	bool all = a->nodes && a->schedules && a->problems;

	if (a->nodes)
		top_model_nodes(&t->model, a->nodes);
	if (a->schedules)
		top_model_schedules(&t->model, a->schedules);
	if (a->problems)
		top_model_problems(&t->model, a->problems);
	if (a->stats) {
		t->caught_up = (uint64_t)json_integer_value(cli_at(a->stats, "results.next"));
		top_model_stats(&t->model, a->stats);
	}
	a->nodes = a->schedules = a->problems = a->stats = NULL;
	t->dirty = true;
	return all;
}

/* On a thread of the pool; nobody else asks meanwhile. */
static void ask(uv_work_t *work)
{
	struct top *t = work->data;
	struct top_answers *a = &t->answers;
	struct cli *cli = t->cli;
	int code;

	*a->why = '\0';
	cli->why = a->why;
	cli_refresh(cli);
	a->nodes = cli_get(cli, "/v1/nodes", NULL, &code);
	a->schedules = a->nodes ? cli_get(cli, "/v1/schedules", NULL, &code) : NULL;
	a->problems = a->schedules ? cli_get(cli, "/v1/problems", NULL, &code) : NULL;
	a->stats = a->problems && !a->known ? cli_get(cli, "/v1/stats", NULL, &code) : NULL;
	cli->why = NULL;
}

static void on_answers(uv_work_t *work, int status)
{
	struct top *t = work->data;
	char why[CLI_WHY];

	(void)status;
	t->asking = false;
	snprintf(why, sizeof(why), "%s", t->answers.why);
	bool all = take(t);
	t->asked_ms = uv_now(&t->loop);
	if (t->stopping || t->state != ASKING)
		return;
	if (all)
		top_dial(t);
	else
		lost(t, why);
}

static void start_asking(struct top *t)
{
	if (t->asking)
		return;
	t->asking = true;
	t->answers.known = t->state == LIVE;
	t->work.data = t;
	uv_queue_work(&t->loop, &t->work, ask, on_answers);
}

static void ask_again(uv_timer_t *timer)
{
	struct top *t = timer->data;

	if (t->asking || t->conn) {
		uv_timer_start(&t->retry, ask_again, RETRY_MS, 0);
		return;
	}
	t->state = ASKING;
	start_asking(t);
}

/* ---- the websocket ---- */

static void say(struct top *t, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	struct sonde_buf b;

	sonde_buf_init_head(&b, MESSAGE_MAX, SONDE_NET_HEAD);
	sonde_buf_str(&b, text ? text : "");
	if (!text || b.failed || sonde_conn_send(t->conn, &b) != SONDE_OK)
		sonde_conn_close(t->conn, CODE_LEFT, "cannot send");
	sonde_buf_deinit(&b);
	free(text);
	json_decref(message);
}

static void on_open(struct sonde_conn *conn, void *arg)
{
	struct top *t = arg;

	t->conn = conn;
	t->heard_ms = uv_now(&t->loop);
	if (t->cli->token[0])
		say(t, json_pack("{s:s, s:s}", "op", "auth", "token", t->cli->token));
	say(t, json_pack("{s:s, s:s, s:s}", "op", "subscribe", "id", "nodes", "topic", "nodes"));
	say(t, json_pack("{s:s, s:s, s:s, s:i}", "op", "subscribe", "id", "stats", "topic", "stats",
	                 "every", 1));
	say(t, json_pack("{s:s, s:s, s:s, s:I}", "op", "subscribe", "id", "results", "topic", "results",
	                 "cursor", (json_int_t)(t->model.next ? t->model.next : 1)));
}

static void on_message(struct sonde_conn *conn, void *arg, char *text, size_t len)
{
	struct top *t = arg;
	json_t *m = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *error = cli_str(m, "error");

	if (t->stopping) {
		json_decref(m);
		return;
	}
	t->heard_ms = uv_now(&t->loop);
	if (*error) {
		snprintf(t->view.why, sizeof(t->view.why), "%s", error);
		sonde_conn_close(conn, CODE_LEFT, error);
	} else if (!strcmp(cli_str(m, "ok"), "subscribe") && !strcmp(cli_str(m, "id"), "results")) {
		t->state = LIVE;
		t->view.live = true;
		t->pause_ms = RETRY_MS;
	}
	top_model_message(&t->model, m);
	t->dirty = true;
	json_decref(m);
}

static void on_drain(struct sonde_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
}

static void on_close(struct sonde_conn *conn, void *arg, unsigned code, const char *reason)
{
	struct top *t = arg;
	char why[128];

	(void)conn;
	t->conn = NULL;
	snprintf(why, sizeof(why), "closed with %u", code);
	lost(t, *reason ? reason : why);
}

static const struct sonde_conn_events events = { on_open, on_message, on_drain, on_close };

void top_dial(struct top *t)
{
	struct sonde_error e;
	const struct sonde_dial dial = { .url = t->url, .subprotocol = "sonde.live.v1",
		                         .ca_file = t->cli->ca_file, .pins = t->cli->pins,
		                         .events = &events, .arg = t,
		                         .timeout_s = DIAL_S };

	t->state = DIALING;
	t->heard_ms = uv_now(&t->loop);
	if (sonde_net_dial(t->net, &dial, &t->conn, &e) == SONDE_OK)
		return;
	t->conn = NULL;
	lost(t, e.text);
}

void top_contact_tick(struct top *t, uint64_t now)
{
	/* Figures come every second: silence is a broken connection. */
	if (t->state == LIVE && now - t->heard_ms > SILENT_MS) {
		lost(t, "it says nothing any more");
		sonde_conn_close(t->conn, CODE_LEFT, "it says nothing any more");
	}
	if (t->state == LIVE && now - t->asked_ms > ASK_MS)
		start_asking(t);
}

/* ---- the beginning ---- */

int top_make_url(struct top *t)
{
	const char *url = t->cli->url;
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	if (strncmp(url, "http", 4) || len >= sizeof(t->url) - 16)
		return cli_fail(EXIT_USAGE, "the address of the controller must be http:// or https://");
	snprintf(t->url, sizeof(t->url), "ws%.*s/v1/live", (int)len - 4, url + 4);
	return EXIT_OK;
}

int top_ask_first(struct top *t)
{
	struct top_answers *a = &t->answers;
	int code;

	a->nodes = cli_get(t->cli, "/v1/nodes", NULL, &code);
	a->schedules = a->nodes ? cli_get(t->cli, "/v1/schedules", NULL, &code) : NULL;
	a->problems = a->schedules ? cli_get(t->cli, "/v1/problems", NULL, &code) : NULL;
	a->stats = a->problems ? cli_get(t->cli, "/v1/stats", NULL, &code) : NULL;
	return take(t) ? EXIT_OK : code;
}
