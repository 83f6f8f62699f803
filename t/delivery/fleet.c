/* SPDX-License-Identifier: Apache-2.0 */
/* Many nodes in one process, with the real spool, the real link and real websockets, and no runner:
 * each makes numbered results at a steady rate. What is made, made durable and acknowledged goes
 * line by line into a log for the checker:
 *
 *	P <node> <number>        made: appended to the spool
 *	S <node> <number>        durable up to this number of this run
 *	A <node> <epoch> <seq>   acknowledged up to seq
 *	U <node> <ms>            the link is up, so many ms after the start
 *	D                        all is acknowledged: nothing is left to send
 *
 *	fleet -u URL -t TOKEN_FILE -d DIR -l LOG -n NODES [-r RESULTS_PER_S] [-m SPOOL_BYTES]
 *	      [-k BYTES_KEPT] [-b BACKOFF_MIN_MS] [-B BACKOFF_MAX_MS]
 *
 * SIGUSR1 stops the making; SIGTERM ends it. Each start registers what has no key yet. Numbers are
 * "<start>.<count>", so that no two results ever share one. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/identity.h"
#include "node/link.h"

enum { TICK_MS = 20, NODES_MAX = 5000, SEGMENT = 8 << 10 };

struct fleet;

struct unit {
	struct fleet *fleet;
	struct sonde_identity identity;
	struct sonde_spool *spool;
	struct sonde_link *link;
	char id[SONDE_ID_TEXT];
	double owed; /* results to be made */
	uint64_t made, acked, epoch;
	bool was_up;
};

struct fleet {
	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t term, stop;
	struct sonde_net *net;
	struct sonde_id_maker ids;
	const char *url, *token, *dir;
	int log;
	unsigned count, rate;
	int64_t backoff_min_ms, backoff_max_ms;
	uint64_t max_bytes, keep_bytes;
	int64_t start_ms, start_ns, last_ns;
	bool making, done;
	struct unit *units;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "fleet: %s: %s\n", what, why);
	exit(2);
}

