/* SPDX-License-Identifier: Apache-2.0 */
/* Websockets: our client against our server, handshakes, a slow reader, TLS. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/world.h"
#include "tap.h"

enum { MEGA = 1 << 20 };

/* What happened on one side. */
struct side {
	struct world *w;
	struct sonde_conn *conn;
	unsigned opened, messages, drained, closed, code;
	char reason[128], *last;
	size_t last_len, bytes;
	const char *say;   /* sent when open */
	bool stop_on_message, close_on_open;
	unsigned close_code; /* sent on the first message */
	const char *close_reason;
};

static void send_text(struct sonde_conn *c, const char *text, size_t len, int want)
{
	struct sonde_buf b;

	sonde_buf_init_head(&b, 2 * MEGA, SONDE_NET_HEAD);
	sonde_buf_add(&b, text, len);
	EXPECT_INT(sonde_conn_send(c, &b), want);
	sonde_buf_deinit(&b);
}

static void on_open(struct sonde_conn *c, void *arg)
{
	struct side *s = arg;

	s->conn = c;
	s->opened++;
	EXPECT_STR(sonde_conn_peer(c), "127.0.0.1");
	if (s->say)
		send_text(c, s->say, strlen(s->say), SONDE_OK);
	if (s->close_on_open)
		sonde_conn_close(c, 4001, "not you");
}

static void keep_message(struct side *s, const char *text, size_t len)
{
	free(s->last);
	s->last = malloc(len + 1);
	memcpy(s->last, text, len);
	s->last[len] = '\0';
	s->last_len = len;
	s->bytes += len;
	s->messages++;
}

static void on_message(struct sonde_conn *c, void *arg, char *text, size_t len)
{
	struct side *s = arg;

	keep_message(s, text, len);
	if (s->close_code)
		sonde_conn_close(c, s->close_code, s->close_reason);
	if (s->stop_on_message)
		world_over(s->w);
}

static void on_echo(struct sonde_conn *c, void *arg, char *text, size_t len)
{
	keep_message(arg, text, len);
	send_text(c, text, len, SONDE_OK);
	memset(text, 'z', len); /* the bytes are ours until we return */
}

static void on_drain(struct sonde_conn *c, void *arg)
{
	struct side *s = arg;

	s->drained++;
}

static void on_close(struct sonde_conn *c, void *arg, unsigned code, const char *reason)
{
	struct side *s = arg;

	s->conn = NULL;
	s->closed++;
	s->code = code;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	if (s->w)
		world_over(s->w);
}

static const struct sonde_conn_events echo_events = { on_open, on_echo, on_drain, on_close };
static const struct sonde_conn_events plain_events = { on_open, on_message, on_drain, on_close };

static struct world w;
static struct side server, client;

static void open_server(const struct sonde_conn_events *events, struct sonde_listen *l)
{
	struct sonde_ws_route routes[] = {
		{ "/v1/echo", "sonde.echo.v1", events, &server },
		{ "/v1/other", "sonde.other.v1", events, &server },
		{ "/v1/bare", NULL, events, &server },
		{ NULL },
	};
	struct sonde_net_options o = world_options();
	struct sonde_listen plain = { .host = "127.0.0.1" };

	if (!l)
		l = &plain;
	l->routes = routes;
	world_open(&w, &o, l);
}

static int dial(const char *scheme, const char *host, const char *path, const char *ca,
                const char *subprotocol)
{
	struct sonde_error e;
	char url[160];
	struct sonde_dial d = { .url = url, .subprotocol = subprotocol, .ca_file = ca,
				.events = &plain_events, .arg = &client, .timeout_s = 10 };

	client.w = &w;
	snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, w.port, path);
	return sonde_net_dial(w.net, &d, &client.conn, &e);
}

static void dial_echo(void)
{
	EXPECT_INT(dial("ws", "127.0.0.1", "/v1/echo", NULL, "sonde.echo.v1"), SONDE_OK);
}

static void finish(void)
{
	world_close(&w);
	free(server.last);
	free(client.last);
}

/* -------- our client -------- */

static void echo_of_all_sizes(void)
{
	static const size_t sizes[] = { 1, 125, 126, 4096, 16384, 65535, 65536, MEGA };
	char *text = malloc(MEGA);

	for (size_t i = 0; i < MEGA; i++)
		text[i] = (char)('a' + i % 26);
	open_server(&echo_events, NULL);
	client.stop_on_message = true;
	client.say = "hello";
	dial_echo();
	world_run(&w);
	EXPECT_STR(client.last, "hello");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		send_text(client.conn, text, sizes[i], SONDE_OK);
		world_run(&w);
		EXPECT_INT(client.last_len, sizes[i]);
		EXPECT(!memcmp(client.last, text, sizes[i]));
	}
	EXPECT_INT(client.messages, 1 + sizeof(sizes) / sizeof(sizes[0]));
	free(text);
	finish();
	EXPECT_INT(client.closed, 1);
	EXPECT_INT(server.closed, 1);
	EXPECT_INT(server.code, 1001);
	EXPECT_STR(server.reason, "going away");
}

