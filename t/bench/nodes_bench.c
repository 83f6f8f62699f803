/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes without runners: enrols N of them, connects their websockets and speaks sonde.node.v1, in
 * one thread, for a bounded time. Owns all agents until the end of the process.
 *
 *   idle     heartbeats only; memory and CPU of the controller for each node and beat
 *   hold     takes tasks up to its capacity and never finishes them
 *   results  sends results of no measurement, as a spool after a long time offline does
 *   tasks    takes tasks; after "go" on stdin answers each with a result
 *
 * idle ends by -s, hold by -s or the end of stdin; results and tasks after -r results are
 * acknowledged. "ready" is printed to stderr when all nodes were welcomed. One JSON object is
 * printed at the end. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/load.h"
#include "bench/ws.h"
#include "wire/wire.h"

enum { NODES_MAX = 10000, FRAME = 100, WINDOW = 512, BODY = 256, PLUGINS_MAX = 1 << 18,
       ANSWER_MAX = 65536, KEY_TEXT = 80, EPOCH = 1 };

enum mode { MODE_IDLE, MODE_HOLD, MODE_RESULTS, MODE_TASKS };

static const char *const modes[] = { "idle", "hold", "results", "tasks" };

struct bench;

struct taken {
	struct sonde_id measurement;
	uint32_t task, attempt;
};

struct agent {
	struct bench *b;
	struct ws ws;
	struct sonde_id id;
	char key[KEY_TEXT];
	bool welcome, waits;
	uint64_t sent, acked;
	int64_t beat_ns, server_ms, server_ns;
	struct taken *taken; /* ring */
	unsigned first, count, cap;
};

struct bench {
	enum mode mode;
	unsigned nodes, seconds, beat_s, capacity;
	uint64_t want; /* results */
	const char *host, *token;
	uint16_t port;
	pid_t pid;
	struct sonde_buf plugins, text;
	struct sonde_decoder *decoder;
	struct sonde_id_maker ids;
	struct agent *agents;
	int epoll;
	char body[BODY + 1];
	bool go;
	uint64_t welcomes, beats, acks, acked, tasks;
};

/* ---- enrolment ---- */

static void copy_member(const char *json, const char *name, char *out, size_t room)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
	const char *p = strstr(json, wanted);
	size_t n = p ? strcspn(p + strlen(wanted), "\"") : 0;
	if (!n || n >= room)
		load_die("an enrolment's answer has no %s: %s", name, json);
	memcpy(out, p + strlen(wanted), n);
	out[n] = '\0';
}