/* One write a line: a kill leaves whole lines only. */
static void note(const struct fleet *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void note(const struct fleet *f, const char *format, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (write(f->log, line, (size_t)n) != n)
		die("log", "cannot write");
}

static void make_one(struct unit *u)
{
	static const char pad[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct sonde_msg_result r = { .attempt = 1, .started_ms = sonde_wall_ms(), .took_us = 1000 };
	struct sonde_buf b;
	char body[200];
	uint64_t seq;

	sonde_id_make(&u->fleet->ids, &r.measurement);
	int n = snprintf(body, sizeof(body),
	                 "{\"n\":\"%" PRId64 ".%" PRIu64 "\",\"at\":%" PRId64 ",\"pad\":\"%s\"}",
	                 u->fleet->start_ms, u->made, r.started_ms, pad);
	r.body = (struct sonde_text){ body, (size_t)n };
	sonde_buf_init(&b, 1 << 16);
	sonde_result_pack(&b, &r);
	if (sonde_spool_append(u->spool, b.data, b.len, &seq) != SONDE_OK)
		die("append", "no room");
	sonde_buf_deinit(&b);
	note(u->fleet, "P %s %" PRId64 ".%" PRIu64 "\n", u->id, u->fleet->start_ms, u->made);
	u->made++;
}

static void sync_unit(struct unit *u)
{
	struct sonde_spool_group *g = sonde_spool_stage(u->spool);

	if (!g)
		return;
	sonde_spool_write(g);
	int rc = sonde_spool_commit(u->spool, g);
	if (rc == SONDE_EIO)
		die("spool", "cannot write");
	if (rc || sonde_spool_pending(u->spool))
		return;
	note(u->fleet, "S %s %" PRId64 ".%" PRIu64 "\n", u->id, u->fleet->start_ms, u->made - 1);
	sonde_link_pump(u->link);
}

static bool step(struct unit *u, double seconds)
{
	struct fleet *f = u->fleet;

	/* What cannot be written is not made, as a node takes no task then. */
	if (f->making && !sonde_spool_state(u->spool).failing)
		for (u->owed += seconds * f->rate; u->owed >= 1; u->owed--)
			make_one(u);
	sync_unit(u);
	struct sonde_spool_state s = sonde_spool_state(u->spool);
	if (s.first - 1 != u->acked || s.epoch != u->epoch) {
		u->acked = s.first - 1;
		u->epoch = s.epoch;
		note(f, "A %s %" PRIu64 " %" PRIu64 "\n", u->id, u->epoch, u->acked);
	}
	bool up = sonde_link_is_up(u->link);
	if (up && !u->was_up)
		note(f, "U %s %" PRId64 "\n", u->id,
		     (sonde_boottime_ns() - f->start_ns) / SONDE_NS_PER_MS);
	u->was_up = up;
	return up && s.count == 0;
}

static void on_tick(uv_timer_t *timer)
{
	struct fleet *f = timer->data;
	int64_t now = sonde_boottime_ns();
	bool all = true;

	for (unsigned i = 0; i < f->count; i++)
		all &= step(&f->units[i], (double)(now - f->last_ns) / 1e9);
	f->last_ns = now;
	if (all && !f->making && !f->done)
		note(f, "D\n");
	f->done = all && !f->making;
}

static void on_stop(uv_signal_t *s, int number)
{
	struct fleet *f = s->data;
	f->making = false;
}

static void on_net_closed(void *arg)
{
	struct fleet *f = arg;
	uv_stop(&f->loop);
}

static void on_term(uv_signal_t *s, int number)
{
	struct fleet *f = s->data;

	uv_timer_stop(&f->tick);
	for (unsigned i = 0; i < f->count; i++)
		sonde_link_close(f->units[i].link);
	sonde_net_close(f->net, on_net_closed, f);
}

/* ---- the link's side ---- */

static void on_up(void *arg)
{
}

static void on_tasks(void *arg, const struct sonde_msg_task *tasks, unsigned count)
{
}

static void on_beat(void *arg, struct sonde_msg_beat *beat)
{
	const struct unit *u = arg;
	struct sonde_spool_state s = sonde_spool_state(u->spool);

	beat->spool_bytes = s.bytes;
	beat->spool_count = s.count;
	beat->storage = s.failing ? SONDE_STORAGE_FAILS : SONDE_STORAGE_OK;
}

static void on_fatal(void *arg)
{
	die("link", "the spool could not be written");
}

static const struct sonde_link_events events = {
	.up = on_up, .tasks = on_tasks, .cancel = on_tasks, .beat = on_beat, .fatal = on_fatal,
};

static void open_unit(struct fleet *f, unsigned i)
{
	struct unit *u = &f->units[i];
	struct sonde_node_options o = {
		.controller = f->url, .token_file = f->token, .capacity = 1,
		.backoff_min = SONDE_NS_PER_S / 2, .backoff_max = 10 * SONDE_NS_PER_S,
	};
	char name[32], dir[512], path[600];
	struct sonde_error e = { .text = "" };

	u->fleet = f;
	snprintf(name, sizeof(name), "fleet-%04u", i);
	snprintf(dir, sizeof(dir), "%s/%s", f->dir, name);
	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/key", dir);
	o.name = name;
	o.state = dir;
	if (sonde_identity_load(path, &u->identity, &e) != SONDE_OK &&
	    (sonde_enrol(&o, &u->identity, &e) != SONDE_OK ||
	     sonde_identity_save(path, &u->identity, &e) != SONDE_OK))
		die(name, e.text);
	sonde_id_format(&u->identity.id, u->id);
	snprintf(path, sizeof(path), "%s/spool", dir);
	struct sonde_spool_options spool = { .dir = path, .max_bytes = f->max_bytes,
		                             .keep_bytes = f->keep_bytes, .segment_bytes = SEGMENT };
	if (sonde_spool_open(&spool, NULL, NULL, &u->spool, &e) != SONDE_OK)
		die(name, e.text);
	struct sonde_link_options link = {
		.controller = f->url, .backoff_min_ms = f->backoff_min_ms,
		.backoff_max_ms = f->backoff_max_ms,
		.identity = &u->identity, .plugins = SONDE_TEXT("{\"plugins\":[]}"), .capacity = 1,
	};
	if (sonde_link_new(&f->loop, f->net, u->spool, &link, &events, u, &u->link, &e) != SONDE_OK)
		die(name, e.text);
}

static long number(const char *text, long max)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (!*text || *end || v < 0 || v > max)
		die(text, "is not a number that fits");
	return v;
}

static void read_flags(struct fleet *f, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "u:t:d:l:n:r:m:k:b:B:")) != -1) {
		if (c == 'u')
			f->url = optarg;
		else if (c == 't')
			f->token = optarg;
		else if (c == 'd')
			f->dir = optarg;
		else if (c == 'l')
			f->log = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		else if (c == 'n')
			f->count = (unsigned)number(optarg, NODES_MAX);
		else if (c == 'r')
			f->rate = (unsigned)number(optarg, 100000);
		else if (c == 'm')
			f->max_bytes = (uint64_t)number(optarg, 1L << 40);
		else if (c == 'b')
			f->backoff_min_ms = number(optarg, 3600000);
		else if (c == 'B')
			f->backoff_max_ms = number(optarg, 3600000);
		else if (c == 'k')
			f->keep_bytes = (uint64_t)number(optarg, 1L << 40);
	}
	if (!f->url || !f->dir || !f->count || f->log < 0)
		die("usage", "fleet -u URL -t TOKEN_FILE -d DIR -l LOG -n NODES [-r RATE] [-m BYTES] [-k BYTES] "
		             "[-b MS] [-B MS]");
}

int main(int argc, char **argv)
{
	static struct fleet f = { .log = -1, .max_bytes = 1 << 30, .keep_bytes = 16 << 20, .making = true,
		                  .backoff_min_ms = 200, .backoff_max_ms = 5000 };
	const struct sonde_net_options net = { .max_body = 1 << 16, .max_message = SONDE_MSG_MAX,
		                               .max_send_queue = 8 << 20, .idle_timeout_s = 60 };
	struct sonde_error e = { .text = "" };

	read_flags(&f, argc, argv);
	sonde_log_level(SONDE_LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&f.loop);
	if (sonde_net_new(&f.loop, &net, &f.net, &e) != SONDE_OK)
		die("net", e.text);
	f.units = calloc(f.count, sizeof(*f.units));
	f.start_ms = sonde_wall_ms();
	f.start_ns = f.last_ns = sonde_boottime_ns();
	for (unsigned i = 0; f.units && i < f.count; i++)
		open_unit(&f, i);
	uv_timer_init(&f.loop, &f.tick);
	uv_signal_init(&f.loop, &f.term);
	uv_signal_init(&f.loop, &f.stop);
	f.tick.data = f.term.data = f.stop.data = &f;
	uv_timer_start(&f.tick, on_tick, TICK_MS, TICK_MS);
	uv_signal_start(&f.term, on_term, SIGTERM);
	uv_signal_start(&f.stop, on_stop, SIGUSR1);
	note(&f, "R\n");
	uv_run(&f.loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < f.count; i++)
		sonde_spool_close(f.units[i].spool);
	free(f.units);
	return 0;
}