static void run_until_both_closed(void)
{
	while (!client.closed || !server.closed)
		world_run(&w);
}

static void server_closes_with_a_reason(void)
{
	open_server(&plain_events, NULL);
	server.w = &w;
	server.close_code = 4003;
	server.close_reason = "the node key is unknown";
	client.say = "hello";
	dial_echo();
	run_until_both_closed();
	EXPECT_INT(client.code, 4003);
	EXPECT_STR(client.reason, "the node key is unknown");
	EXPECT_INT(server.code, 4003);
	EXPECT_STR(server.reason, "the node key is unknown");
	EXPECT_INT(client.opened, 1);
	EXPECT_INT(client.closed, 1);
	finish();
}

static void client_closes_with_a_reason(void)
{
	open_server(&echo_events, NULL);
	server.w = &w;
	client.say = "hello";
	client.close_code = 1000;
	client.close_reason = "deregistered";
	dial_echo();
	run_until_both_closed();
	EXPECT_INT(server.code, 1000);
	EXPECT_STR(server.reason, "deregistered");
	EXPECT_INT(client.code, 1000);
	finish();
}

static void closing_in_the_open_callback(void)
{
	open_server(&plain_events, NULL);
	server.w = &w;
	server.close_on_open = true;
	dial_echo();
	run_until_both_closed();
	EXPECT_INT(client.code, 4001);
	EXPECT_STR(client.reason, "not you");
	finish();
}

static void too_long_from_our_client(void)
{
	char *text = malloc(MEGA + 1);

	memset(text, 'x', MEGA + 1);
	open_server(&echo_events, NULL);
	server.w = &w;
	client.say = "hello";
	client.stop_on_message = true;
	dial_echo();
	world_run(&w);
	send_text(client.conn, text, MEGA + 1, SONDE_OK);
	run_until_both_closed();
	EXPECT_INT(client.code, 1009);
	EXPECT_STR(client.reason, "the message is too long");
	free(text);
	finish();
}

/* -------- dialling that fails -------- */

static void expect_dial_error(const char *scheme, const char *host, const char *path,
                              const char *reason)
{
	memset(&client, 0, sizeof(client));
	EXPECT_INT(dial(scheme, host, path, NULL, "sonde.echo.v1"), SONDE_OK);
	while (!client.closed)
		world_run(&w);
	EXPECT_INT(client.opened, 0);
	EXPECT_INT(client.closed, 1);
	EXPECT_INT(client.code, 1006);
	if (!strstr(client.reason, reason))
		tap_fail(__FILE__, __LINE__, "reason \"%s\", expected \"%s\"", client.reason, reason);
}

static void connecting_fails_with_a_reason(void)
{
	uint16_t port;
	char name[80];

	open_server(&echo_events, NULL);
	expect_dial_error("ws", "127.0.0.1", "/nothing", "HTTP status 404");
	expect_dial_error("ws", "127.0.0.1", "/v1/other", "HTTP status 400");
	/* A label of 70 letters fails without asking a resolver. */
	memset(name, 'x', 70);
	name[70] = '\0';
	expect_dial_error("ws", name, "/v1/echo", "cannot resolve xxxxxxxx");
	expect_dial_error("wss", "127.0.0.1", "/v1/echo", "");
	port = w.port;
	w.port = 1;
	expect_dial_error("ws", "127.0.0.1", "/v1/echo", "onnect");
	w.port = port;
	EXPECT_INT(dial("http", "127.0.0.1", "/", NULL, NULL), SONDE_EINVAL);
	EXPECT_INT(dial("ws", "", "/", NULL, NULL), SONDE_EINVAL);
	EXPECT_INT(dial("ws", "user@127.0.0.1", "/", NULL, NULL), SONDE_EINVAL);
	EXPECT_INT(dial("ws", "127.0.0.1:1", "/", NULL, NULL), SONDE_EINVAL);
	EXPECT_INT(dial("wss", "127.0.0.1", "/", "/nonexistent.pem", NULL), SONDE_EIO);
	finish();
}

