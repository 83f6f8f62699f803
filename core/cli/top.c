/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde top`: the loop that feeds the Now view. It asks for nodes, problems and figures over HTTP in
 * a worker, follows results, nodes and figures on the websocket, and draws a few times a second.
 *
 * ASKING -(answers)-> DIALING -(open; subscribed)-> LIVE. A refusal, a broken connection or silence
 * leads to LOST, which says so on the screen and asks again after a pause. While LIVE, problems and
 * nodes are asked for now and then.
 *
 * Whatever ends it goes through stop(), which gives the terminal back first. */
#include "cli/top.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "net/net.h"
#include "param/param.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	TICK_MS = 250,
	CLOCK_MS = 1000,
	ASK_MS = 5000,
	SILENT_MS = 10000,
	RETRY_MS = 500,
	RETRY_MAX_MS = 8000,
	DIAL_S = 10,
	MESSAGE_MAX = 16 << 20,
	SCREEN_MAX = 1 << 20,
	CODE_LEFT = 1000,
	COUNT_MAX = 1000000,
};

const struct cli_option cli_top_options[] = {
	{ "type", 0, "GROUP", "all, tcp, http, ping, dns, bandwidth or traceroute" },
	{ "failures", 0, NULL, "only what is not well" },
	{ "offline", 0, NULL, "with nodes that are offline" },
	{ "plain", 0, NULL, "lines, as when the output is no terminal" },
	{ "every", 0, "DURATION", "time between plain lines (default 5s)" },
	{ "count", 0, "N", "so many times, then end (default: until interrupted)" },
	{ NULL },
};

enum state { ASKING, DIALING, LIVE, LOST };

struct answers {
	json_t *nodes, *schedules, *problems, *stats; /* NULL = not asked, or no answer */
	char why[CLI_WHY];
	bool known; /* the figures come on the websocket */
};

struct top {
	struct cli *cli;
	struct top_model model;
	struct top_view view;
	struct top_terminal terminal;
	struct sonde_buf screen;
	bool full;         /* the whole screen, else lines */
	bool dirty, told;  /* told: the first lines were printed */
	uint64_t every_ms;
	unsigned count;    /* 0 = no end */
	uint64_t caught_up; /* ingest number at which the backlog is over */
	enum state state;
	unsigned pause_ms;
	uint64_t heard_ms, asked_ms, drawn_ms;
	int code;
	bool stopping, asking;
	atomic_bool stop;
	struct answers answers; /* the worker's while asking */
	uv_loop_t loop;
	uv_work_t work;
	uv_poll_t input;
	uv_timer_t tick, retry;
	uv_signal_t signals[5];
	struct sonde_net *net;
	struct sonde_conn *conn;
	char url[1024];
};

static void dial(struct top *t);
static void ask_again(uv_timer_t *timer);

/* ---- ending ---- */

static void net_gone(void *arg)
{
	((struct top *)arg)->net = NULL;
}

static void close_handle(uv_handle_t *h, void *arg)
{
	struct top *t = arg;
	const uv_handle_t *own[] = { (uv_handle_t *)&t->input, (uv_handle_t *)&t->tick,
		                     (uv_handle_t *)&t->retry };

	for (unsigned i = 0; i < COUNT(own); i++)
		if (h == own[i] && !uv_is_closing(h))
			uv_close(h, NULL);
	for (unsigned i = 0; i < COUNT(t->signals); i++)
		if (h == (uv_handle_t *)&t->signals[i] && !uv_is_closing(h))
			uv_close(h, NULL);
}

static void stop(struct top *t, int code)
{
	if (t->stopping)
		return;
	t->stopping = true;
	t->code = code;
	if (t->full)
		top_terminal_give(&t->terminal);
	atomic_store(&t->stop, true);
	uv_walk(&t->loop, close_handle, t);
	if (t->net)
		sonde_net_close(t->net, net_gone, t);
}

/* ---- showing ---- */

static void draw(struct top *t)
{
	sonde_buf_reset(&t->screen);
	top_draw(&t->view, &t->model, &t->screen);
	t->dirty = false;
	t->drawn_ms = uv_now(&t->loop);
	if (t->screen.failed || !top_terminal_write(&t->terminal, t->screen.data, t->screen.len))
		stop(t, EXIT_FAILED);
}

static void print(struct top *t)
{
	t->told = true;
	t->drawn_ms = uv_now(&t->loop);
	if (t->cli->format == FORMAT_TABLE) {
		top_print(&t->view, &t->model);
	} else {
		json_t *doc = top_describe(&t->view, &t->model);
		cli_print_json(t->cli, doc);
		json_decref(doc);
	}
	if (fflush(stdout))
		stop(t, EXIT_FAILED);
	else if (t->count && !--t->count)
		stop(t, t->view.live ? EXIT_OK : EXIT_UNREACHABLE);
}

/* The first lines come when the backlog is in, at the latest after the time of one round. */
static void show_plain(struct top *t, uint64_t now)
{
	bool ready = t->state == LIVE && t->model.next >= t->caught_up && !isnan(t->model.rate);

	if (t->told ? now - t->drawn_ms >= t->every_ms : ready || now - t->drawn_ms >= t->every_ms)
		print(t);
}

/* ---- contact ---- */

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
	struct answers *a = &t->answers;
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
	struct answers *a = &t->answers;
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
		dial(t);
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

static void dial(struct top *t)
{
	struct sonde_error e;
	const struct sonde_dial dial = { .url = t->url, .subprotocol = "sonde.live.v1",
		                         .ca_file = t->cli->ca_file, .events = &events, .arg = t,
		                         .timeout_s = DIAL_S };

	t->state = DIALING;
	t->heard_ms = uv_now(&t->loop);
	if (sonde_net_dial(t->net, &dial, &t->conn, &e) == SONDE_OK)
		return;
	t->conn = NULL;
	lost(t, e.text);
}

/* ---- time, keys, signals ---- */

static void on_tick(uv_timer_t *timer)
{
	struct top *t = timer->data;
	uint64_t now = uv_now(&t->loop);

	/* Figures come every second: silence is a broken connection. */
	if (t->state == LIVE && now - t->heard_ms > SILENT_MS) {
		lost(t, "it says nothing any more");
		sonde_conn_close(t->conn, CODE_LEFT, "silence");
	}
	if (t->state == LIVE && now - t->asked_ms > ASK_MS)
		start_asking(t);
	if (!t->full)
		show_plain(t, now);
	else if (t->dirty || now - t->drawn_ms >= CLOCK_MS)
		draw(t);
}

static const struct {
	char key;
	unsigned group;
} group_keys[] = { { 'a', 0 }, { 't', 1 }, { 'h', 2 }, { 'p', 3 }, { 'd', 4 }, { 'b', 5 }, { 'r', 6 } };

static void on_key(void *arg, int key)
{
	struct top *t = arg;
	struct top_view *v = &t->view;

	for (unsigned i = 0; i < COUNT(group_keys); i++)
		if (key == group_keys[i].key)
			v->filter.group = group_keys[i].group;
	if (key >= TOP_KEY_MOVE)
		top_move(v, &t->model, (enum top_move)(key - TOP_KEY_MOVE));
	v->loss ^= key == 'l';
	v->filter.bad_only ^= key == 'f';
	v->filter.offline ^= key == 'o';
	t->dirty = true;
	if (key == 'q')
		stop(t, EXIT_OK);
}

static void on_input(uv_poll_t *input, int status, int what)
{
	struct top *t = input->data;

	(void)what;
	if (status < 0 || !top_terminal_read(&t->terminal, on_key, t))
		stop(t, EXIT_INTERRUPTED);
	else if (!t->stopping)
		draw(t);
}

static void resize(struct top *t)
{
	top_terminal_size(&t->terminal, &t->view.rows, &t->view.columns);
	draw(t);
}

/* ^Z: the shell gets its terminal as it was. */
static void suspend(struct top *t)
{
	top_terminal_give(&t->terminal);
	raise(SIGSTOP);
	if (top_terminal_take(&t->terminal))
		stop(t, EXIT_INTERRUPTED);
	else
		resize(t);
}

static void on_signal(uv_signal_t *s, int number)
{
	struct top *t = s->data;

	if (number == SIGWINCH)
		resize(t);
	else if (number == SIGTSTP)
		suspend(t);
	else
		stop(t, EXIT_INTERRUPTED);
}

/* ---- beginning ---- */

static int find_group(const char *name, unsigned *group)
{
	for (unsigned i = 0; name && top_groups[i]; i++) {
		if (!strcasecmp(name, top_groups[i])) {
			*group = i;
			return EXIT_OK;
		}
	}
	return name ? cli_fail(EXIT_USAGE, "--type must be all, tcp, http, ping, dns, bandwidth or "
	                                   "traceroute, not '%s'", name) : EXIT_OK;
}

static int read_options(struct top *t, const struct cli_args *a)
{
	const char *every = cli_option(a, "every"), *count = cli_option(a, "count");
	int64_t ns = 5 * SONDE_NS_PER_S;
	char *end = NULL;

	t->view.filter.bad_only = cli_option(a, "failures") != NULL;
	t->view.filter.offline = cli_option(a, "offline") != NULL;
	int rc = find_group(cli_option(a, "type"), &t->view.filter.group);
	if (rc != EXIT_OK)
		return rc;
	if (every && (sonde_parse_duration(every, &ns) != SONDE_OK || ns < SONDE_NS_PER_S / 10))
		return cli_fail(EXIT_USAGE, "--every must be a duration such as 5s, not '%s'", every);
	long n = count ? strtol(count, &end, 10) : 0;
	if (count && (!*count || *end || n < 1 || n > COUNT_MAX))
		return cli_fail(EXIT_USAGE, "--count must be 1 to %d, not '%s'", COUNT_MAX, count);
	if (t->cli->format == FORMAT_CSV || t->cli->format == FORMAT_RAW)
		return cli_fail(EXIT_USAGE, "top has no csv; use -o jsonl");
	t->every_ms = (uint64_t)(ns / SONDE_NS_PER_MS);
	t->count = (unsigned)n;
	t->full = t->cli->format == FORMAT_TABLE && !cli_option(a, "plain") && !count && !every &&
	          t->cli->live && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	return EXIT_OK;
}

static int make_url(struct top *t)
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

/* The first answers are waited for: a wrong address or token is an error like that of any command. */
static int ask_first(struct top *t)
{
	struct answers *a = &t->answers;
	int code;

	a->nodes = cli_get(t->cli, "/v1/nodes", NULL, &code);
	a->schedules = a->nodes ? cli_get(t->cli, "/v1/schedules", NULL, &code) : NULL;
	a->problems = a->schedules ? cli_get(t->cli, "/v1/problems", NULL, &code) : NULL;
	a->stats = a->problems ? cli_get(t->cli, "/v1/stats", NULL, &code) : NULL;
	return take(t) ? EXIT_OK : code;
}

static int watch_terminal(struct top *t)
{
	t->terminal = (struct top_terminal){ .in = STDIN_FILENO, .out = STDOUT_FILENO };
	if (top_terminal_take(&t->terminal))
		return cli_fail(EXIT_FAILED, "cannot take the terminal; try --plain");
	top_terminal_size(&t->terminal, &t->view.rows, &t->view.columns);
	if (uv_poll_init(&t->loop, &t->input, STDIN_FILENO) ||
	    uv_poll_start(&t->input, UV_READABLE, on_input)) {
		top_terminal_give(&t->terminal);
		return cli_fail(EXIT_FAILED, "cannot watch the terminal; try --plain");
	}
	t->input.data = t;
	return EXIT_OK;
}

static void watch_signals(struct top *t)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP };

	for (unsigned i = 0; i < COUNT(numbers); i++) {
		uv_signal_init(&t->loop, &t->signals[i]);
		t->signals[i].data = t;
		if (t->full || numbers[i] == SIGINT || numbers[i] == SIGTERM)
			uv_signal_start(&t->signals[i], on_signal, numbers[i]);
	}
}

/* A dial that has just failed tells it through on_close, which needs the timers. */
static int run(struct top *t)
{
	const struct sonde_net_options options = { .max_body = 1 << 16, .max_message = MESSAGE_MAX,
		                                   .max_send_queue = 1 << 16, .idle_timeout_s = 60 };
	struct sonde_error e;
	int rc = EXIT_OK;

	sonde_log_level(SONDE_LOG_ERROR);
	if (uv_loop_init(&t->loop))
		return cli_fail(EXIT_FAILED, "out of memory");
	uv_timer_init(&t->loop, &t->tick);
	uv_timer_init(&t->loop, &t->retry);
	t->tick.data = t->retry.data = t;
	watch_signals(t);
	if (sonde_net_new(&t->loop, &options, &t->net, &e) != SONDE_OK)
		rc = cli_fail(EXIT_FAILED, "%s", e.text);
	if (rc == EXIT_OK && t->full)
		rc = watch_terminal(t);
	if (rc == EXIT_OK) {
		t->cli->stop = &t->stop;
		t->drawn_ms = t->asked_ms = uv_now(&t->loop);
		uv_timer_start(&t->tick, on_tick, 0, TICK_MS);
		dial(t);
	} else {
		t->full = false;
		stop(t, rc);
	}
	uv_run(&t->loop, UV_RUN_DEFAULT);
	uv_loop_close(&t->loop);
	return t->code;
}

int cli_top(struct cli *cli, const struct cli_args *a)
{
	struct top *t = calloc(1, sizeof(*t));

	if (!t)
		return cli_fail(EXIT_FAILED, "out of memory");
	t->cli = cli;
	t->view.url = cli->url;
	t->view.colour = cli->colour;
	t->view.live = true; /* until it is known better: the answers of ask_first are of now */
	t->pause_ms = RETRY_MS;
	sonde_buf_init(&t->screen, SCREEN_MAX);
	int rc = top_model_init(&t->model) == SONDE_OK ? read_options(t, a) :
							 cli_fail(EXIT_FAILED, "out of memory");
	if (rc == EXIT_OK)
		rc = make_url(t);
	if (rc == EXIT_OK)
		rc = ask_first(t);
	if (rc == EXIT_OK)
		rc = run(t);
	cli->stop = NULL;
	top_view_deinit(&t->view);
	top_model_deinit(&t->model);
	sonde_buf_deinit(&t->screen);
	free(t);
	return rc;
}
