/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde top`: options, the loop, time, keys and signals; it draws a few times a second, and less often
 * where that takes long. Whatever ends it goes through top_stop(), which gives the terminal back first. */
#include "cli/top_loop.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "param/param.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { TICK_MS = 250, CLOCK_MS = 1000, EASE = 8, SCREEN_MAX = 1 << 20, COUNT_MAX = 1000000 };

const struct cli_option cli_top_options[] = {
	{ "type", 0, "GROUP", "all, tcp, http, ping, dns, bandwidth or traceroute" },
	{ "filter", 0, "TEXT", "only what has these words in node, region, type, target or schedule" },
	{ "failures", 0, NULL, "only what is not well" },
	{ "offline", 0, NULL, "with nodes that are offline" },
	{ "plain", 0, NULL, "lines, as when the output is no terminal" },
	{ "every", 0, "DURATION", "time between plain lines (default 5s)" },
	{ "count", 0, "N", "so many times, then end (default: until interrupted)" },
	{ NULL },
};

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

/* Gives the terminal back, then ends the loop; only the first call counts. */
static void top_stop(struct top *t, int code)
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
	int64_t began = sonde_boottime_ns();

	sonde_buf_reset(&t->screen);
	top_draw(&t->view, &t->model, &t->screen);
	t->dirty = false;
	t->drawn_ms = uv_now(&t->loop);
	t->cost_ms = (uint64_t)((sonde_boottime_ns() - began) / SONDE_NS_PER_MS);
	if (t->screen.failed || !top_terminal_write(&t->terminal, t->screen.data, t->screen.len))
		top_stop(t, EXIT_FAILED);
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
		top_stop(t, EXIT_FAILED);
	else if (t->count && !--t->count)
		top_stop(t, t->view.live ? EXIT_OK : EXIT_UNREACHABLE);
}

/* The first lines come when the backlog is in, at the latest after the time of one round. */
static void show_plain(struct top *t, uint64_t now)
{
	bool ready = t->state == LIVE && t->model.next >= t->caught_up && !isnan(t->model.rate);

	if (t->told ? now - t->drawn_ms >= t->every_ms : ready || now - t->drawn_ms >= t->every_ms)
		print(t);
}

/* ---- time, keys, signals ---- */

static void on_key(void *arg, int key)
{
	struct top *t = arg;

	t->dirty = true;
	if (!top_key(&t->view, &t->model, key))
		top_stop(t, EXIT_OK);
}

static void on_tick(uv_timer_t *timer)
{
	struct top *t = timer->data;
	uint64_t now = uv_now(&t->loop);

	top_contact_tick(t, now);
	if (t->full && now - t->typed_ms >= TICK_MS)
		top_terminal_settle(&t->terminal, on_key, t);
	if (t->stopping)
		return;
	if (!t->full)
		show_plain(t, now);
	else if (now - t->drawn_ms >= EASE * t->cost_ms &&
	         (t->dirty || now - t->drawn_ms >= CLOCK_MS))
		draw(t);
}

static void on_input(uv_poll_t *input, int status, int what)
{
	struct top *t = input->data;

	(void)what;
	t->typed_ms = uv_now(&t->loop);
	if (status < 0 || !top_terminal_read(&t->terminal, on_key, t))
		top_stop(t, EXIT_INTERRUPTED);
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
		top_stop(t, EXIT_INTERRUPTED);
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
		top_stop(t, EXIT_INTERRUPTED);
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
	const char *text = cli_option(a, "filter");
	int64_t ns = 5 * SONDE_NS_PER_S;
	char *end = NULL;

	if (text && strlen(text) >= sizeof(t->view.filter.text))
		return cli_fail(EXIT_USAGE, "--filter is longer than %d characters", TOP_FILTER - 1);
	snprintf(t->view.filter.text, sizeof(t->view.filter.text), "%s", text ? text : "");
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
	const struct sonde_net_options options = { .max_body = 1 << 16, .max_message = TOP_MESSAGE_MAX,
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
		top_dial(t);
	} else {
		t->full = false;
		top_stop(t, rc);
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
	t->view.live = true; /* until it is known better: the answers of top_ask_first are of now */
	t->pause_ms = TOP_RETRY_MS;
	sonde_buf_init(&t->screen, SCREEN_MAX);
	int rc = top_model_init(&t->model) == SONDE_OK ? read_options(t, a) :
							 cli_fail(EXIT_FAILED, "out of memory");
	if (rc == EXIT_OK)
		rc = top_make_url(t);
	if (rc == EXIT_OK)
		rc = top_ask_first(t);
	if (rc == EXIT_OK)
		rc = run(t);
	cli->stop = NULL;
	top_view_deinit(&t->view);
	top_model_deinit(&t->model);
	sonde_buf_deinit(&t->screen);
	free(t);
	return rc;
}
