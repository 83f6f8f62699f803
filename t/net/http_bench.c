/* SPDX-License-Identifier: Apache-2.0 */
/* CPU of one small request, measured with wrk on 64 keep-alive connections: GET answered at once,
 * POST of 200 bytes answered at once and answered later from the loop, as a group commit does.
 * Prints a JSON line each; with an argument it only serves, on that port. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "net/net.h"

enum { WAITING_MAX = 4096 };

struct bench {
	uv_loop_t loop;
	struct sonde_net *net;
	uv_async_t commit;
	struct sonde_req *waiting[WAITING_MAX];
	unsigned waiting_count;
	uint64_t requests;
	bool later;
};

extern char **environ;

static const char body[] = "{\"id\":\"01hzy3v8q4n7t2k6w9d5c1b0ae\",\"probesCount\":3}";

static void answer(struct sonde_req *req, unsigned status)
{
	sonde_req_reply(req, &(struct sonde_reply){ .status = status, .type = "application/json",
						    .body = body, .len = sizeof(body) - 1 });
}

static void on_http(struct sonde_req *req, void *arg)
{
	struct bench *b = arg;

	b->requests++;
	if (!b->later || b->waiting_count == WAITING_MAX) {
		answer(req, 200);
		return;
	}
	b->waiting[b->waiting_count++] = req;
	uv_async_send(&b->commit);
}

static void on_commit(uv_async_t *async)
{
	struct bench *b = async->data;

	for (unsigned i = 0; i < b->waiting_count; i++)
		answer(b->waiting[i], 202);
	b->waiting_count = 0;
}

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void on_wrk_exit(uv_signal_t *sig, int signum)
{
	uv_stop(sig->loop);
}

static pid_t start_wrk(const char *url, const char *script)
{
	char *argv[] = { "wrk", "-t1", "-c64", "-d3s", (char *)url, script ? "-s" : NULL,
			 (char *)script, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, "wrk", &files, NULL, argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

static void run(struct bench *b, const char *name, const char *script, bool later)
{
	uv_signal_t child;
	char url[64];
	int status;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/bench", sonde_net_port(b->net));
	b->later = later;
	b->requests = 0;
	uv_signal_init(&b->loop, &child);
	uv_signal_start(&child, on_wrk_exit, SIGCHLD);
	double cpu = cpu_us();
	uint64_t t0 = uv_hrtime();
	pid_t pid = start_wrk(url, script);
	if (pid > 0) {
		uv_run(&b->loop, UV_RUN_DEFAULT);
		waitpid(pid, &status, 0);
	}
	cpu = cpu_us() - cpu;
	double seconds = (double)(uv_hrtime() - t0) / 1e9;
	if (b->requests)
		printf("{\"bench\":\"%s\",\"requests\":%llu,\"per_s\":%.0f,\"cpu_us\":%.2f}\n", name,
		       (unsigned long long)b->requests, (double)b->requests / seconds,
		       cpu / (double)b->requests);
	else
		printf("{\"bench\":\"%s\",\"skipped\":\"wrk is not installed\"}\n", name);
	uv_close((uv_handle_t *)&child, NULL);
	uv_run(&b->loop, UV_RUN_NOWAIT);
}

static void write_script(char path[32])
{
	static const char lua[] = "wrk.method = 'POST'\nwrk.body = string.rep('x', 200)\n"
				  "wrk.headers['Content-Type'] = 'application/json'\n";

	strcpy(path, "/tmp/sonde-bench-XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0 || write(fd, lua, sizeof(lua) - 1) < 0)
		exit(1);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct sonde_net_options options = { .max_body = 100000, .max_message = 1 << 20,
					     .max_send_queue = 1 << 18, .idle_timeout_s = 10 };
	struct sonde_listen l = { .host = "127.0.0.1", .http = on_http, .http_arg = &b };
	struct sonde_error e;
	char script[32];

	uv_loop_init(&b.loop);
	uv_async_init(&b.loop, &b.commit, on_commit);
	b.commit.data = &b;
	if (argc > 1)
		l.port = (uint16_t)strtoul(argv[1], NULL, 10);
	if (sonde_net_new(&b.loop, &options, &b.net, &e) != SONDE_OK ||
	    sonde_net_listen(b.net, &l, &e) != SONDE_OK) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	if (argc > 1) {
		b.later = argc > 2;
		return uv_run(&b.loop, UV_RUN_DEFAULT);
	}
	write_script(script);
	run(&b, "net_get", NULL, false);
	run(&b, "net_post_200", script, false);
	run(&b, "net_post_200_later", script, true);
	unlink(script);
	return 0;
}
