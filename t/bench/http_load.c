/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded HTTP/1.1 load generator: keep-alive connections, one request at a time on each, a
 * fixed number of requests in all. Counts answers by status; reads only what it needs of an answer
 * (status and Content-Length). A connection that the server closes ends the run with an error, as
 * does a run longer than the limit: a figure with holes in it is none.
 *
 * http_load [-c CONNECTIONS] [-n REQUESTS] [-m METHOD] [-H HEADER]... [-b BODY | -f FILE]
 *           [-l FILE of paths, taken in turn] [-p PID of the server] [-s SECONDS] HOST PORT [PATH]
 *
 * Prints one JSON object. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "bench/load.h"

enum { CONNECTIONS_MAX = 4096, REQUESTS_MAX = 5000000, ANSWER_MAX = 1 << 20, HEADERS_MAX = 8192,
       FILE_MAX = 64 << 20, STATUS_MAX = 600 };

struct connection {
	int fd;
	char *request;
	size_t request_len, sent;
	struct sonde_buf in;
	size_t whole; /* bytes of the answer with its headers, 0 while not known */
	unsigned status;
	bool waits;   /* for room in the socket */
	int64_t started_ns;
};

struct load {
	unsigned connections;
	uint64_t requests, begun, ended, bytes;
	uint64_t by_status[STATUS_MAX];
	const char *method, *host, *path;
	uint16_t port;
	pid_t pid;
	unsigned seconds;
	struct sonde_buf headers, body, paths;
	size_t path_at;
	uint32_t *us;
	int epoll;
};

static void read_file(struct sonde_buf *b, const char *path)
{
	char block[65536];
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f)
		load_die("cannot open %s: %s", path, strerror(errno));
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		sonde_buf_add(b, block, n);
	fclose(f);
	if (b->failed)
		load_die("%s is too long", path);
}

/* The next line of the list, or the one path. */
static const char *next_path(struct load *l, int *len)
{
	if (!l->paths.len) {
		*len = (int)strlen(l->path);
		return l->path;
	}
	if (l->path_at >= l->paths.len)
		l->path_at = 0;
	const char *p = l->paths.data + l->path_at;
	const char *end = memchr(p, '\n', l->paths.len - l->path_at);
	*len = (int)(end ? end - p : (ptrdiff_t)(l->paths.len - l->path_at));
	l->path_at += (size_t)*len + 1;
	return p;
}

static void make_request(struct load *l, struct connection *c)
{
	struct sonde_buf b;
	int len;

	if (c->request && !l->paths.len)
		return;
	const char *path = next_path(l, &len);
	sonde_buf_init(&b, FILE_MAX + HEADERS_MAX * 2);
	sonde_buf_printf(&b, "%s %.*s HTTP/1.1\r\nHost: %s:%u\r\n", l->method, len, path, l->host,
	                 l->port);
	sonde_buf_add(&b, l->headers.data, l->headers.len);
	if (l->body.len)
		sonde_buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
		                 l->body.len);
	sonde_buf_str(&b, "\r\n");
	sonde_buf_add(&b, l->body.data, l->body.len);
	if (b.failed)
		load_die("the request is too long");
	free(c->request);
	c->request = b.data;
	c->request_len = b.len;
}

static void want(struct load *l, struct connection *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e) != 0)
		load_die("epoll_ctl: %s", strerror(errno));
}

static void send_more(struct load *l, struct connection *c)
{
	while (c->sent < c->request_len) {
		ssize_t n = send(c->fd, c->request + c->sent, c->request_len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			want(l, c, EPOLLIN | EPOLLOUT);
			c->waits = true;
			return;
		}
		if (n < 0)
			load_die("send: %s", strerror(errno));
		c->sent += (size_t)n;
	}
	if (c->waits)
		want(l, c, EPOLLIN);
	c->waits = false;
}

static void begin(struct load *l, struct connection *c)
{
	if (l->begun == l->requests)
		return;
	l->begun++;
	make_request(l, c);
	sonde_buf_reset(&c->in);
	c->whole = c->sent = 0;
	c->started_ns = load_now_ns();
	send_more(l, c);
}

static void read_head(struct connection *c)
{
	static const char length[] = "\r\ncontent-length:";
	size_t body = 0;

	const char *end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
	if (!end)
		return;
	if (sscanf(sonde_buf_cstr(&c->in), "HTTP/1.1 %3u", &c->status) != 1 || c->status >= STATUS_MAX)
		load_die("not an HTTP answer: %.60s", c->in.data);
	const char *p = strcasestr(c->in.data, length);
	if (p && p < end && sscanf(p + sizeof(length) - 1, "%zu", &body) != 1)
		load_die("bad Content-Length");
	c->whole = (size_t)(end - c->in.data) + 4 + body;
}