static void exchange(int fd, const struct sonde_buf *request, struct sonde_buf *answer)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (send(fd, request->data, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
		load_die("cannot send an enrolment");
	sonde_buf_reset(answer);
	do {
		char *room = sonde_buf_reserve(answer, 4096);
		ssize_t n = room && poll(&p, 1, 10000) == 1 ? recv(fd, room, 4096, 0) : -1;
		if (n <= 0)
			load_die("no answer to an enrolment");
		answer->len += (size_t)n;
	} while (!strstr(sonde_buf_cstr(answer), "}"));
}

static void enrol(struct bench *b, unsigned i, int fd, struct sonde_buf *answer)
{
	struct agent *a = &b->agents[i];
	struct sonde_buf request;
	char body[512], id[SONDE_ID_TEXT];

	int n = snprintf(body, sizeof(body),
	                 "{\"token\":\"%s\",\"name\":\"bench-%05u\",\"region\":\"region-%u\","
	                 "\"country\":\"DE\",\"city\":\"Frankfurt\",\"continent\":\"EU\","
	                 "\"network\":\"Bench\",\"asn\":64500,\"tags\":[\"bench\"]}",
	                 b->token, i, i % 8);
	sonde_buf_init(&request, ANSWER_MAX);
	sonde_buf_printf(&request,
	                 "POST /v1/nodes/register HTTP/1.1\r\nHost: %s:%u\r\n"
	                 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	                 b->host, b->port, n, body);
	exchange(fd, &request, answer);
	if (strncmp(answer->data, "HTTP/1.1 201 ", 13))
		load_die("enrolment refused: %s", sonde_buf_cstr(answer));
	copy_member(answer->data, "id", id, sizeof(id));
	copy_member(answer->data, "key", a->key, sizeof(a->key));
	if (!sonde_id_parse(id, strlen(id), &a->id))
		load_die("bad node id %s", id);
	sonde_buf_deinit(&request);
}

static void enrol_all(struct bench *b)
{
	struct sonde_buf answer;
	int fd = load_connect(b->host, b->port);

	sonde_buf_init(&answer, ANSWER_MAX);
	for (unsigned i = 0; i < b->nodes; i++)
		enrol(b, i, fd, &answer);
	sonde_buf_deinit(&answer);
	close(fd);
}

/* ---- sending ---- */

static void flush(struct agent *a)
{
	bool waits = !ws_flush(&a->ws);
	struct epoll_event e = { .events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = a };

	if (waits != a->waits && epoll_ctl(a->b->epoll, EPOLL_CTL_MOD, a->ws.fd, &e) != 0)
		load_die("epoll_ctl: %s", strerror(errno));
	a->waits = waits;
}

static void put(struct agent *a, const struct sonde_msg *m)
{
	struct sonde_buf *text = &a->b->text;

	sonde_buf_reset(text);
	sonde_msg_encode(text, m);
	if (text->failed)
		load_die("a message is too long");
	ws_put(&a->ws, text->data, text->len);
}

static void say_hello(struct agent *a)
{
	struct bench *b = a->b;
	struct sonde_msg m = {
		.kind = SONDE_MSG_HELLO,
		.hello = { .node = a->id, .key = { a->key, strlen(a->key) },
		           .version = SONDE_TEXT(SONDE_VERSION), .epoch = EPOCH, .first = 1,
		           .wall_ms = sonde_wall_ms(), .capacity = b->capacity,
		           .plugins = { b->plugins.data, b->plugins.len } },
	};

	put(a, &m);
	flush(a);
}

static void beat(struct agent *a, int64_t now)
{
	struct sonde_msg m = {
		.kind = SONDE_MSG_BEAT,
		.beat = { .load = 0.25, .response_ms = 12.5, .probes = a->acked, .active = a->count,
		          .wall_ms = sonde_wall_ms(), .echo_ms = a->server_ms,
		          .held_ms = (now - a->server_ns) / SONDE_NS_PER_MS },
	};

	a->beat_ns = now;
	a->b->beats++;
	put(a, &m);
	flush(a);
}

static void next_result(struct agent *a, struct sonde_msg_result *r)
{
	struct bench *b = a->b;

	*r = (struct sonde_msg_result){ .seq = ++a->sent, .attempt = 1, .started_ms = sonde_wall_ms(),
		                        .took_us = 1234, .body = { b->body, BODY } };
	if (b->mode == MODE_RESULTS) {
		sonde_id_make(&b->ids, &r->measurement);
		return;
	}
	const struct taken *t = &a->taken[a->first];
	r->measurement = t->measurement;
	r->task = t->task;
	r->attempt = t->attempt;
	a->first = (a->first + 1) % a->cap;
	a->count--;
}

static unsigned ready_results(const struct agent *a)
{
	uint64_t room = a->acked + WINDOW - a->sent;
	uint64_t have = a->b->mode == MODE_RESULTS ? FRAME : a->count;

	/* A frame is filled where it can be: half a window is still on its way. */
	if (!a->b->go || room < FRAME)
		return 0;
	return (unsigned)(have < FRAME ? have : FRAME);
}

static void pump(struct agent *a)
{
	struct sonde_msg_result items[FRAME];
	struct sonde_msg m = { .kind = SONDE_MSG_RESULTS, .list = { .epoch = EPOCH } };
	unsigned n;

	while (a->welcome && (n = ready_results(a)) > 0) {
		for (unsigned i = 0; i < n; i++)
			next_result(a, &items[i]);
		m.list.results = items;
		m.list.count = n;
		put(a, &m);
	}
	flush(a);
}

/* ---- receiving ---- */

static void take_tasks(struct agent *a, const struct sonde_msg *m)
{
	struct sonde_msg_accept accepts[SONDE_MSG_ITEMS];

	for (unsigned i = 0; i < m->list.count; i++) {
		const struct sonde_msg_task *t = &m->list.tasks[i];
		if (a->count == a->cap)
			load_die("more tasks than the capacity of %u", a->cap);
		a->taken[(a->first + a->count++) % a->cap] =
			(struct taken){ t->measurement, t->task, t->attempt };
		accepts[i] = (struct sonde_msg_accept){ .measurement = t->measurement,
			                                .task = t->task, .attempt = t->attempt };
	}
	a->b->tasks += m->list.count;
	struct sonde_msg reply = { .kind = SONDE_MSG_ACCEPT, .list = { .count = m->list.count } };
	reply.list.accepts = accepts;
	put(a, &reply);
}

static void on_message(void *arg, char *text, size_t len)
{
	struct agent *a = arg;
	struct bench *b = a->b;
	struct sonde_error e;
	struct sonde_msg m;

	if (sonde_msg_decode(b->decoder, text, len, &m, &e) != SONDE_OK)
		load_die("bad message: %s %s", e.path, e.text);
	if (m.kind == SONDE_MSG_WELCOME) {
		a->welcome = true;
		a->server_ms = m.welcome.server_ms;
		b->welcomes++;
	} else if (m.kind == SONDE_MSG_ACK) {
		a->server_ms = m.ack.server_ms;
		b->acks++;
		if (m.ack.epoch == EPOCH) {
			b->acked += m.ack.seq - a->acked;
			a->acked = m.ack.seq;
		}
	} else if (m.kind == SONDE_MSG_TASKS) {
		take_tasks(a, &m);
	}
	a->server_ns = load_now_ns();
}

/* ---- the run ---- */

static void connect_all(struct bench *b)
{
	for (unsigned i = 0; i < b->nodes; i++) {
		struct agent *a = &b->agents[i];
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = a };
		a->b = b;
		a->cap = b->capacity;
		a->taken = malloc(a->cap * sizeof(*a->taken));
		if (!a->taken)
			load_die("out of memory");
		ws_open(&a->ws, b->host, b->port, "/v1/nodes/connect", "sonde.node.v1");
		if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, a->ws.fd, &e) != 0)
			load_die("epoll_ctl: %s", strerror(errno));
		say_hello(a);
	}
}

