/* SPDX-License-Identifier: Apache-2.0 */
/* sonde-node as a process, with its real runner and plugins, against a controller played here:
 * enrolment, tasks, results, loss of the link, kill -9, crashing plugins, goodbye. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "net/net.h"
#include "tap.h"
#include "wire/wire.h"

extern char **environ;

enum { RESULTS = 400, LIMIT_S = 60 };

struct played {
	uv_loop_t loop;
	uv_timer_t timer;
	struct sonde_net *net;
	struct sonde_conn *conn;
	struct sonde_decoder *decoder;
	char dir[64], url[64];
	unsigned refuse; /* HTTP status for registrations, 0 = take them */
	unsigned close_code; /* answer hello with this close */
	bool mute;       /* no ack */
	uint64_t epoch, seq; /* stored */
	unsigned hellos, beats, registrations;
	bool bye;
	struct sonde_msg_hello hello;
	unsigned accept_count, result_count, repeated;
	struct sonde_msg_accept accepts[RESULTS];
	struct {
		uint64_t seq;
		uint32_t task;
		uint8_t failure;
		char why[128], body[128];
	} results[RESULTS];
	pid_t pid;
};

static struct played *make(void)
{
	struct played *p = calloc(1, sizeof(*p));

	tap_limit(LIMIT_S + 20);
	snprintf(p->dir, sizeof(p->dir), "/tmp/sonde-node-XXXXXX");
	EXPECT(mkdtemp(p->dir));
	EXPECT_INT(uv_loop_init(&p->loop), 0);
	uv_timer_init(&p->loop, &p->timer);
	p->timer.data = p;
	EXPECT_INT(sonde_decoder_new(&p->decoder), SONDE_OK);
	return p;
}

/* -------- the controller's side -------- */

static void on_http(struct sonde_req *req, void *arg)
{
	struct played *p = arg;
	const struct sonde_req_view *view = sonde_req_view(req);
	struct sonde_reply reply = { .status = 201, .type = "application/json" };

	p->registrations++;
	EXPECT_STR(view->path, "/v1/nodes/register");
	EXPECT(strstr(view->body, "\"token\":\"srt_test\""));
	EXPECT(strstr(view->body, "\"tags\":[\"a\",\"b\"]"));
	reply.body = "{\"id\":\"01arz3ndektsv4rrffq69g5fav\",\"key\":\"snk_secret\","
	             "\"status\":\"active\"}";
	if (p->refuse) {
		reply.status = p->refuse;
		reply.body = "{\"error\":{\"type\":\"x\",\"message\":\"The token was used already.\"}}";
	}
	reply.len = strlen(reply.body);
	sonde_req_reply(req, &reply);
}

static void send_msg(struct played *p, const struct sonde_msg *m)
{
	struct sonde_buf b;

	sonde_buf_init_head(&b, SONDE_MSG_MAX, SONDE_NET_HEAD);
	sonde_msg_encode(&b, m);
	EXPECT(!b.failed && p->conn);
	EXPECT_INT(sonde_conn_send(p->conn, &b), SONDE_OK);
	sonde_buf_deinit(&b);
}

static void send_ack(struct played *p, uint64_t epoch, uint64_t seq)
{
	send_msg(p, &(struct sonde_msg){ .kind = SONDE_MSG_ACK,
	                                 .ack = { .epoch = epoch, .seq = seq,
	                                          .server_ms = 1700000000000 } });
}

static void on_hello(struct played *p, struct sonde_conn *conn, const struct sonde_msg_hello *h)
{
	EXPECT(h->key.len == 10 && !memcmp(h->key.s, "snk_secret", 10));
	p->hello = *h;
	p->hellos++;
	if (p->close_code) {
		sonde_conn_close(conn, p->close_code, "Not now.");
		return;
	}
	p->conn = conn;
	send_msg(p, &(struct sonde_msg){
		.kind = SONDE_MSG_WELCOME,
		.welcome = { .epoch = p->epoch, .seq = p->seq, .beat_s = 1, .wall_ms = h->wall_ms,
		             .server_ms = 1700000000000 } });
}

