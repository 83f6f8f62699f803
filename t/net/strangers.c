/* SPDX-License-Identifier: Apache-2.0 */
/* Many slow clients at once against a server, and how long it bears each: connections that say
 * nothing, headers and bodies that come a byte a second, websockets that never speak, readers that
 * do not read. Meanwhile a thread asks like an honest client. At the end one JSON object a line:
 *
 *	{"kind":"header","asked":N,"opened":N,"refused":N,"closed":N,"longest_ms":N}
 *	{"kind":"honest","asked":N,"failed":N,"p50_ms":X,"p99_ms":X,"max_ms":X}
 *
 *	strangers -p PORT [-h HOST] [-t TOKEN] [-a ADDRESSES] [-s SECONDS] [-e PATH] KIND=COUNT...
 *
 * Kinds: empty header body node live export reader. They come from 127.0.0.2 and so on, ADDRESSES of
 * them (only when the server is on 127.0.0.1). "Refused" were sent away with a 503. It ends when all
 * are closed, or after SECONDS; without a kind only the honest one asks, for SECONDS. export reads PATH; header, empty and the websockets need no token. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load.h"

enum { CLIENTS_MAX = 60000, AT_ONCE = 256, EVENTS = 512, DRIP_MS = 1000, SMALL_BUFFER = 4096,
       TEXT_MAX = 1024, HONEST_MAX = 100000, HONEST_GAP_US = 10000 };

#define HOST "Host: x\r\n"
#define UPGRADE(path, protocol) \
	"GET " path " HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Protocol: " protocol "\r\n\r\n"

enum kind { EMPTY, HEADER, BODY, NODE, LIVE, EXPORT, READER, KINDS };

static const struct {
	const char *name, *text;
	bool drips, deaf; /* a byte a second; a small buffer that is never read */
} kinds[KINDS] = {
	[EMPTY] = { "empty", "", false, false },
	[HEADER] = { "header", "GET /v1/nodes HTTP/1.1\r\n" HOST "X-Slow: ", true, false },
	[BODY] = { "body", "POST /v1/auth/login HTTP/1.1\r\n" HOST "Content-Length: 900\r\n"
		   "Content-Type: application/json\r\n\r\n{", true, false },
	[NODE] = { "node", UPGRADE("/v1/nodes/connect", "sonde.node.v1"), false, false },
	[LIVE] = { "live", UPGRADE("/v1/live", "sonde.live.v1"), false, false },
	[EXPORT] = { "export", NULL, false, true },
	[READER] = { "reader", NULL, false, true },
};

struct client {
	int fd;
	enum kind kind;
	bool said, refused, asked; /* asked: a reader sent what it wants to read */
	int64_t opened_ns, closed_ns;
};

struct run {
	struct sockaddr_in server;
	const char *token, *path;
	unsigned addresses, asked[KINDS], count, next, opening, open;
	int64_t limit_ns;
	int ep;
	char texts[KINDS][2 * TEXT_MAX];
	size_t lens[KINDS], wish_len;
	char wish[2 * TEXT_MAX]; /* the frames of a reader, after the upgrade */
	struct client *clients;
	atomic_bool over;
	atomic_uint failed;
	uint32_t took_us[HONEST_MAX];
	size_t honest;
};

/* A frame with the zero mask. */
static size_t put_frame(char *to, const char *text)
{
	size_t len = strlen(text), n = 0;

	to[n++] = (char)0x81;
	to[n++] = (char)(0x80 | (len < 126 ? len : 126));
	if (len >= 126) {
		to[n++] = (char)(len >> 8);
		to[n++] = (char)len;
	}
	memset(to + n, 0, 4);
	memcpy(to + n + 4, text, len);
	return n + 4 + len;
}

static void make_texts(struct run *r)
{
	char text[TEXT_MAX];

	for (int k = 0; k < KINDS; k++) {
		if (kinds[k].text) {
			snprintf(r->texts[k], TEXT_MAX, "%s", kinds[k].text);
			r->lens[k] = strlen(r->texts[k]);
		}
	}
	snprintf(r->texts[EXPORT], TEXT_MAX, "GET %s HTTP/1.1\r\n" HOST "Authorization: Bearer %s\r\n\r\n",
		 r->path, r->token);
	r->lens[EXPORT] = strlen(r->texts[EXPORT]);
	r->lens[READER] = (size_t)snprintf(r->texts[READER], TEXT_MAX, "%s",
					   UPGRADE("/v1/live", "sonde.live.v1"));
	snprintf(text, sizeof(text), "{\"op\":\"auth\",\"token\":\"%s\"}", r->token);
	r->wish_len = put_frame(r->wish, text);
	r->wish_len += put_frame(r->wish + r->wish_len, "{\"op\":\"subscribe\",\"id\":\"a\","
				 "\"topic\":\"results\",\"cursor\":1}");
}