/* A server that accepts and never answers. */
static int silent_port(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 5) == 0);
	EXPECT(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void silent_server_times_out(void)
{
	struct sonde_net_options o = world_options();
	struct sonde_error e;
	char url[64];
	struct sonde_dial d = { .url = url, .events = &plain_events, .arg = &client,
				.timeout_s = 1 };
	int fd;

	world_open(&w, &o, NULL);
	fd = silent_port(&w.port);
	client.w = &w;
	snprintf(url, sizeof(url), "ws://127.0.0.1:%u/", w.port);
	EXPECT_INT(sonde_net_dial(w.net, &d, &client.conn, &e), SONDE_OK);
	world_run(&w);
	EXPECT_INT(client.closed, 1);
	EXPECT_STR(client.reason, "no connection in time");
	close(fd);
	finish();
}

static void dialling_is_given_up(void)
{
	struct sonde_net_options o = world_options();
	int fd;

	world_open(&w, &o, NULL);
	fd = silent_port(&w.port);
	dial_echo();
	sonde_conn_close(client.conn, 1000, "changed my mind");
	EXPECT_INT(client.closed, 0);
	world_run(&w);
	EXPECT_STR(client.reason, "changed my mind");
	memset(&client, 0, sizeof(client));
	dial_echo();
	finish();
	EXPECT_INT(client.closed, 1);
	close(fd);
}

/* -------- raw clients; their frames are frames_test.c's -------- */

#define OFFER "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sonde.echo.v1\r\n"

static int upgraded(struct world *world)
{
	char out[2048];
	int fd = raw_dial(world);

	EXPECT_INT(raw_upgrade(fd, "/v1/echo", OFFER, out, sizeof(out)), 101);
	return fd;
}

static void handshake_client(struct world *world)
{
	static const struct {
		const char *path, *headers;
		int status;
	} cases[] = {
		{ "/v1/none", OFFER, 404 },
		{ "/v1/echo/", OFFER, 404 },
		{ "/v1/echo", "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: sonde.echo.v1\r\n",
		  426 },
		{ "/v1/echo", "Sec-WebSocket-Protocol: sonde.echo.v1\r\n", 426 },
		{ "/v1/echo", "Sec-WebSocket-Version: 13\r\n", 400 },
		{ "/v1/echo", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sonde.other.v1\r\n",
		  400 },
		{ "/v1/echo", OFFER "Content-Length: 5\r\n", 400 },
		{ "/v1/echo", OFFER "Transfer-Encoding: chunked\r\n", 400 },
	};
	char out[2048];
	int fd;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = raw_dial(world);
		int status = raw_upgrade(fd, cases[i].path, cases[i].headers, out, sizeof(out));
		if (status != cases[i].status)
			tap_fail(__FILE__, __LINE__, "%s %s: %d, expected %d", cases[i].path,
				 cases[i].headers, status, cases[i].status);
		EXPECT(raw_closed(fd));
		close(fd);
	}
	fd = raw_dial(world);
	EXPECT_INT(raw_upgrade(fd, "/v1/echo", OFFER "Sec-WebSocket-Extensions: "
			       "permessage-deflate; client_max_window_bits\r\n", out, sizeof(out)),
		   101);
	EXPECT(!strstr(out, "xtensions"));
	EXPECT(strstr(out, "Sec-WebSocket-Protocol: sonde.echo.v1\r\n"));
	EXPECT(strstr(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	close(fd);
	fd = raw_dial(world);
	EXPECT_INT(raw_upgrade(fd, "/v1/bare", "Sec-WebSocket-Version: 13\r\n", out, sizeof(out)),
		   101);
	close(fd);
}

static void handshakes(void)
{
	open_server(&echo_events, NULL);
	world_with(&w, handshake_client);
	finish();
}

/* -------- backpressure -------- */

enum { CHUNK = 8000 };

static unsigned pumped;

/* Sends numbered messages until the queue is full. */
static void pump(struct sonde_conn *c)
{
	char text[CHUNK];
	struct sonde_buf b;
	int rc;

	memset(text, '.', sizeof(text));
	do {
		sonde_buf_init_head(&b, MEGA, SONDE_NET_HEAD);
		snprintf(text, sizeof(text), "%08u", pumped);
		text[8] = '.';
		sonde_buf_add(&b, text, sizeof(text));
		rc = sonde_conn_send(c, &b);
		sonde_buf_deinit(&b);
		pumped += rc == SONDE_OK;
	} while (rc == SONDE_OK && pumped < 4000);
	EXPECT(rc == SONDE_OK || rc == SONDE_EFULL);
	EXPECT(sonde_conn_queued(c) <= (64 << 10));
}

static void on_pump_open(struct sonde_conn *c, void *arg)
{
	pump(c);
}

static void on_pump_drain(struct sonde_conn *c, void *arg)
{
	struct side *s = arg;

	s->drained++;
	if (pumped < 4000)
		pump(c);
}

static const struct sonde_conn_events pump_events = { on_pump_open, NULL, on_pump_drain, on_close };

static void slow_client(struct world *world)
{
	unsigned char head[4];
	char text[CHUNK], number[16];
	int fd = upgraded(world);

	usleep(200000);
	for (unsigned i = 0; i < 4000; i++) {
		EXPECT(raw_read(fd, head, 4));
		EXPECT_INT(head[0], 0x81);
		EXPECT_INT(head[2] << 8 | head[3], CHUNK);
		EXPECT(raw_read(fd, text, CHUNK));
		snprintf(number, sizeof(number), "%08u", i);
		EXPECT(!memcmp(text, number, 8));
	}
	raw_frame(fd, 0x88, "\x03\xe8", 2);
	EXPECT(raw_closed(fd));
	close(fd);
}

static void backpressure(void)
{
	open_server(&pump_events, NULL);
	world_with(&w, slow_client);
	server.w = &w;
	while (!server.closed)
		world_run(&w);
	EXPECT(server.drained > 0);
	EXPECT_INT(pumped, 4000);
	EXPECT_INT(server.code, 1000);
	finish();
}

/* -------- TLS -------- */

static void make_certificate(const char *dir)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
		 "-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost "
		 "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null && "
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
		 "-keyout okey.pem -out other.pem -days 2 -subj /CN=other 2>/dev/null", dir);
	if (system(command) != 0)
		tap_skip("the openssl command cannot make a certificate");
}

