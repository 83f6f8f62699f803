/* SPDX-License-Identifier: Apache-2.0 */
/* How a server of this room takes frames: the table of frames_cases.c against an echo server, each
 * case on a connection of its own; limits on frames; compression, which is never accepted. */
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/frames_cases.h"
#include "net/world.h"
#include "tap.h"

enum { MESSAGE_MAX = 4 << 20, QUEUE_MAX = 16 << 20, PAYLOAD_MAX = 16 << 20, HEAD_MAX = 14,
       FRAMES_S = 1000, WAIT_S = 60 };

#define OFFER "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sonde.echo.v1\r\n"

static struct world w;

/* -------- the server -------- */

static struct {
	unsigned opened, closed, messages, code;
	char reason[128];
} seen;

static void on_open(struct sonde_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	seen.opened++;
}

static void on_echo(struct sonde_conn *c, void *arg, char *text, size_t len)
{
	struct sonde_buf b;

	(void)arg;
	seen.messages++;
	sonde_buf_init_head(&b, QUEUE_MAX, SONDE_NET_HEAD);
	sonde_buf_add(&b, text, len);
	if (!len)
		sonde_buf_reserve(&b, 1);
	EXPECT_INT(sonde_conn_send(c, &b), SONDE_OK);
	sonde_buf_deinit(&b);
}

static void on_close(struct sonde_conn *c, void *arg, unsigned code, const char *reason)
{
	(void)c;
	(void)arg;
	seen.closed++;
	seen.code = code;
	snprintf(seen.reason, sizeof(seen.reason), "%s", reason);
}

static const struct sonde_conn_events echo_events = { on_open, on_echo, NULL, on_close };

static void open_server(void)
{
	const struct sonde_ws_route routes[] = {
		{ "/v1/echo", "sonde.echo.v1", &echo_events, NULL },
		{ "/v1/short", "sonde.echo.v1", &echo_events, NULL, .max_message = 1000 },
		{ "/v1/rate", "sonde.echo.v1", &echo_events, NULL, .max_frames_s = FRAMES_S },
		{ NULL },
	};
	struct sonde_net_options o = world_options();
	struct sonde_listen l = { .host = "127.0.0.1", .routes = routes };

	o.max_message = MESSAGE_MAX;
	o.max_send_queue = QUEUE_MAX;
	world_open(&w, &o, &l);
}

/* -------- the client -------- */

struct talk {
	const char *name; /* of the case */
	int fd;
	size_t chop;
	unsigned char *payload; /* what a word means, PAYLOAD_MAX */
	unsigned char *frame;   /* PAYLOAD_MAX and a header */
};

static int upgraded(struct world *world, const char *path)
{
	struct timeval limit = { .tv_sec = WAIT_S };
	char out[2048];
	int fd = raw_dial(world), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	EXPECT_INT(raw_upgrade(fd, path, OFFER, out, sizeof(out)), 101);
	return fd;
}

static void send_bytes(struct talk *t, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		size_t n = t->chop && t->chop < len ? t->chop : len;
		raw_say(t->fd, at, n);
		at += n;
		len -= n;
	}
}

static void send_frame(struct talk *t, unsigned first, const unsigned char *bytes, size_t len)
{
	static const unsigned char mask[4] = { 0x12, 0x9a, 0x5f, 0x81 };
	unsigned char *f = t->frame;
	size_t n = len < 126 ? 2 : len < 65536 ? 4 : 10;

	f[0] = (unsigned char)first;
	f[1] = (unsigned char)(0x80 | (n == 2 ? len : n == 4 ? 126 : 127));
	for (size_t i = 2; i < n; i++)
		f[i] = (unsigned char)((uint64_t)len >> (8 * (n - 1 - i)));
	memcpy(f + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < len; i++)
		f[n + i] = bytes[i] ^ mask[i & 3];
	send_bytes(t, f, n + len);
}

static void send_pieces(struct talk *t, unsigned first, size_t piece, size_t len)
{
	for (size_t at = 0; at < len; at += piece) {
		bool last = len - at <= piece;
		send_frame(t, (at ? 0 : first & 0x7f) | (last ? 0x80 : 0), t->payload + at,
			   last ? len - at : piece);
	}
}

/* -------- words -------- */