static void turn(struct bench *b)
{
	struct epoll_event events[256];

	int n = epoll_wait(b->epoll, events, 256, 20);
	for (int i = 0; i < n; i++) {
		struct agent *a = events[i].data.ptr;
		if (events[i].events & ~(uint32_t)EPOLLOUT)
			ws_read(&a->ws, on_message, a);
		pump(a);
	}
}

static void beat_all(struct bench *b)
{
	int64_t now = load_now_ns();

	for (unsigned i = 0; i < b->nodes; i++)
		if (b->agents[i].welcome &&
		    now - b->agents[i].beat_ns >= b->beat_s * SONDE_NS_PER_S)
			beat(&b->agents[i], now);
}

/* The first beats are spread over one interval, as those of nodes are that came one by one. */
static void welcome_all(struct bench *b)
{
	int64_t end = load_now_ns() + 30 * SONDE_NS_PER_S;

	while (b->welcomes < b->nodes && load_now_ns() < end)
		turn(b);
	if (b->welcomes < b->nodes)
		load_die("only %" PRIu64 " of %u nodes were welcomed", b->welcomes, b->nodes);
	int64_t now = load_now_ns(), step = b->beat_s * SONDE_NS_PER_S / b->nodes;
	for (unsigned i = 0; i < b->nodes; i++)
		b->agents[i].beat_ns = now - step * i;
	fprintf(stderr, "ready\n");
}

/* False at its end. */
static bool read_stdin(struct bench *b)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char text[64];

	if (poll(&p, 1, 0) < 1)
		return true;
	ssize_t n = read(0, text, sizeof(text));
	b->go |= n > 0;
	return n > 0;
}

struct figures {
	int64_t start_ns, cpu_us, own_us;
	uint64_t beats, acked;
};

static struct figures look(const struct bench *b)
{
	return (struct figures){ load_now_ns(), b->pid ? load_cpu_us(b->pid) : 0, load_own_cpu_us(),
		                 b->beats, b->acked };
}

static void run(struct bench *b, struct figures *from)
{
	int64_t end = load_now_ns() + b->seconds * SONDE_NS_PER_S;
	bool open = b->mode == MODE_HOLD || b->mode == MODE_TASKS, began = false;
	bool counts = b->mode == MODE_RESULTS || b->mode == MODE_TASKS;

	b->go = b->mode == MODE_RESULTS;
	*from = look(b);
	while (load_now_ns() < end && !(counts && b->acked >= b->want)) {
		if (open)
			open = read_stdin(b);
		if (!open && b->mode == MODE_HOLD)
			return;
		if (b->go && !began) {
			began = true;
			*from = look(b);
			for (unsigned i = 0; i < b->nodes; i++)
				pump(&b->agents[i]);
		}
		turn(b);
		beat_all(b);
	}
	if (counts && b->acked < b->want)
		load_die("only %" PRIu64 " of %" PRIu64 " results were acknowledged", b->acked, b->want);
}