static void tls_http_client(struct world *world)
{
	char command[512], line[64] = "", rest[256];
	FILE *p;

	snprintf(command, sizeof(command),
		 "printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' | "
		 "openssl s_client -quiet -connect 127.0.0.1:%u -alpn h2,http/1.1 2>/dev/null",
		 world->port);
	p = popen(command, "r");
	EXPECT(p && fgets(line, sizeof(line), p));
	while (fgets(rest, sizeof(rest), p))
		;
	pclose(p);
	EXPECT_STR(line, "HTTP/1.1 404 Not Found\r\n");
	snprintf(command, sizeof(command),
		 "openssl s_client -connect 127.0.0.1:%u -tls1_1 </dev/null >/dev/null 2>&1",
		 world->port);
	EXPECT(system(command) != 0);
}

static void tls_both_sides(void)
{
	char dir[] = "/tmp/sonde-net-XXXXXX", cert[64], key[64], other[64], command[64];
	struct sonde_listen l = { .host = "127.0.0.1", .cert = cert, .key = key };

	EXPECT(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	snprintf(other, sizeof(other), "%s/other.pem", dir);
	make_certificate(dir);
	open_server(&echo_events, &l);
	client.stop_on_message = true;
	client.say = "over TLS";
	EXPECT_INT(dial("wss", "127.0.0.1", "/v1/echo", cert, "sonde.echo.v1"), SONDE_OK);
	world_run(&w);
	EXPECT_STR(client.last, "over TLS");
	char *big = malloc(MEGA);
	memset(big, 'x', MEGA);
	send_text(client.conn, big, MEGA, SONDE_OK);
	world_run(&w);
	EXPECT_INT(client.last_len, MEGA);
	sonde_conn_close(client.conn, 1000, "");
	while (!client.closed)
		world_run(&w);
	free(client.last);
	free(big);
	memset(&client, 0, sizeof(client));
	EXPECT_INT(dial("wss", "127.0.0.1", "/v1/echo", other, "sonde.echo.v1"), SONDE_OK);
	while (!client.closed)
		world_run(&w);
	EXPECT_INT(client.opened, 0);
	EXPECT(client.reason[0]);
	world_with(&w, tls_http_client);
	finish();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	EXPECT(system(command) == 0);
}

/* -------- shutting down -------- */

static void many_client(struct world *world)
{
	int fds[50];

	for (int i = 0; i < 50; i++)
		fds[i] = i % 2 ? upgraded(world) : raw_dial(world);
	world_over(world);
	for (int i = 0; i < 50; i++) {
		EXPECT(raw_closed(fds[i]));
		close(fds[i]);
	}
}

static void many_main(void *arg)
{
	many_client(arg);
}

static void close_with_live_connections(void)
{
	uv_thread_t thread;

	open_server(&plain_events, NULL);
	EXPECT(uv_thread_create(&thread, many_main, &w) == 0);
	world_run(&w);
	world_close(&w);
	uv_thread_join(&thread);
	EXPECT_INT(server.opened, 25);
	EXPECT_INT(server.closed, 25);
	free(server.last);
}

TAP_MAIN(CASE(echo_of_all_sizes), CASE(server_closes_with_a_reason),
	 CASE(client_closes_with_a_reason), CASE(closing_in_the_open_callback),
	 CASE(too_long_from_our_client), CASE(connecting_fails_with_a_reason),
	 CASE(silent_server_times_out), CASE(dialling_is_given_up), CASE(handshakes),
	 CASE(backpressure), CASE(tls_both_sides), CASE(close_with_live_connections))