/* The next word, NUL-terminated in a memory of its own; NULL at the end. */
static char *next_word(const char **at)
{
	*at += strspn(*at, " ");
	size_t n = strcspn(*at, " ");
	char *word = n ? strndup(*at, n) : NULL;

	*at += n;
	return word;
}

static size_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	EXPECT(*text && !*end && n <= PAYLOAD_MAX);
	return n;
}

static size_t from_hex(unsigned char *to, const char *hex)
{
	char pair[3] = "";
	size_t n = 0;

	for (; *hex; hex += 2) {
		memcpy(pair, hex, 2);
		EXPECT(isxdigit((unsigned char)pair[0]) && isxdigit((unsigned char)pair[1]));
		to[n++] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return n;
}

/* Its meaning in t->payload; its length. */
static size_t read_payload(struct talk *t, const char *word)
{
	EXPECT(word);
	size_t len = *word == '@' ? number(word + 1) : strlen(word + 1);

	if (*word == '#')
		return from_hex(t->payload, word + 1);
	if (*word == '@')
		memset(t->payload, '*', len);
	else
		memcpy(t->payload, word + 1, len);
	return len;
}

static unsigned read_first(const char *word)
{
	unsigned char byte = 0;

	EXPECT(word && strlen(word) == 2 && from_hex(&byte, word) == 1);
	return byte;
}

static void say_frame(struct talk *t, const char *word, const char **at, size_t times)
{
	unsigned first = read_first(word);
	char *next = next_word(at);
	size_t piece = next && *next == '/' ? number(next + 1) : 0;

	if (piece) {
		free(next);
		next = next_word(at);
	}
	size_t len = read_payload(t, next);
	free(next);
	for (size_t i = 0; i < times; i++) {
		if (piece)
			send_pieces(t, first, piece, len);
		else
			send_frame(t, first, t->payload, len);
	}
}

static void say(struct talk *t, const char *script)
{
	size_t times = 1;
	char *word;

	for (; (word = next_word(&script)); free(word)) {
		if (*word == '%') {
			t->chop = number(word + 1);
		} else if (*word == '*') {
			times = number(word + 1);
		} else if (*word == '~') {
			send_bytes(t, t->payload, from_hex(t->payload, word + 1));
		} else {
			say_frame(t, word, &script, times);
			times = 1;
		}
	}
}

/* -------- answers -------- */

static void fail(const struct talk *t, const char *what, unsigned long got, unsigned long want)
{
	tap_fail(__FILE__, __LINE__, "%s: %s: %lu, expected %lu", t->name, what, got, want);
}

/* A frame of the server; its first byte, and the payload in t->frame. */
static unsigned hear_frame(struct talk *t, size_t *len)
{
	unsigned char head[10] = { 0 };

	if (!raw_read(t->fd, head, 2))
		tap_fail(__FILE__, __LINE__, "%s: no answer", t->name);
	size_t extra = head[1] < 126 ? 0 : head[1] == 126 ? 2 : 8;
	if (head[1] > 127)
		fail(t, "a mask from a server", head[1], 0);
	EXPECT(raw_read(t->fd, head + 2, extra));
	*len = extra ? 0 : head[1];
	for (size_t i = 0; i < extra; i++)
		*len = *len << 8 | head[2 + i];
	EXPECT(*len <= PAYLOAD_MAX && raw_read(t->fd, t->frame, *len));
	return head[0];
}

static void expect_frame(struct talk *t, unsigned first, size_t len)
{
	size_t got_len;
	unsigned got = hear_frame(t, &got_len);

	if (got == 0x88 && first != 0x88)
		fail(t, "closed", (unsigned)t->frame[0] << 8 | t->frame[1], 0);
	if (got != first)
		fail(t, "first byte", got, first);
	if (got_len != len)
		fail(t, "length", got_len, len);
	if (memcmp(t->frame, t->payload, len) != 0)
		tap_fail(__FILE__, __LINE__, "%s: other bytes than were said", t->name);
}

static void expect_close(struct talk *t, unsigned code)
{
	size_t len;
	unsigned first = hear_frame(t, &len);

	if (first != 0x88)
		fail(t, "no close frame", first, 0x88);
	if (len < 2 || len > 125 || ((unsigned)t->frame[0] << 8 | t->frame[1]) != code)
		fail(t, "close code", len < 2 ? 0 : (unsigned)t->frame[0] << 8 | t->frame[1], code);
	if (!raw_closed(t->fd))
		tap_fail(__FILE__, __LINE__, "%s: the connection stays open", t->name);
}

/* Whether a close was among it. */
static bool hear(struct talk *t, const char *script)
{
	size_t times = 1;
	bool closed = false;
	char *word;

	for (; (word = next_word(&script)); free(word)) {
		if (*word == '*') {
			times = number(word + 1);
			continue;
		}
		if (*word == '!') {
			expect_close(t, (unsigned)number(word + 1));
			closed = true;
			continue;
		}
		unsigned first = read_first(word);
		char *next = next_word(&script);
		size_t len = read_payload(t, next);
		free(next);
		for (; times > 0; times--)
			expect_frame(t, first, len);
		times = 1;
	}
	return closed;
}

static void run_case(struct world *world, struct talk *t, const struct frames_case *c)
{
	t->name = c->name;
	t->chop = 0;
	t->fd = upgraded(world, "/v1/echo");
	say(t, c->say);
	if (!hear(t, c->hear)) {
		t->chop = 0;
		say(t, "88 #03e8");
		expect_close(t, 1000);
	}
	close(t->fd);
}

static bool wanted(const char *name, const char *section)
{
	return *section ? !strncmp(name, section, strlen(section)) :
			  !isdigit((unsigned char)*name);
}

static void section_client(struct world *world)
{
	struct talk t = { .payload = malloc(PAYLOAD_MAX + 1), .frame = malloc(PAYLOAD_MAX + HEAD_MAX) };
	unsigned n = 0;

	for (const struct frames_case *c = frames_cases; c->name; c++) {
		if (wanted(c->name, world->arg)) {
			run_case(world, &t, c);
			n++;
		}
	}
	EXPECT(n > 0);
	free(t.payload);
	free(t.frame);
}

/* "" is what has no number. */
static void run_section(const char *section)
{
	open_server();
	w.arg = (void *)(uintptr_t)section;
	world_with(&w, section_client);
	world_close(&w);
	EXPECT(seen.opened > 0);
	EXPECT_INT(seen.opened, seen.closed);
}

#define SECTION(name, prefix) \
	static void name(void) \
	{ \
		run_section(prefix); \
	}

SECTION(framing, "1.")
SECTION(pings_and_pongs, "2.")
SECTION(reserved_bits, "3.")
SECTION(reserved_opcodes, "4.")
SECTION(messages_in_pieces, "5.")
SECTION(utf8_text, "6.")
SECTION(closing, "7.")
SECTION(limits, "9.")
SECTION(long_message_in_pieces, "10.")
SECTION(what_the_suite_does_not_ask, "")

/* -------- limits of a route -------- */

static void short_client(struct world *world)
{
	struct talk t = { .payload = malloc(PAYLOAD_MAX), .frame = malloc(PAYLOAD_MAX + HEAD_MAX) };

	t.name = "max_message of a route";
	t.fd = upgraded(world, "/v1/short");
	say(&t, "81 @1000 01 @600 ~80fe019100000000");
	hear(&t, "81 @1000 !1009");
	close(t.fd);
	free(t.payload);
	free(t.frame);
}

static void a_route_with_short_messages(void)
{
	open_server();
	world_with(&w, short_client);
	world_close(&w);
	EXPECT_INT(seen.code, 1009);
	EXPECT_STR(seen.reason, "the message is too long");
}

/* What comes too fast is refused; the rest waits in the kernel, so the count of echoes is a bound
 * and no figure. */
static void flood(struct world *world, const char *path, const char *script, const char *text)
{
	struct talk t = { .payload = malloc(PAYLOAD_MAX), .frame = malloc(PAYLOAD_MAX + HEAD_MAX) };
	unsigned first;
	size_t len;

	t.name = script;
	t.fd = upgraded(world, path);
	for (int i = 0; i < 20; i++)
		say(&t, script);
	do
		first = hear_frame(&t, &len);
	while (first == 0x81 || first == 0x8a);
	EXPECT_INT(first, 0x88);
	EXPECT_INT((unsigned)t.frame[0] << 8 | t.frame[1], 1008);
	t.frame[len] = '\0';
	EXPECT_STR((char *)t.frame + 2, text);
	EXPECT(raw_closed(t.fd));
	close(t.fd);
	free(t.payload);
	free(t.frame);
}

static void flood_client(struct world *world)
{
	flood(world, "/v1/echo", "*1000 89 -", "too many pings, pongs or closes");
	flood(world, "/v1/echo", "*1000 8a -", "too many pings, pongs or closes");
	flood(world, "/v1/rate", "*1000 81 @1", "too many frames");
	flood(world, "/v1/rate", "01 - *1000 00 - 80 -", "too many frames");
}

static void floods(void)
{
	open_server();
	world_with(&w, flood_client);
	world_close(&w);
	EXPECT_INT(seen.closed, 4);
}

/* Twice a second's frames at once are in order. */
static void burst_client(struct world *world)
{
	struct talk t = { .payload = malloc(PAYLOAD_MAX), .frame = malloc(PAYLOAD_MAX + HEAD_MAX) };

	t.name = "a burst";
	t.fd = upgraded(world, "/v1/rate");
	say(&t, "*1990 81 @1 *190 89 - 88 #03e8");
	hear(&t, "*1990 81 @1 *190 8a - !1000");
	close(t.fd);
	free(t.payload);
	free(t.frame);
}

static void a_burst_is_in_order(void)
{
	open_server();
	world_with(&w, burst_client);
	world_close(&w);
	EXPECT_INT(seen.code, 1000);
}

/* -------- compression -------- */

static void compression_client(struct world *world)
{
	/* Sections 12 and 13 ask for these, and 13.7 for all of them. */
	static const char *const offers[] = {
		"permessage-deflate", "permessage-deflate; client_no_context_takeover",
		"permessage-deflate; client_max_window_bits",
		"permessage-deflate; server_no_context_takeover",
		"permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=15",
		"permessage-deflate; server_no_context_takeover; server_max_window_bits=8; "
		"client_max_window_bits, permessage-deflate; server_no_context_takeover, "
		"permessage-deflate",
		"x-webkit-deflate-frame", "permessage-bzip2", "bbf-usp-protocol, permessage-deflate",
	};
	struct talk t = { .payload = malloc(PAYLOAD_MAX), .frame = malloc(PAYLOAD_MAX + HEAD_MAX) };
	char headers[1024], out[2048];

	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		t.name = offers[i];
		t.fd = raw_dial(world);
		snprintf(headers, sizeof(headers), OFFER "Sec-WebSocket-Extensions: %s\r\n", offers[i]);
		EXPECT_INT(raw_upgrade(t.fd, "/v1/echo", headers, out, sizeof(out)), 101);
		EXPECT(!strcasestr(out, "Sec-WebSocket-Extensions"));
		say(&t, "81 'plain c1 #f248cdc9c90700");
		hear(&t, "81 'plain !1002");
		close(t.fd);
	}
	free(t.payload);
	free(t.frame);
}