static void open_one(struct run *r)
{
	struct client *c = &r->clients[r->next];
	struct sockaddr_in from = { .sin_family = AF_INET };
	int small = SMALL_BUFFER, one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		load_die("socket: %s", strerror(errno));
	if (kinds[c->kind].deaf)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (r->addresses) {
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		from.sin_addr.s_addr = htonl(0x7f000002 + r->next % r->addresses);
		if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)))
			load_die("bind: %s", strerror(errno));
	}
	c->opened_ns = load_now_ns();
	if (connect(c->fd, (struct sockaddr *)&r->server, sizeof(r->server)) && errno != EINPROGRESS)
		load_die("connect: %s", strerror(errno));
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.u32 = r->next };
	epoll_ctl(r->ep, EPOLL_CTL_ADD, c->fd, &e);
	r->next++;
	r->opening++;
	r->open++;
}

/* Only the deaf do not look at what comes. */
static bool hear(struct client *c)
{
	char in[4096];
	ssize_t n;

	while ((n = recv(c->fd, in, sizeof(in), 0)) > 0) {
		if (n > 12 && !memcmp(in, "HTTP/1.1 503", 12))
			c->refused = true;
		/* Silent as a websocket: from then on. A burst can keep it from the server for seconds. */
		if (n > 12 && !memcmp(in, "HTTP/1.1 101", 12))
			c->opened_ns = load_now_ns();
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void gone(struct run *r, struct client *c)
{
	if (!c->said)
		r->opening--;
	hear(c);
	c->closed_ns = load_now_ns();
	close(c->fd);
	c->fd = -1;
	r->open--;
}

static void listen_for(struct run *r, struct client *c, uint32_t events)
{
	struct epoll_event e = { .events = EPOLLRDHUP | events, .data.u32 = (uint32_t)(c - r->clients) };

	epoll_ctl(r->ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void on_event(struct run *r, const struct epoll_event *e)
{
	struct client *c = &r->clients[e->data.u32];
	bool deaf = kinds[c->kind].deaf && (c->kind != READER || c->asked);

	if (!c->said && (e->events & EPOLLOUT) && !(e->events & (EPOLLERR | EPOLLHUP))) {
		c->said = true;
		/* Before that the server has not seen it: the kernel tries again after 1, 3 and 7 s. */
		c->opened_ns = load_now_ns();
		r->opening--;
		listen_for(r, c, deaf ? 0 : EPOLLIN);
		if (r->lens[c->kind])
			send(c->fd, r->texts[c->kind], r->lens[c->kind], MSG_NOSIGNAL);
		return;
	}
	if (deaf && (e->events & EPOLLRDHUP))
		hear(c);
	if ((e->events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) || (!deaf && !hear(c))) {
		gone(r, c);
	} else if (c->kind == READER && !c->asked) {
		c->asked = true;
		send(c->fd, r->wish, r->wish_len, MSG_NOSIGNAL);
		listen_for(r, c, 0);
	}
}

static void drip(struct run *r)
{
	for (unsigned i = 0; i < r->next; i++) {
		struct client *c = &r->clients[i];
		if (c->fd >= 0 && c->said && kinds[c->kind].drips)
			send(c->fd, "x", 1, MSG_NOSIGNAL);
	}
}

static bool ask(const struct run *r, const char *text)
{
	struct timeval patience = { .tv_sec = 60 };
	char in[4096];
	ssize_t n;
	bool good = false;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&r->server, sizeof(r->server)) == 0 &&
	    send(fd, text, strlen(text), MSG_NOSIGNAL) > 0) {
		for (bool first = true; (n = recv(fd, in, sizeof(in), 0)) > 0; first = false)
			good = good || (first && n > 12 && !memcmp(in, "HTTP/1.1 200", 12));
		good = good && n == 0;
	}
	close(fd);
	return good;
}

static void *be_honest(void *arg)
{
	struct run *r = arg;
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "GET /v1/nodes HTTP/1.1\r\n" HOST "Authorization: Bearer %s\r\n"
		 "Connection: close\r\n\r\n", r->token);
	while (!atomic_load(&r->over) && r->honest < HONEST_MAX) {
		int64_t start = load_now_ns();
		if (!ask(r, text))
			atomic_fetch_add(&r->failed, 1);
		r->took_us[r->honest++] = (uint32_t)((load_now_ns() - start) / 1000);
		usleep(HONEST_GAP_US);
	}
	return NULL;
}

static void go(struct run *r)
{
	struct epoll_event events[EVENTS];
	int64_t start = load_now_ns(), dripped = start;

	while (load_now_ns() - start < r->limit_ns && (r->open || r->next < r->count || !r->count)) {
		while (r->next < r->count && r->opening < AT_ONCE)
			open_one(r);
		int n = epoll_wait(r->ep, events, EVENTS, 20);
		for (int i = 0; i < n; i++)
			on_event(r, &events[i]);
		if (load_now_ns() - dripped >= (int64_t)DRIP_MS * 1000000) {
			dripped = load_now_ns();
			drip(r);
		}
	}
}

static void report(struct run *r)
{
	for (int k = 0; k < KINDS; k++) {
		unsigned opened = 0, refused = 0, closed = 0;
		int64_t longest = 0;
		for (unsigned i = 0; i < r->next; i++) {
			const struct client *c = &r->clients[i];
			if ((int)c->kind != k)
				continue;
			opened += c->said;
			refused += c->refused;
			closed += c->fd < 0;
			int64_t took = (c->fd < 0 ? c->closed_ns : load_now_ns()) - c->opened_ns;
			longest = took > longest ? took : longest;
		}
		if (r->asked[k])
			printf("{\"kind\":\"%s\",\"asked\":%u,\"opened\":%u,\"refused\":%u,\"closed\":%u,"
			       "\"longest_ms\":%lld}\n", kinds[k].name, r->asked[k], opened, refused, closed,
			       (long long)(longest / 1000000));
	}
	printf("{\"kind\":\"honest\",\"asked\":%zu,\"failed\":%u,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"max_ms\":%.3f}\n", r->honest, atomic_load(&r->failed),
	       load_percentile(r->took_us, r->honest, 0.5) / 1e3,
	       load_percentile(r->took_us, r->honest, 0.99) / 1e3,
	       load_percentile(r->took_us, r->honest, 1) / 1e3);
}

static void take_kind(struct run *r, char *arg)
{
	char *count = strchr(arg, '=');

	for (int k = 0; count && k < KINDS; k++) {
		if (strlen(kinds[k].name) == (size_t)(count - arg) &&
		    !memcmp(arg, kinds[k].name, (size_t)(count - arg))) {
			r->asked[k] += (unsigned)load_number(arg, count + 1, CLIENTS_MAX);
			r->count += r->asked[k];
			return;
		}
	}
	load_die("no such kind: %s", arg);
}

/* Kinds take turns, so that none waits for another to be through. */
static void mix(struct run *r)
{
	unsigned left[KINDS];

	memcpy(left, r->asked, sizeof(left));
	r->clients = calloc(r->count + 1, sizeof(*r->clients));
	if (!r->clients)
		load_die("out of memory");
	for (unsigned i = 0; i < r->count;) {
		for (int k = 0; k < KINDS; k++) {
			if (left[k]) {
				left[k]--;
				r->clients[i++] = (struct client){ .fd = -1, .kind = (enum kind)k };
			}
		}
	}
}

int main(int argc, char **argv)
{
	static struct run r = { .server.sin_family = AF_INET, .token = "", .path = "/v1/results",
				.limit_ns = INT64_C(120) * 1000000000 };
	struct rlimit files;
	pthread_t honest;
	const char *host = "127.0.0.1";
	int c;

	while ((c = getopt(argc, argv, "p:h:t:a:s:e:")) != -1) {
		if (c == 'p')
			r.server.sin_port = htons((uint16_t)load_number("-p", optarg, 65535));
		else if (c == 'h')
			host = optarg;
		else if (c == 't')
			r.token = optarg;
		else if (c == 'a')
			r.addresses = (unsigned)load_number("-a", optarg, 65000);
		else if (c == 's')
			r.limit_ns = (int64_t)load_number("-s", optarg, 3600) * 1000000000;
		else if (c == 'e')
			r.path = optarg;
		else
			return 2;
	}
	if (!r.server.sin_port || inet_pton(AF_INET, host, &r.server.sin_addr) != 1)
		load_die("usage: strangers -p PORT [-h HOST] [-t TOKEN] [-a ADDRESSES] [-s SECONDS] [-e PATH] "
			 "KIND=COUNT...");
	for (int i = optind; i < argc; i++)
		take_kind(&r, argv[i]);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	mix(&r);
	make_texts(&r);
	r.ep = epoll_create1(EPOLL_CLOEXEC);
	if (pthread_create(&honest, NULL, be_honest, &r))
		load_die("thread: %s", strerror(errno));
	go(&r);
	atomic_store(&r.over, true);
	pthread_join(honest, NULL);
	report(&r);
	return 0;
}
