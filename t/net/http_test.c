/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP over real sockets: what a handler sees, what is refused before it, how answers go out. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_server.h"
#include "tap.h"

static void sees_client(struct world *w)
{
	char out[4096];
	int fd = raw_dial(w);

	raw_text(fd, "GET /a/b%20c?x=1&y=%26%2B+z HTTP/1.1\r\n" HOST
		 "Authorization: Bearer t\r\nX-Request-Id: 7\r\n\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 200);
	EXPECT(strstr(out, "\r\nX-Content-Type-Options: nosniff\r\n"));
	EXPECT(strstr(out, "\r\nAccess-Control-Allow-Origin: *\r\n"));
	EXPECT(strstr(out, "\r\nDate: "));
	EXPECT(!strstr(out, "Connection: close"));
	EXPECT_STR(strstr(out, "\r\n\r\n") + 4,
		   "1 /a/b c ? x=1&y=%26%2B%20z | 127.0.0.1 | Bearer t | 7 | 0:");
	raw_text(fd, "OPTIONS /o HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "6 /o ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "GET /split HTTP/1.1\r\n" HOST "\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 204);
	EXPECT(strstr(out, "X-Good: yes") && !strstr(out, "Set-Cookie"));
	raw_text(fd, "GET /last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 200);
	EXPECT(strstr(out, "Connection: close\r\n"));
	EXPECT(raw_closed(fd));
	close(fd);
	fd = raw_dial(w);
	raw_text(fd, "GET /old HTTP/1.0\r\n\r\n");
	expect_body(fd, 200, "1 /old ?  | 127.0.0.1 | - | - | 0:");
	EXPECT(raw_closed(fd));
	close(fd);
}

static void handler_sees_request(void)
{
	serve(sees_client);
}

static void bodies_client(struct world *w)
{
	int fd = raw_dial(w);

	raw_text(fd, "POST /p HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	expect_body(fd, 200, "2 /p ?  | 127.0.0.1 | - | - | 5:hello");
	raw_text(fd, "POST /later HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
	usleep(20000);
	raw_text(fd, "llo");
	expect_body(fd, 200, "2 /later ?  | 127.0.0.1 | - | - | 5:hello");
	raw_text(fd, "PUT /p HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	expect_body(fd, 200, "3 /p ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "POST /p HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	expect_body(fd, 200, "2 /p ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "POST /later HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	expect_body(fd, 200, "2 /later ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "PATCH /p HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab");
	expect_body(fd, 200, "4 /p ?  | 127.0.0.1 | - | - | 2:ab");
	raw_text(fd, "DELETE /p HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\ncd");
	expect_body(fd, 200, "5 /p ?  | 127.0.0.1 | - | - | 2:cd");
	raw_text(fd, "DELETE /later HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "5 /later ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "POST /p HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	expect_body(fd, 100, NULL);
	raw_text(fd, "z");
	expect_body(fd, 200, "2 /p ?  | 127.0.0.1 | - | - | 1:z");
	raw_text(fd, "POST /p HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "2 /p ?  | 127.0.0.1 | - | - | 0:");
	EXPECT(raw_closed(fd));
	close(fd);
	fd = raw_dial(w);
	raw_text(fd, "PUT /later HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "3 /later ?  | 127.0.0.1 | - | - | 0:");
	EXPECT(raw_closed(fd));
	close(fd);
}

/* Up to the empty line, and not a byte more. */
static void read_head(int fd, char *out, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && recv(fd, out + n, 1, 0) == 1) {
		out[++n] = '\0';
		if (n >= 4 && !memcmp(out + n - 4, "\r\n\r\n", 4))
			return;
	}
	EXPECT(!"a whole head");
}

static void head_client(struct world *w)
{
	static const char *const paths[] = { "/p", "/later" };
	char text[128], want[128], out[2048];
	int fd = raw_dial(w);

	for (unsigned i = 0; i < 2; i++) {
		int n = snprintf(want, sizeof(want), "1 %s ?  | 127.0.0.1 | - | - | 0:", paths[i]);
		snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
		raw_text(fd, text);
		read_head(fd, out, sizeof(out));
		snprintf(text, sizeof(text), "Content-Length: %d\r\n", n);
		EXPECT(!strncmp(out, "HTTP/1.1 200 ", 13) && strstr(out, text));
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
		raw_text(fd, text);
		expect_body(fd, 200, want);
	}
	close(fd);
}

static void head_has_no_body(void)
{
	serve(head_client);
}

static size_t all_of(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = recv(fd, out + len, size - len, 0)) > 0)
		len += (size_t)n;
	return len;
}

/* Nothing is kept of a stream, however it ends: the sanitizer of leaks looks at the sessions. */
static void stream_client(struct world *w)
{
	static char out[1 << 20];
	const struct linger now = { .l_onoff = 1 };
	size_t len;

	int fd = raw_dial(w);
	raw_text(fd, "GET /stream/3 HTTP/1.1\r\n" HOST "\r\nGET /stream/2 HTTP/1.1\r\n" HOST
		     "Connection: close\r\n\r\n");
	len = all_of(fd, out, sizeof(out));
	EXPECT(len > 40000 && memmem(out, len, "0\r\n\r\nHTTP/1.1 200", 16));
	close(fd);
	fd = raw_dial(w);
	raw_text(fd, "GET /stream/3cut HTTP/1.1\r\n" HOST "\r\n");
	len = all_of(fd, out, sizeof(out));
	EXPECT(len > 16000 && !memmem(out, len, "\r\n0\r\n\r\n", 7));
	close(fd);
	for (int i = 0; i < 20; i++) {
		fd = raw_dial(w);
		raw_text(fd, "GET /stream/1000000 HTTP/1.1\r\n" HOST "\r\n");
		for (len = 0; len < 100000;)
			len += (size_t)recv(fd, out, 10000, 0);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(fd);
	}
}

static void streams_end(void)
{
	static struct server s;

	server_open(&s, NULL, NULL);
	world_with(&s.w, stream_client);
	server_close(&s);
	EXPECT_INT(s.streams, 0);
}

static void every_kind_of_body(void)
{
	serve(bodies_client);
}

static void too_long_client(struct world *w)
{
	char big[12000];
	int fd = raw_dial(w);

	raw_text(fd, "POST /p HTTP/1.1\r\n" HOST "Content-Length: 12000\r\n\r\n");
	memset(big, 'x', sizeof(big));
	raw_say(fd, big, 6000);
	usleep(20000);
	raw_say(fd, big, 6000);
	expect_body(fd, 413, "{\"error\":{\"type\":\"content_too_large\","
		    "\"message\":\"the body is too long\"}}");
	raw_text(fd, "GET /alive HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "1 /alive ?  | 127.0.0.1 | - | - | 0:");
	close(fd);
	fd = raw_dial(w);
	raw_text(fd, "GET / HTTP/1.1\r\n" HOST "X-Big: ");
	raw_say(fd, big, sizeof(big));
	raw_text(fd, "\r\n\r\n");
	EXPECT(raw_closed(fd));
	close(fd);
}

static void too_long_is_drained(void)
{
	serve(too_long_client);
}

static void big_client(struct world *w)
{
	struct server *s = w->arg;
	char *out = malloc(BIG + 4096);
	int fd = raw_dial(w);

	for (int i = 0; i < 2; i++) {
		raw_text(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
		usleep(100000); /* the kernel's buffers fill, lws must keep the rest */
		EXPECT_INT(raw_answer(fd, out, BIG + 4096), 200);
		EXPECT(!memcmp(strstr(out, "\r\n\r\n") + 4, s->big, BIG));
	}
	raw_text(fd, "GET /after HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "1 /after ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "GET /big HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	usleep(100000);
	EXPECT_INT(raw_answer(fd, out, BIG + 4096), 200);
	EXPECT(!memcmp(strstr(out, "\r\n\r\n") + 4, s->big, BIG));
	EXPECT(raw_closed(fd));
	close(fd);
	free(out);
}

static void big_answer_to_slow_reader(void)
{
	serve(big_client);
}

static void leaving_client(struct world *w)
{
	for (int i = 0; i < 20; i++) {
		int fd = raw_dial(w);
		raw_text(fd, i % 2 ? "GET /later HTTP/1.1\r\n" HOST "\r\n" :
				     "POST /later HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
		if (i % 3 == 0)
			usleep(1000);
		close(fd);
	}
	usleep(50000);
}

static void client_leaves_before_the_answer(void)
{
	serve(leaving_client);
}

static void keep_client(struct world *w)
{
	int fd = raw_dial(w);

	raw_text(fd, "POST /keep HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
	for (struct server *s = w->arg; __atomic_load_n(&s->waiting_count, __ATOMIC_RELAXED) == 0;)
		usleep(1000);
}

static void answer_after_close(void)
{
	static struct server s;

	server_open(&s, NULL, NULL);
	world_with(&s.w, keep_client);
	EXPECT_INT(s.waiting_count, 1);
	server_close(&s);
	EXPECT_STR(sonde_req_view(s.waiting[0])->path, "/keep");
	reply_text(s.waiting[0], 200, "late");
}

static void drip_client(struct world *w)
{
	int idle = raw_dial(w), drip = raw_dial(w), head = raw_dial(w);

	raw_text(idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_body(idle, 200, NULL);
	raw_text(drip, "POST / HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n");
	raw_text(head, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 14; i++) {
		raw_text(drip, "x");
		raw_text(head, "X-A: b\r\n");
		usleep(300000);
	}
	EXPECT(raw_closed(idle));
	EXPECT(raw_closed(drip));
	EXPECT(raw_closed(head));
	close(idle);
	close(drip);
	close(head);
}

static void slow_clients_are_cut(void)
{
	tap_limit(40);
	serve(drip_client);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	EXPECT(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void static_client(struct world *w)
{
	char out[8192], request[256], tag[64] = "";
	int fd = raw_dial(w);

	raw_text(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 302);
	EXPECT(strstr(out, "\r\nLocation: /ui/\r\n"));
	raw_text(fd, "GET /ui/ HTTP/1.1\r\n" HOST "\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 200);
	EXPECT(strstr(out, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
	EXPECT(strstr(out, "\r\nContent-Security-Policy: default-src 'self'; frame-ancestors 'none'; "
	              "base-uri 'none'; form-action 'self'\r\n"));
	EXPECT_STR(strstr(out, "\r\n\r\n") + 4, "<p>home");
	EXPECT(sscanf(strstr(out, "\r\nETag: ") + 8, "%63s", tag) == 1);
	snprintf(request, sizeof(request),
		 "GET /ui/index.html HTTP/1.1\r\n" HOST "If-None-Match: %s\r\n\r\n", tag);
	raw_text(fd, request);
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 304);
	EXPECT(strstr(out, tag));
	raw_text(fd, "GET /ui/assets/app.js HTTP/1.1\r\n" HOST "\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 200);
	EXPECT(strstr(out, "\r\nContent-Type: text/javascript; charset=utf-8\r\n"));
	EXPECT_STR(strstr(out, "\r\n\r\n") + 4, "alert(1)");
	raw_text(fd, "GET /ui/.secret HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "1 /ui/.secret ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "GET /ui/../../../etc/passwd HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "1 /etc/passwd ?  | 127.0.0.1 | - | - | 0:");
	raw_text(fd, "GET /ui/%2e%2e/link HTTP/1.1\r\n" HOST "\r\n");
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 200);
	raw_text(fd, "GET /ui/link HTTP/1.1\r\n" HOST "\r\n");
	expect_body(fd, 200, "1 /ui/link ?  | 127.0.0.1 | - | - | 0:");
	close(fd);
}

static void static_files(void)
{
	static struct server s;
	char dir[] = "/tmp/sonde-net-XXXXXX", command[128], assets[64], link[64];

	EXPECT(mkdtemp(dir));
	snprintf(assets, sizeof(assets), "%s/assets", dir);
	snprintf(command, sizeof(command), "mkdir %s", assets);
	EXPECT(system(command) == 0);
	put_file(dir, "index.html", "<p>home");
	put_file(dir, ".secret", "no");
	put_file(assets, "app.js", "alert(1)");
	snprintf(link, sizeof(link), "%s/link", dir);
	EXPECT(symlink("/etc/hostname", link) == 0);
	server_open(&s, dir, "/ui");
	world_with(&s.w, static_client);
	server_close(&s);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	EXPECT(system(command) == 0);
}

/* A port that somebody else listens on. */
static uint16_t other_port(int *fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*fd = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(bind(*fd, (struct sockaddr *)&a, len) == 0 && listen(*fd, 1) == 0);
	EXPECT(getsockname(*fd, (struct sockaddr *)&a, &len) == 0);
	return ntohs(a.sin_port);
}

static void listen_fails_with_a_reason(void)
{
	struct world w = { 0 };
	int fd;
	struct sonde_net_options o = world_options();
	struct sonde_listen l = { .host = "127.0.0.1" };
	struct sonde_error e;

	world_open(&w, &o, &l);
	l.port = w.port;
	EXPECT_INT(sonde_net_listen(w.net, &l, &e), SONDE_EEXIST);
	l.port = other_port(&fd);
	EXPECT_INT(sonde_net_listen(w.net, &l, &e), SONDE_EIO);
	EXPECT(strstr(e.text, "cannot listen on 127.0.0.1 port"));
	close(fd);
	l.port = 0;
	l.cert = "/nonexistent";
	EXPECT_INT(sonde_net_listen(w.net, &l, &e), SONDE_EINVAL);
	l.key = "/nonexistent";
	EXPECT_INT(sonde_net_listen(w.net, &l, &e), SONDE_EIO);
	l.cert = l.key = NULL;
	l.static_dir = "/nonexistent";
	l.static_url = "/ui";
	EXPECT_INT(sonde_net_listen(w.net, &l, &e), SONDE_EIO);
	EXPECT_STR(e.path, "static_dir");
	EXPECT_INT(sonde_net_port(w.net), w.port);
	world_close(&w);
}

TAP_MAIN(CASE(handler_sees_request), CASE(every_kind_of_body), CASE(head_has_no_body), CASE(streams_end),
	 CASE(too_long_is_drained), CASE(big_answer_to_slow_reader),
	 CASE(client_leaves_before_the_answer), CASE(answer_after_close),
	 CASE(slow_clients_are_cut), CASE(static_files), CASE(listen_fails_with_a_reason))
