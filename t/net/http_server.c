/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

void reply_text(struct sonde_req *req, unsigned status, const char *text)
{
	sonde_req_reply(req, &(struct sonde_reply){ .status = status, .type = "text/plain",
						    .body = text, .len = strlen(text) });
}

/* Echoes what the handler was given. */
static void echo(struct sonde_req *req)
{
	const struct sonde_req_view *v = sonde_req_view(req);
	char text[4096], auth[64], odd[64];

	if (sonde_req_header(req, "authorization", auth, sizeof(auth)) < 0)
		strcpy(auth, "-");
	if (sonde_req_header(req, "x-request-id", odd, sizeof(odd)) < 0)
		strcpy(odd, "-");
	snprintf(text, sizeof(text), "%d %s ? %s | %s | %s | %s | %zu:%.*s", v->method, v->path,
		 v->query, v->peer, auth, odd, v->body_len, (int)v->body_len, v->body);
	reply_text(req, 200, text);
}

/* Pieces of 8,000 bytes; the path says how many, and ends with "cut" where the last one fails. */
struct pieces {
	struct server *s;
	int left;
	bool cut;
};

static int more(void *arg, struct sonde_buf *out)
{
	struct pieces *p = arg;

	sonde_buf_add(out, p->s->big, 8000);
	return --p->left ? 1 : p->cut ? -1 : 0;
}

static void streamed(void *arg)
{
	struct pieces *p = arg;

	p->s->streams--;
	free(p);
}

static void stream(struct server *s, struct sonde_req *req, const char *what)
{
	struct pieces *p = malloc(sizeof(*p));

	*p = (struct pieces){ s, atoi(what), strstr(what, "cut") != NULL };
	s->streams++;
	sonde_req_stream(req, &(struct sonde_reply){ .status = 200, .type = "text/plain" },
			 &(struct sonde_stream){ .more = more, .close = streamed, .arg = p });
}

static void on_http(struct sonde_req *req, void *arg)
{
	struct server *s = arg;
	const char *path = sonde_req_view(req)->path;

	s->calls++;
	if (!strncmp(path, "/later", 6) && s->waiting_count < WAITING_MAX) {
		s->waiting[s->waiting_count++] = req;
		uv_async_send(&s->answer);
	} else if (!strcmp(path, "/keep")) {
		s->waiting[s->waiting_count++] = req;
	} else if (!strcmp(path, "/big")) {
		sonde_req_reply(req, &(struct sonde_reply){ .status = 200, .type = "text/plain",
							    .body = s->big, .len = BIG });
	} else if (!strcmp(path, "/nap")) {
		usleep(100000);
		echo(req);
	} else if (!strncmp(path, "/stream/", 8)) {
		stream(s, req, path + 8);
	} else if (!strcmp(path, "/split")) {
		const struct sonde_header h[] = { { "X-Good", "yes" },
						  { "X-Evil", "a\r\nSet-Cookie: b" },
						  { NULL, NULL } };
		sonde_req_reply(req, &(struct sonde_reply){ .status = 204, .headers = h });
	} else {
		echo(req);
	}
}

static void answer_all(struct server *s)
{
	while (s->waiting_count > 0) {
		struct sonde_req *req = s->waiting[0];
		memmove(s->waiting, s->waiting + 1, --s->waiting_count * sizeof(s->waiting[0]));
		echo(req);
	}
}

static void on_delay(uv_timer_t *delay)
{
	answer_all(delay->data);
}

static void on_answer(uv_async_t *async)
{
	struct server *s = async->data;

	uv_timer_start(&s->delay, on_delay, 2, 0);
}

void server_open(struct server *s, const char *dir, const char *url)
{
	struct sonde_net_options o = world_options();
	struct sonde_listen l = { .host = "127.0.0.1", .http = on_http, .http_arg = s,
				  .static_dir = dir, .static_url = url };

	memset(s, 0, sizeof(*s));
	world_open(&s->w, &o, &l);
	s->w.arg = s;
	uv_async_init(&s->w.loop, &s->answer, on_answer);
	uv_timer_init(&s->w.loop, &s->delay);
	s->answer.data = s->delay.data = s;
	s->big = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		s->big[i] = (char)('a' + i % 23);
}

void server_close(struct server *s)
{
	uv_close((uv_handle_t *)&s->answer, NULL);
	uv_close((uv_handle_t *)&s->delay, NULL);
	world_close(&s->w);
	free(s->big);
}

void serve(void (*client)(struct world *))
{
	static struct server s;

	server_open(&s, NULL, NULL);
	world_with(&s.w, client);
	server_close(&s);
}

void expect_body(int fd, int status, const char *body)
{
	char out[8192];
	int got = raw_answer(fd, out, sizeof(out));
	const char *at = strstr(out, "\r\n\r\n");

	if (got != status || (body && (!at || strcmp(at + 4, body))))
		tap_fail(__FILE__, __LINE__, "got %d %s, expected %d %s", got, out, status, body);
}