static void keep_text(char *to, size_t room, struct sonde_text text)
{
	size_t n = text.len < room - 1 ? text.len : room - 1;

	if (n)
		memcpy(to, text.s, n);
	to[n] = '\0';
}

static void on_results(struct played *p, const struct sonde_msg *m)
{
	for (unsigned i = 0; i < m->list.count; i++) {
		const struct sonde_msg_result *r = &m->list.results[i];
		if (m->list.epoch == p->epoch && r->seq <= p->seq) {
			p->repeated++;
			continue;
		}
		EXPECT(m->list.epoch > p->epoch || r->seq == p->seq + 1);
		EXPECT(p->result_count < RESULTS);
		p->epoch = m->list.epoch;
		p->seq = r->seq;
		p->results[p->result_count].seq = r->seq;
		p->results[p->result_count].task = r->task;
		p->results[p->result_count].failure = r->failure;
		keep_text(p->results[p->result_count].why, 128, r->why);
		keep_text(p->results[p->result_count++].body, 128, r->body);
	}
	if (!p->mute)
		send_ack(p, p->epoch, p->seq);
}

static void on_message(struct sonde_conn *conn, void *arg, char *text, size_t len)
{
	struct played *p = arg;
	struct sonde_error e;
	struct sonde_msg m;

	if (sonde_msg_decode(p->decoder, text, len, &m, &e))
		tap_fail(__FILE__, __LINE__, "broken message: %s %s", e.path, e.text);
	switch (m.kind) {
	case SONDE_MSG_HELLO:
		on_hello(p, conn, &m.hello);
		break;
	case SONDE_MSG_BEAT:
		p->beats++;
		send_ack(p, 0, 0);
		break;
	case SONDE_MSG_ACCEPT:
		for (unsigned i = 0; i < m.list.count; i++)
			p->accepts[p->accept_count++ % RESULTS] = m.list.accepts[i];
		break;
	case SONDE_MSG_RESULTS:
		on_results(p, &m);
		break;
	case SONDE_MSG_BYE:
		p->bye = true;
		sonde_conn_close(conn, 1000, "Goodbye.");
		break;
	default:
		break;
	}
}

static void on_close(struct sonde_conn *conn, void *arg, unsigned code, const char *reason)
{
	struct played *p = arg;

	if (p->conn == conn)
		p->conn = NULL;
}

static const struct sonde_conn_events events = { .message = on_message, .close = on_close };

static void serve(struct played *p, uint16_t port)
{
	const struct sonde_net_options options = { 1 << 16, SONDE_MSG_MAX, 8 << 20, 30 };
	const struct sonde_ws_route routes[] = {
		{ "/v1/nodes/connect", "sonde.node.v1", &events, p }, { NULL }
	};
	const struct sonde_listen listen = { .host = "127.0.0.1", .port = port, .http = on_http,
		                             .http_arg = p, .routes = routes };
	struct sonde_error e;

	if (sonde_net_new(&p->loop, &options, &p->net, &e) ||
	    sonde_net_listen(p->net, &listen, &e))
		tap_fail(__FILE__, __LINE__, "%s", e.text);
	snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", sonde_net_port(p->net));
}

static void on_timer(uv_timer_t *timer)
{
}

/* Turns the loop until the condition holds; the case's own time limit ends a wait in vain. */
#define AWAIT(p, cond) \
	do { \
		uv_timer_start(&(p)->timer, on_timer, 20, 20); \
		while (!(cond)) \
			uv_run(&(p)->loop, UV_RUN_ONCE); \
	} while (0)

/* -------- the node's side -------- */