static void end(struct load *l, struct connection *c)
{
	int64_t us = (load_now_ns() - c->started_ns) / 1000;

	l->us[l->ended++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	l->by_status[c->status]++;
	l->bytes += c->in.len;
	begin(l, c);
}

static void receive(struct load *l, struct connection *c)
{
	char block[65536];
	ssize_t n = recv(c->fd, block, sizeof(block), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		load_die("the server closed a connection after %" PRIu64 " answers", l->ended);
	sonde_buf_add(&c->in, block, (size_t)n);
	if (c->in.failed)
		load_die("an answer is too long");
	if (!c->whole)
		read_head(c);
	if (c->whole && c->in.len >= c->whole)
		end(l, c);
}

static void run(struct load *l, struct connection *all)
{
	struct epoll_event events[256];
	int64_t limit = load_now_ns() + l->seconds * INT64_C(1000000000);

	for (unsigned i = 0; i < l->connections; i++)
		begin(l, &all[i]);
	while (l->ended < l->requests) {
		int n = epoll_wait(l->epoll, events, 256, 1000);
		if (load_now_ns() > limit)
			load_die("%" PRIu64 " of %" PRIu64 " answers in %u s: too slow", l->ended,
			         l->requests, l->seconds);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				send_more(l, c);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				receive(l, c);
		}
	}
}

static struct connection *connect_all(struct load *l)
{
	struct connection *all = calloc(l->connections, sizeof(*all));

	for (unsigned i = 0; all && i < l->connections; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &all[i] };
		all[i].fd = load_connect(l->host, l->port);
		sonde_buf_init(&all[i].in, ANSWER_MAX);
		if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, all[i].fd, &e) != 0)
			load_die("epoll_ctl: %s", strerror(errno));
	}
	return all ? all : (load_die("out of memory"), NULL);
}

static void report(struct load *l, double seconds, int64_t own_us, int64_t server_us)
{
	printf("{\"requests\":%" PRIu64 ",\"seconds\":%.3f,\"per_s\":%.0f,\"p50_us\":%u,"
	       "\"p99_us\":%u,\"max_us\":%u,\"bytes\":%" PRIu64 ",\"client_cpu_us\":%.2f",
	       l->ended, seconds, (double)l->ended / seconds,
	       load_percentile(l->us, l->ended, 0.5), load_percentile(l->us, l->ended, 0.99),
	       load_percentile(l->us, l->ended, 1), l->bytes, (double)own_us / (double)l->ended);
	if (l->pid)
		printf(",\"server_cpu_us\":%.2f", (double)server_us / (double)l->ended);
	printf(",\"status\":{");
	const char *comma = "";
	for (unsigned i = 0; i < STATUS_MAX; i++) {
		if (!l->by_status[i])
			continue;
		printf("%s\"%u\":%" PRIu64, comma, i, l->by_status[i]);
		comma = ",";
	}
	printf("}}\n");
}

static void read_options(struct load *l, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "c:n:m:H:b:f:l:p:s:")) != -1) {
		switch (opt) {
		case 'c': l->connections = (unsigned)load_number("-c", optarg, CONNECTIONS_MAX); break;
		case 'n': l->requests = load_number("-n", optarg, REQUESTS_MAX); break;
		case 'm': l->method = optarg; break;
		case 'H': sonde_buf_printf(&l->headers, "%s\r\n", optarg); break;
		case 'b': sonde_buf_str(&l->body, optarg); break;
		case 'f': read_file(&l->body, optarg); break;
		case 'l': read_file(&l->paths, optarg); break;
		case 'p': l->pid = (pid_t)load_number("-p", optarg, INT32_MAX); break;
		case 's': l->seconds = (unsigned)load_number("-s", optarg, 600); break;
		default: exit(2);
		}
	}
	if (argc - optind < 2 || argc - optind > 3 || l->headers.failed)
		load_die("usage: http_load [options] HOST PORT [PATH]");
	l->host = argv[optind];
	l->port = (uint16_t)load_number("PORT", argv[optind + 1], 65535);
	l->path = argc - optind == 3 ? argv[optind + 2] : "/";
	if (!l->method)
		l->method = l->body.len ? "POST" : "GET";
	if (l->connections > l->requests)
		l->connections = (unsigned)l->requests;
}

int main(int argc, char **argv)
{
	struct load l = { .connections = 1, .requests = 1, .seconds = 60 };

	sonde_buf_init(&l.headers, HEADERS_MAX);
	sonde_buf_init(&l.body, FILE_MAX);
	sonde_buf_init(&l.paths, FILE_MAX);
	read_options(&l, argc, argv);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.us = malloc(l.requests * sizeof(*l.us));
	if (l.epoll < 0 || !l.us)
		load_die("out of memory");
	struct connection *all = connect_all(&l);
	int64_t own = load_own_cpu_us(), server = l.pid ? load_cpu_us(l.pid) : 0;
	int64_t start = load_now_ns();
	run(&l, all);
	double seconds = (double)(load_now_ns() - start) / 1e9;
	server = l.pid ? load_cpu_us(l.pid) - server : 0;
	report(&l, seconds, load_own_cpu_us() - own, server);
	return 0;
}
