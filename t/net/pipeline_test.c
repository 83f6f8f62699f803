/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come together, in parts or malformed, also those of several connections in one turn of
 * the loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/http_server.h"
#include "net/malformed.h"
#include "tap.h"

static void pipeline(struct world *w, const char *format, const char *want)
{
	char *all = calloc(200, 128), expected[128];
	size_t len = 0;
	int fd = raw_dial(w);

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(all + len, 128, format, i);
	raw_say(fd, all, len);
	for (int i = 0; i < 100; i++) {
		snprintf(expected, sizeof(expected), want, i);
		expect_body(fd, 200, expected);
	}
	close(fd);
	free(all);
}

static void pipelining_client(struct world *w)
{
	pipeline(w, "GET /%d HTTP/1.1\r\n" HOST "\r\n", "1 /%d ?  | 127.0.0.1 | - | - | 0:");
	pipeline(w, "POST /later%d HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
		 "2 /later%d ?  | 127.0.0.1 | - | - | 0:");
	pipeline(w, "GET /later%d HTTP/1.1\r\n" HOST "\r\n",
		 "1 /later%d ?  | 127.0.0.1 | - | - | 0:");
}

/* A body that was received together with the request before it is refused, not misread, and only
 * there: the other connection posts meanwhile. */
static void pipelined_body_client(struct world *w)
{
	static const char two[] = "POST /%s HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"
				  "POST /b HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\ncd"
				  "POST /c HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nef";
	char text[512];
	int good = raw_dial(w);

	for (int i = 0; i < 10; i++) {
		int bad = raw_dial(w);
		snprintf(text, sizeof(text), two, i % 2 ? "later" : "now");
		raw_text(bad, text);
		raw_text(good, "POST /later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxy");
		expect_body(good, 200, "2 /later ?  | 127.0.0.1 | - | - | 2:xy");
		EXPECT_INT(raw_answer(bad, text, sizeof(text)), 200);
		EXPECT(strstr(text, "2:ab"));
		EXPECT_INT(raw_answer(bad, text, sizeof(text)), 400);
		EXPECT(raw_closed(bad));
		close(bad);
	}
	close(good);
}

static void pipelined_body_is_refused(void)
{
	serve(pipelined_body_client);
}

static void pipelining_of_100(void)
{
	serve(pipelining_client);
}

static void get_one(int fd, int number)
{
	char text[64], want[64];

	snprintf(text, sizeof(text), "GET /%d HTTP/1.1\r\n" HOST "\r\n", number);
	snprintf(want, sizeof(want), "1 /%d ?  | 127.0.0.1 | - | - | 0:", number);
	raw_text(fd, text);
	expect_body(fd, 200, want);
}

/* What one client has sent ahead lies where another one's request is read to in the same turn. */
static void one_turn_client(struct world *w)
{
	int napping = raw_dial(w), ahead = raw_dial(w), plain = raw_dial(w);

	get_one(ahead, 1);
	get_one(plain, 1);
	raw_text(napping, "GET /nap HTTP/1.1\r\n" HOST "\r\n");
	usleep(30000);
	raw_text(ahead, "GET /2 HTTP/1.1\r\n" HOST "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n"
			"GET /4 HTTP/1.1\r\n" HOST "\r\n");
	raw_text(plain, "GET /5 HTTP/1.1\r\n" HOST "\r\n");
	expect_body(napping, 200, "1 /nap ?  | 127.0.0.1 | - | - | 0:");
	expect_body(plain, 200, "1 /5 ?  | 127.0.0.1 | - | - | 0:");
	for (int i = 6; i < 9; i++)
		get_one(plain, i);
	for (int i = 2; i < 5; i++) {
		char want[64];
		snprintf(want, sizeof(want), "1 /%d ?  | 127.0.0.1 | - | - | 0:", i);
		expect_body(ahead, 200, want);
	}
	close(napping);
	close(ahead);
	close(plain);
}

static void one_turn(void)
{
	serve(one_turn_client);
}

/* What another connection left looks like a request that came ahead; then a head comes in two parts. */
static void two_parts_client(struct world *w)
{
	int napping = raw_dial(w), ahead = raw_dial(w), plain = raw_dial(w);
	char out[4096];

	get_one(ahead, 1);
	get_one(plain, 1);
	raw_text(napping, "GET /nap HTTP/1.1\r\n" HOST "\r\n");
	usleep(30000);
	raw_text(ahead, "GET /2 HTTP/1.1\r\n" HOST "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n");
	raw_text(plain, "GET /5 HTTP/1.1\r\n" HOST "\r\n");
	expect_body(napping, 200, "1 /nap ?  | 127.0.0.1 | - | - | 0:");
	expect_body(plain, 200, "1 /5 ?  | 127.0.0.1 | - | - | 0:");
	raw_text(plain, "GET /6 HTTP/1.1\r\n" HOST "X A: b");
	usleep(30000);
	raw_text(plain, "\r\n\r\n");
	raw_answer(plain, out, sizeof(out));
	EXPECT(strcasestr(out, "\r\nConnection: close\r\n"));
	EXPECT(raw_closed(plain));
	close(napping);
	close(ahead);
	close(plain);
}

static void head_in_two_parts(void)
{
	serve(two_parts_client);
}

static void malformed_client(struct world *w)
{
	char out[4096];

	for (size_t i = 0; i < malformed_count; i++) {
		const struct malformed *m = &malformed[i];
		size_t len;
		char *text = malformed_text(m, "GET /behind HTTP/1.1\r\n" HOST "\r\n", &len);
		int fd = raw_dial(w);
		raw_say(fd, text, len);
		int status = raw_answer(fd, out, sizeof(out));
		if (status < 0 || (m->status == 0 && status == 403))
			status = 0;
		if (status != m->status)
			tap_fail(__FILE__, __LINE__, "%s: got %d, expected %d", m->what, status, m->status);
		EXPECT(raw_closed(fd));
		close(fd);
		free(text);
	}
}

static void malformed_is_refused(void)
{
	static struct server s;

	server_open(&s, NULL, NULL);
	world_with(&s.w, malformed_client);
	EXPECT_INT(s.calls, 0);
	server_close(&s);
}

TAP_MAIN(CASE(pipelining_of_100), CASE(pipelined_body_is_refused), CASE(one_turn), CASE(head_in_two_parts),
	 CASE(malformed_is_refused))
