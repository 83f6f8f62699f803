/* SPDX-License-Identifier: Apache-2.0 */
/* The two sides of t/bench/flood, each for a bounded time. Prints one JSON object.
 *
 *   flood HOST PORT         10,000 pings a second at /v1/live and 100,000 frames of one byte, of
 *                           messages that never end, at /v1/nodes/connect; a connection that is
 *                           closed is opened again at once
 *   probe HOST PORT TOKEN   a GET of /v1/probes 500 times a second, and a question on a /v1/live
 *                           connection with this token 50 times; how long the answers take */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/load.h"
#include "bench/ws.h"

enum { PERIOD_US = 2000, ASK_EACH = 10, TICK_MS = 1, PINGS_S = 10000, FRAMES_S = 100000, FRAME = 7, BLOCK = 512,
       ANSWER_MS = 10000, SAMPLES_MAX = 1 << 20, TEXT_MAX = 1 << 20 };

struct hose {
	const char *path, *subprotocol;
	unsigned char first, next; /* opcodes: of a connection's first frame, of all others */
	unsigned per_s;
	struct ws ws;
	uint64_t owed, frames, connections;
	bool open;
};

struct bench {
	const char *host;
	uint16_t port;
	unsigned seconds;
};

static void sleep_us(int64_t us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	if (us > 0)
		nanosleep(&t, NULL);
}

/* -------- flood -------- */

static void put_frame(unsigned char *to, unsigned char first)
{
	memcpy(to, (unsigned char[]){ first, 0x81, 0, 0, 0, 0, 'x' }, FRAME);
}

static void open_hose(const struct bench *b, struct hose *h)
{
	unsigned char frame[FRAME];

	ws_open(&h->ws, b->host, b->port, h->path, h->subprotocol);
	h->connections++;
	h->open = true;
	put_frame(frame, h->first);
	if (send(h->ws.fd, frame, FRAME, MSG_NOSIGNAL) == FRAME)
		h->frames++;
}

/* False when the peer has closed. */
static bool drain(struct hose *h)
{
	char bin[65536];
	ssize_t n;

	while ((n = recv(h->ws.fd, bin, sizeof(bin), MSG_DONTWAIT)) > 0)
		;
	return n < 0 && errno == EAGAIN;
}

static void spout(const struct bench *b, struct hose *h, int64_t elapsed_ns)
{
	unsigned char block[BLOCK * FRAME];
	uint64_t due = (uint64_t)(elapsed_ns / 1000) * h->per_s / 1000000;
	size_t n;

	for (size_t i = 0; i < BLOCK; i++)
		put_frame(block + i * FRAME, h->next);
	while (h->owed < due) {
		if (!h->open)
			open_hose(b, h);
		n = due - h->owed < BLOCK ? (size_t)(due - h->owed) : BLOCK;
		ssize_t sent = send(h->ws.fd, block, n * FRAME, MSG_NOSIGNAL);
		if ((sent < 0 && errno != EAGAIN) || !drain(h)) {
			ws_close(&h->ws);
			h->open = false;
		}
		/* A frame that was cut is the peer's to wait for, which closes nothing. */
		h->frames += sent > 0 ? (uint64_t)sent / FRAME : 0;
		h->owed += n;
	}
}

static void flood(const struct bench *b)
{
	struct hose hoses[] = {
		{ .path = "/v1/live", .subprotocol = "sonde.live.v1", .first = 0x89, .next = 0x89,
		  .per_s = PINGS_S },
		{ .path = "/v1/nodes/connect", .subprotocol = "sonde.node.v1", .first = 0x01,
		  .next = 0x00, .per_s = FRAMES_S },
	};
	int64_t start = load_now_ns(), end = start + b->seconds * SONDE_NS_PER_S, now;

	while ((now = load_now_ns()) < end) {
		for (unsigned i = 0; i < 2; i++)
			spout(b, &hoses[i], now - start);
		sleep_us(TICK_MS * 1000);
	}
	printf("{\"pings\":%" PRIu64 ",\"frames\":%" PRIu64 ",\"connections\":%" PRIu64 "}\n",
	       hoses[0].frames, hoses[1].frames, hoses[0].connections + hoses[1].connections);
}

