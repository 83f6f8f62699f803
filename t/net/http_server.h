/* SPDX-License-Identifier: Apache-2.0 */
/* A server for the tests of HTTP. It answers what it was asked: "METHOD PATH ? QUERY | peer |
 * authorization | x-request-id | length:body". */
#pragma once
#include "net/world.h"

enum { BIG = 4 << 20, WAITING_MAX = 128 };

struct server {
	struct world w;
	struct sonde_req *waiting[WAITING_MAX];
	unsigned waiting_count, calls, streams;
	uv_async_t answer;
	uv_timer_t delay;
	char *big;
};

#define HOST "Host: x\r\n"

/* dir is served at url, NULL = no files. Paths: /later... answers 2 ms later, /keep waits in
 * `waiting` for the test, /big with BIG bytes, /nap after it blocked the loop for 100 ms, /stream/N... in
 * N pieces ("cut": the last one fails), /split with a header that must not be split. */
void server_open(struct server *, const char *dir, const char *url);
void server_close(struct server *);
/* Answers a request that waited, as text/plain. */
void reply_text(struct sonde_req *, unsigned status, const char *text);
/* One server with one client; its world's arg is the server. */
void serve(void (*client)(struct world *));
/* The next answer; body NULL: any. */
void expect_body(int fd, int status, const char *body);