static void copy_file(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	EXPECT(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		EXPECT(write(out, bytes, n) == n);
	close(in);
	close(out);
}

static const char *built(const char *name, char *out, size_t room)
{
	const char *top = getenv("top_builddir");

	snprintf(out, room, "%s/%s", top ? top : ".", name);
	return out;
}

static void copy_plugins(const char *to)
{
	const char *const names[] = { "echo", "faulty" };
	char from[512], path[512], name[128];

	mkdir(to, 0755);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "plugins/%s/.libs/%s.so", names[i], names[i]);
		snprintf(path, sizeof(path), "%s/%s.so", to, names[i]);
		copy_file(built(name, from, sizeof(from)), path);
	}
}

static void start_node(struct played *p)
{
	char program[512], runner[512], plugins[128], state[128], token[128];

	snprintf(plugins, sizeof(plugins), "%s/plugins", p->dir);
	snprintf(state, sizeof(state), "%s/state", p->dir);
	if (access(plugins, F_OK))
		copy_plugins(plugins);
	snprintf(token, sizeof(token), "%s/token", p->dir);
	int fd = open(token, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	EXPECT_INT(write(fd, "srt_test\n", 9), 9);
	close(fd);
	char *argv[] = {
		(char *)built("sonde-node", program, sizeof(program)), "--controller", p->url,
		"--state", state, "--plugins", plugins, "--runner",
		(char *)built("sonde-runner", runner, sizeof(runner)), "--token-file", token,
		"--tags", "a, b", "--name", "one", "--link-backoff-min", "20ms",
		"--link-backoff-max", "200ms", "--capacity", "32", "--drain", "1s",
		"--log-level", getenv("TEST_LOG") ? "debug" : "error", NULL
	};
	p->pid = fork();
	EXPECT(p->pid >= 0);
	if (p->pid > 0)
		return;
	/* A case that fails ends its node, too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(program, argv);
	_exit(127);
}

static int wait_node(struct played *p)
{
	int status = 0;

	AWAIT(p, waitpid(p->pid, &status, WNOHANG) == p->pid);
	return status;
}

static void remove_tree(const char *path)
{
	char *argv[] = { "rm", "-rf", (char *)path, NULL };
	pid_t pid;

	EXPECT_INT(posix_spawnp(&pid, "rm", NULL, NULL, argv, environ), 0);
	waitpid(pid, NULL, 0);
}

static void on_net_closed(void *arg)
{
	((struct played *)arg)->net = NULL;
}

static void end(struct played *p)
{
	if (p->net) {
		sonde_net_close(p->net, on_net_closed, p);
		AWAIT(p, !p->net);
	}
	uv_close((uv_handle_t *)&p->timer, NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	uv_loop_close(&p->loop);
	sonde_decoder_free(p->decoder);
	remove_tree(p->dir);
	free(p);
}

static void stop_node(struct played *p)
{
	kill(p->pid, SIGTERM);
	int status = wait_node(p);
	EXPECT(WIFEXITED(status));
	EXPECT_INT(WEXITSTATUS(status), 0);
}

static void send_task(struct played *p, uint32_t n, const char *type, const char *options)
{
	struct sonde_msg_task task = {
		.measurement = { { 1, 2, 3 } }, .task = n, .attempt = 1,
		.type = { type, strlen(type) }, .target = SONDE_TEXT("example.com"),
		.options = { options, strlen(options) }, .timeout_ms = 20000, .valid_ms = 20000,
	};
	struct sonde_msg m = { .kind = SONDE_MSG_TASKS, .list = { .count = 1 } };

	m.list.tasks = &task;
	send_msg(p, &m);
}

static int result_of(const struct played *p, uint32_t task)
{
	for (unsigned i = 0; i < p->result_count; i++)
		if (p->results[i].task == task)
			return (int)i;
	return -1;
}

static struct played *up(void)
{
	struct played *p = make();

	serve(p, 0);
	start_node(p);
	AWAIT(p, p->hellos == 1 && p->conn);
	return p;
}

/* -------- the cases -------- */

static void enrols_runs_and_says_goodbye(void)
{
	struct played *p = up();
	struct stat st;
	char path[128];

	EXPECT_INT(p->registrations, 1);
	snprintf(path, sizeof(path), "%s/state/node.key", p->dir);
	EXPECT(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	send_task(p, 1, "echo", "{\"text\":\"hello\"}");
	AWAIT(p, p->result_count == 1 && p->accept_count == 1 && p->beats >= 2);
	EXPECT_INT(p->results[0].failure, SONDE_FAIL_NONE);
	EXPECT(strstr(p->results[0].body, "\"text\":\"hello\""));
	send_task(p, 2, "nonesuch", "{}");
	AWAIT(p, p->result_count == 2);
	EXPECT_INT(p->results[1].failure, SONDE_FAIL_PLUGIN_MISSING);
	send_task(p, 3, "echo", "{\"delay\":\"200ms\"}");
	AWAIT(p, p->accept_count == 3);
	stop_node(p);
	EXPECT(p->bye);
	EXPECT_INT(p->result_count, 3);
	EXPECT_INT(p->results[2].failure, SONDE_FAIL_NONE);

	start_node(p);
	AWAIT(p, p->hellos == 2);
	EXPECT_INT(p->registrations, 1);
	EXPECT_INT(p->hello.epoch, 1);
	stop_node(p);
	chmod(path, 0644);
	start_node(p);
	EXPECT_INT(WEXITSTATUS(wait_node(p)), 1);
	end(p);
}

static void a_refused_token_ends_it(void)
{
	struct played *p = make();

	p->refuse = 401;
	serve(p, 0);
	start_node(p);
	EXPECT_INT(WEXITSTATUS(wait_node(p)), 1);
	EXPECT_INT(p->registrations, 1);
	end(p);
}

static void comes_back_after_any_close(void)
{
	struct played *p = make();

	p->close_code = 4401;
	serve(p, 0);
	start_node(p);
	AWAIT(p, p->hellos == 3);
	p->close_code = 1013;
	AWAIT(p, p->hellos == 6);
	p->close_code = 0;
	AWAIT(p, p->conn);
	p->mute = true;
	for (uint32_t n = 1; n <= 20; n++)
		send_task(p, n, "echo", "{}");
	AWAIT(p, p->result_count == 20);
	/* The controller dies without an ack and without its memory of what it had. */
	uint16_t port = sonde_net_port(p->net);
	sonde_net_close(p->net, on_net_closed, p);
	AWAIT(p, !p->net);
	p->result_count = 0;
	p->epoch = p->seq = 0;
	p->mute = false;
	serve(p, port);
	AWAIT(p, p->result_count == 20);
	EXPECT_INT(p->results[19].seq, 20);
	stop_node(p);
	end(p);
}

static void an_attempt_runs_once(void)
{
	struct played *p = up();

	send_task(p, 1, "echo", "{\"delay\":\"100ms\"}");
	send_task(p, 1, "echo", "{\"delay\":\"100ms\"}");
	AWAIT(p, p->result_count == 1 && p->accept_count == 2);
	send_task(p, 1, "echo", "{}");
	AWAIT(p, p->accept_count == 3);
	send_task(p, 2, "echo", "{}");
	AWAIT(p, p->result_count == 2);
	EXPECT_INT(p->results[1].task, 2);
	for (unsigned i = 0; i < p->accept_count; i++)
		EXPECT_INT(p->accepts[i].failure, 0);
	stop_node(p);
	end(p);
}

static void more_than_its_capacity_is_refused(void)
{
	struct played *p = up();
	unsigned refused = 0;

	for (uint32_t n = 1; n <= 40; n++)
		send_task(p, n, "echo", "{\"delay\":\"500ms\"}");
	AWAIT(p, p->accept_count == 40 && p->result_count == 32);
	for (unsigned i = 0; i < 40; i++)
		refused += p->accepts[i].failure == SONDE_FAIL_OVERLOAD;
	EXPECT_INT(refused, 8);
	stop_node(p);
	end(p);
}

static void a_killed_node_tells_what_it_had_taken(void)
{
	struct played *p = up();

	for (uint32_t n = 1; n <= 10; n++)
		send_task(p, n, "echo", "{}");
	for (uint32_t n = 11; n <= 15; n++)
		send_task(p, n, "echo", "{\"delay\":\"19s\"}");
	AWAIT(p, p->accept_count == 15 && p->result_count == 10);
	kill(p->pid, SIGKILL);
	wait_node(p);
	start_node(p);
	AWAIT(p, p->result_count == 15);
	for (uint32_t n = 11; n <= 15; n++) {
		EXPECT(result_of(p, n) >= 0);
		EXPECT_INT(p->results[result_of(p, n)].failure, SONDE_FAIL_CRASHED);
	}
	send_task(p, 11, "echo", "{}");
	AWAIT(p, p->accept_count == 16);
	send_task(p, 16, "echo", "{}");
	AWAIT(p, p->result_count == 16);
	EXPECT_INT(p->results[15].task, 16);
	EXPECT_INT(p->epoch, 1);
	stop_node(p);
	end(p);
}

static void a_crash_is_blamed_on_its_task_alone(void)
{
	struct played *p = up();

	for (uint32_t n = 1; n <= 5; n++)
		send_task(p, n, "echo", "{\"delay\":\"1s\"}");
	AWAIT(p, p->accept_count == 5);
	send_task(p, 6, "faulty", "{\"how\":\"crash\"}");
	AWAIT(p, p->result_count == 6);
	EXPECT_INT(p->results[result_of(p, 6)].failure, SONDE_FAIL_CRASHED);
	EXPECT(strstr(p->results[result_of(p, 6)].why, "signal 11"));
	for (uint32_t n = 1; n <= 5; n++)
		EXPECT_INT(p->results[result_of(p, n)].failure, SONDE_FAIL_NONE);
	send_task(p, 7, "faulty", "{\"how\":\"spin\"}");
	send_task(p, 8, "echo", "{}");
	AWAIT(p, p->result_count == 8);
	EXPECT_INT(p->results[result_of(p, 7)].failure, SONDE_FAIL_CRASHED);
	EXPECT_INT(p->results[result_of(p, 8)].failure, SONDE_FAIL_NONE);
	stop_node(p);
	end(p);
}

static void a_plugin_that_keeps_crashing_is_disabled(void)
{
	struct played *p = up();

	for (uint32_t n = 1; n <= 5; n++) {
		send_task(p, n, "faulty", "{\"how\":\"crash\"}");
		AWAIT(p, p->result_count == n);
		EXPECT_INT(p->results[n - 1].failure, SONDE_FAIL_CRASHED);
	}
	unsigned before = p->accept_count;
	send_task(p, 6, "faulty", "{\"how\":\"ok\"}");
	AWAIT(p, p->accept_count == before + 1);
	EXPECT_INT(p->accepts[before].failure, SONDE_FAIL_PLUGIN_MISSING);
	send_task(p, 7, "echo", "{}");
	AWAIT(p, p->result_count == 6);
	EXPECT_INT(p->results[5].task, 7);
	stop_node(p);
	end(p);
}

TAP_MAIN(CASE(enrols_runs_and_says_goodbye), CASE(a_refused_token_ends_it),
         CASE(comes_back_after_any_close), CASE(an_attempt_runs_once),
         CASE(more_than_its_capacity_is_refused), CASE(a_killed_node_tells_what_it_had_taken),
         CASE(a_crash_is_blamed_on_its_task_alone),
         CASE(a_plugin_that_keeps_crashing_is_disabled))