static void compression_is_never_accepted(void)
{
	open_server();
	world_with(&w, compression_client);
	world_close(&w);
}

/* -------- who waits for no answer -------- */

static void early_client(struct world *world)
{
	static const char request[] =
		"GET /v1/echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" OFFER "\r\n"
		"\x81\x82\0\0\0\0hi";
	char out[2048];
	int fd = raw_dial(world);

	raw_say(fd, request, sizeof(request) - 1);
	EXPECT_INT(raw_answer(fd, out, sizeof(out)), 101);
	raw_frame(fd, 0x88, "\x03\xe8", 2);
	EXPECT(raw_closed(fd));
	close(fd);
}

static void bytes_before_the_answer(void)
{
	open_server();
	world_with(&w, early_client);
	world_close(&w);
	EXPECT_INT(seen.messages, 0);
	EXPECT_INT(seen.closed, 1);
}

TAP_MAIN(CASE(framing), CASE(pings_and_pongs), CASE(reserved_bits), CASE(reserved_opcodes),
	 CASE(messages_in_pieces), CASE(utf8_text), CASE(closing), CASE(limits),
	 CASE(long_message_in_pieces), CASE(what_the_suite_does_not_ask),
	 CASE(a_route_with_short_messages), CASE(floods), CASE(a_burst_is_in_order),
	 CASE(compression_is_never_accepted), CASE(bytes_before_the_answer))
