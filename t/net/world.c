/* SPDX-License-Identifier: Apache-2.0 */
/* Test bench of the net room; see world.h. Owns the loop; a test that hangs is ended by tap. */
#include "net/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

struct sonde_net_options world_options(void)
{
	return (struct sonde_net_options){ .max_body = 1000, .max_message = 1 << 20,
					   .max_send_queue = 64 << 10, .idle_timeout_s = 2 };
}

static void on_over(uv_async_t *async)
{
	uv_stop(async->loop);
}

void world_open(struct world *w, const struct sonde_net_options *o, const struct sonde_listen *l)
{
	struct sonde_error e = { 0 };

	uv_loop_init(&w->loop);
	uv_async_init(&w->loop, &w->over, on_over);
	if (sonde_net_new(&w->loop, o, &w->net, &e) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "net: %s", e.text);
	if (l && sonde_net_listen(w->net, l, &e) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "listen: %s", e.text);
	w->port = sonde_net_port(w->net);
	EXPECT(!l || w->port != 0);
}

void world_run(struct world *w)
{
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

void world_over(struct world *w)
{
	uv_async_send(&w->over);
}

static void client_main(void *arg)
{
	struct world *w = arg;

	w->client(w);
	world_over(w);
}

void world_with(struct world *w, void (*client)(struct world *))
{
	uv_thread_t thread;

	w->client = client;
	EXPECT(uv_thread_create(&thread, client_main, w) == 0);
	world_run(w);
	uv_thread_join(&thread);
}

static void on_done(void *arg)
{
	*(bool *)arg = true;
}

void world_close(struct world *w)
{
	bool done = false;

	sonde_net_close(w->net, on_done, &done);
	uv_close((uv_handle_t *)&w->over, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	EXPECT(done);
	EXPECT_INT(uv_loop_close(&w->loop), 0);
}

int raw_dial(struct world *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(w->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

void raw_say(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* the peer has refused; its answer tells */
		at += n;
		len -= (size_t)n;
	}
}

void raw_text(int fd, const char *text)
{
	raw_say(fd, text, strlen(text));
}

static int read_head(int fd, char *out, size_t room, size_t *len)
{
	*len = 0;
	while (*len + 1 < room) {
		ssize_t n = recv(fd, out + *len, 1, 0);
		if (n <= 0)
			return n == 0 ? 0 : -1;
		out[++*len] = '\0';
		if (*len >= 4 && !memcmp(out + *len - 4, "\r\n\r\n", 4))
			return 1;
	}
	return -1;
}

int raw_answer(int fd, char *out, size_t room)
{
	static const char length[] = "\r\nContent-Length: ";
	size_t len;
	int status, rc = read_head(fd, out, room, &len);

	if (rc != 1)
		return rc;
	EXPECT(sscanf(out, "HTTP/1.%*d %d", &status) == 1);
	const char *at = strstr(out, length);
	size_t body = at ? strtoul(at + strlen(length), NULL, 10) : 0;
	if (body > room - len - 1)
		tap_fail(__FILE__, __LINE__, "an answer of %zu bytes", body);
	if (!raw_read(fd, out + len, body))
		return -1;
	out[len + body] = '\0';
	return status;
}

bool raw_closed(int fd)
{
	struct timeval limit = { .tv_sec = 12 };
	char bin[4096];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	do
		n = recv(fd, bin, sizeof(bin), 0);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

bool raw_read(int fd, void *out, size_t len)
{
	char *at = out;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void raw_frame(int fd, unsigned char first, const void *bytes, size_t len)
{
	static const unsigned char mask[4] = { 0x12, 0x9a, 0x5f, 0x01 };
	unsigned char *f = malloc(len + 8);
	size_t n = 2;

	f[0] = first;
	f[1] = (unsigned char)(0x80 | (len < 126 ? len : 126));
	if (len >= 126) {
		f[n++] = (unsigned char)(len >> 8);
		f[n++] = (unsigned char)len;
	}
	memcpy(f + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < len; i++)
		f[n++] = ((const unsigned char *)bytes)[i] ^ mask[i & 3];
	raw_say(fd, f, n);
	free(f);
}

int raw_upgrade(int fd, const char *path, const char *headers, char *out, size_t room)
{
	char request[1024];

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, headers);
	raw_text(fd, request);
	return raw_answer(fd, out, room);
}