/* -------- probe -------- */

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, ANSWER_MS) != 1)
		load_die("no answer in %d ms", ANSWER_MS);
}

static void get(int fd, const char *request, struct sonde_buf *in)
{
	size_t len = strlen(request), want = 0;

	if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		load_die("send: %s", strerror(errno));
	sonde_buf_reset(in);
	while (!want || in->len < want) {
		char *room = sonde_buf_reserve(in, 65536);
		wait_for(fd);
		ssize_t n = room ? recv(fd, room, 65536, 0) : -1;
		if (n <= 0)
			load_die("the server closed a connection");
		in->len += (size_t)n;
		const char *text = sonde_buf_cstr(in), *body = strstr(text, "\r\n\r\n");
		const char *length = strcasestr(text, "\r\ncontent-length: ");
		if (body && !length)
			load_die("an answer without a length");
		if (body)
			want = (size_t)(body + 4 - text) + strtoul(length + 18, NULL, 10);
	}
	if (strncmp(in->data, "HTTP/1.1 200 ", 13) != 0)
		load_die("%.40s", in->data);
}

static void on_message(void *arg, char *text, size_t len)
{
	*(bool *)arg = memmem(text, len, "\"ok\"", 4) != NULL;
}

static void ask(struct ws *ws, const char *text)
{
	bool answered = false;

	ws_put(ws, text, strlen(text));
	ws_flush(ws);
	while (!answered) {
		wait_for(ws->fd);
		ws_read(ws, on_message, &answered);
	}
}

static uint32_t us_since(int64_t start)
{
	return (uint32_t)((load_now_ns() - start) / 1000);
}

static void probe(const struct bench *b, const char *token)
{
	uint32_t *gets = malloc(SAMPLES_MAX * sizeof(*gets)), *asks = malloc(SAMPLES_MAX * sizeof(*asks));
	char request[512], hello[256];
	struct sonde_buf in;
	struct ws ws = { 0 };
	size_t n = 0;

	snprintf(request, sizeof(request), "GET /v1/probes HTTP/1.1\r\nHost: x\r\n\r\n");
	snprintf(hello, sizeof(hello), "{\"op\":\"auth\",\"token\":\"%s\"}", token);
	sonde_buf_init(&in, TEXT_MAX);
	int fd = load_connect(b->host, b->port);
	ws_open(&ws, b->host, b->port, "/v1/live", "sonde.live.v1");
	ask(&ws, hello);
	int64_t next = load_now_ns(), end = next + b->seconds * SONDE_NS_PER_S;
	while (gets && asks && next < end && n < SAMPLES_MAX) {
		int64_t start = load_now_ns();
		get(fd, request, &in);
		gets[n] = us_since(start);
		if (n % ASK_EACH == 0) {
			start = load_now_ns();
			ask(&ws, "{\"op\":\"unsubscribe\",\"id\":\"a\"}");
			asks[n / ASK_EACH] = us_since(start);
		}
		n++;
		next += PERIOD_US * 1000;
		sleep_us((next - load_now_ns()) / 1000);
	}
	size_t asked = (n + ASK_EACH - 1) / ASK_EACH;
	printf("{\"samples\":%zu,\"get_p50_us\":%u,\"get_p99_us\":%u,\"live_p50_us\":%u,"
	       "\"live_p99_us\":%u}\n", n, load_percentile(gets, n, 0.5), load_percentile(gets, n, 0.99),
	       load_percentile(asks, asked, 0.5), load_percentile(asks, asked, 0.99));
}

int main(int argc, char **argv)
{
	struct bench b = { .seconds = 5 };
	int opt;

	while ((opt = getopt(argc, argv, "s:")) != -1) {
		if (opt != 's')
			exit(2);
		b.seconds = (unsigned)load_number("-s", optarg, 60);
	}
	argv += optind;
	argc -= optind;
	bool floods = argc == 3 && !strcmp(argv[0], "flood");
	if (!floods && !(argc == 4 && !strcmp(argv[0], "probe")))
		load_die("usage: flood_bench [-s SECONDS] flood HOST PORT | probe HOST PORT TOKEN");
	b.host = argv[1];
	b.port = (uint16_t)load_number("PORT", argv[2], 65535);
	if (floods)
		flood(&b);
	else
		probe(&b, argv[3]);
	return 0;
}