static double per(int64_t amount, uint64_t count)
{
	return count ? (double)amount / (double)count : 0;
}

static void report(const struct bench *b, const struct figures *from, const long rss[3])
{
	struct figures to = look(b);
	double seconds = (double)(to.start_ns - from->start_ns) / 1e9;
	uint64_t acked = to.acked - from->acked, beats = to.beats - from->beats;
	int64_t cpu = to.cpu_us - from->cpu_us;

	printf("{\"mode\":\"%s\",\"nodes\":%u,\"seconds\":%.2f,\"rss_kb_per_node\":%.2f,"
	       "\"rss_kb_per_connection\":%.2f,\"cpu_us\":%" PRId64 ",\"beats\":%" PRIu64
	       ",\"cpu_us_per_beat\":%.2f,\"tasks\":%" PRIu64 ",\"results\":%" PRIu64
	       ",\"per_s\":%.0f,\"cpu_us_per_result\":%.2f,\"client_cpu_us_per_result\":%.2f}\n",
	       modes[b->mode], b->nodes, seconds, per(rss[2] - rss[0], b->nodes),
	       per(rss[2] - rss[1], b->nodes), cpu, beats, per(cpu, beats), b->tasks, acked,
	       (double)acked / seconds, per(cpu, acked), per(to.own_us - from->own_us, acked));
}

static void read_plugins(struct bench *b, const char *path)
{
	FILE *f = fopen(path, "re");
	char *room = sonde_buf_reserve(&b->plugins, PLUGINS_MAX);

	if (!f || !room)
		load_die("cannot read %s", path);
	b->plugins.len = fread(room, 1, PLUGINS_MAX, f);
	fclose(f);
}

static enum mode mode_of(const char *name)
{
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i], name))
			return (enum mode)i;
	load_die("%s is no mode", name);
}

static void read_options(struct bench *b, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "n:s:b:k:r:t:p:d:")) != -1) {
		switch (opt) {
		case 'n': b->nodes = (unsigned)load_number("-n", optarg, NODES_MAX); break;
		case 's': b->seconds = (unsigned)load_number("-s", optarg, 600); break;
		case 'b': b->beat_s = (unsigned)load_number("-b", optarg, 300); break;
		case 'k': b->capacity = (unsigned)load_number("-k", optarg, 10000); break;
		case 'r': b->want = load_number("-r", optarg, 100000000); break;
		case 't': b->token = optarg; break;
		case 'p': b->pid = (pid_t)load_number("-p", optarg, INT32_MAX); break;
		case 'd': read_plugins(b, optarg); break;
		default: exit(2);
		}
	}
	if (argc - optind != 3 || !b->token || !b->plugins.len)
		load_die("usage: nodes_bench -t TOKEN -d DESCRIBE.json [-n NODES] [-s SECONDS] "
		         "[-b BEAT] [-k CAPACITY] [-r RESULTS] [-p PID] MODE HOST PORT");
	b->mode = mode_of(argv[optind]);
	b->host = argv[optind + 1];
	b->port = (uint16_t)load_number("PORT", argv[optind + 2], 65535);
}

int main(int argc, char **argv)
{
	static struct bench b = { .nodes = 1, .seconds = 10, .beat_s = 5, .capacity = 1, .want = 1 };
	struct figures from;
	long rss[3] = { 0 };

	sonde_buf_init(&b.plugins, PLUGINS_MAX);
	sonde_buf_init(&b.text, SONDE_MSG_MAX);
	read_options(&b, argc, argv);
	snprintf(b.body, sizeof(b.body), "{\"rawOutput\":\"%0*d\"}", BODY - 16, 0);
	b.agents = calloc(b.nodes, sizeof(*b.agents));
	b.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!b.agents || b.epoll < 0 || sonde_decoder_new(&b.decoder) != SONDE_OK)
		load_die("out of memory");
	rss[0] = b.pid ? load_rss_kb(b.pid) : 0;
	enrol_all(&b);
	rss[1] = b.pid ? load_rss_kb(b.pid) : 0;
	connect_all(&b);
	welcome_all(&b);
	run(&b, &from);
	rss[2] = b.pid ? load_rss_kb(b.pid) : 0;
	report(&b, &from, rss);
	return 0;
}
