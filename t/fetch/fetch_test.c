/* SPDX-License-Identifier: Apache-2.0 */
/* core/fetch against a server of canned answers on loopback, in a child process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch/fetch.h"
#include "tap.h"

static struct sonde_fetcher *fetcher;
static struct sonde_fetch_reply reply;
static struct sonde_error err;
static char url[64];
static pid_t server;

/* Reads one request (head and Content-Length body) as text; false when the peer went away. */
static int read_request(int fd, char *text, size_t size)
{
	size_t n = 0, need = 0;

	while (!need || n < need) {
		ssize_t got = read(fd, text + n, size - 1 - n);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		text[n] = '\0';
		char *end = strstr(text, "\r\n\r\n"), *len = strstr(text, "Content-Length: ");
		if (end)
			need = (size_t)(end - text) + 4 + (len ? strtoul(len + 16, NULL, 10) : 0);
	}
	return 1;
}

static void answer(int fd, const char *head, const char *body, size_t len)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %sContent-Length: %zu\r\n\r\n", head, len);

	if (write(fd, text, (size_t)n) != n || write(fd, body, len) != (ssize_t)len)
		_exit(1);
}

static void serve(int fd, unsigned connection)
{
	static char text[65536];

	while (read_request(fd, text, sizeof(text))) {
		if (strstr(text, " /echo ")) {
			answer(fd, "200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n", text,
			       strlen(text));
		} else if (strstr(text, " /count ")) {
			char digit = (char)('0' + connection);
			answer(fd, "200 OK\r\nETag: \"abc\"\r\n", &digit, 1);
		} else if (strstr(text, " /busy ")) {
			answer(fd, "503 Busy\r\nRetry-After: 7\r\n", "{}", 2);
		} else if (strstr(text, " /same ")) {
			if (write(fd, "HTTP/1.1 304 Same\r\n\r\n", 21) != 21)
				_exit(1);
		} else if (strstr(text, " /moved ")) {
			answer(fd, "302 Found\r\nLocation: /count\r\n", "", 0);
		} else if (strstr(text, " /large ")) {
			static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
			if (write(fd, head, sizeof(head) - 1) < 0)
				_exit(1);
			while (write(fd, text, sizeof(text)) > 0)
				;
			return;
		} else if (strstr(text, " /told ")) {
			static const char head[] =
				"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
			if (write(fd, head, sizeof(head) - 1) < 0)
				_exit(1);
		} else if (strstr(text, " /close ")) {
			return;
		} else if (strstr(text, " /silent ")) {
			sleep(15);
			return;
		}
	}
}

static void begin(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	EXPECT(!bind(fd, (struct sockaddr *)&sin, sizeof(sin)) && !listen(fd, 8));
	EXPECT(!getsockname(fd, (struct sockaddr *)&sin, &len));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(sin.sin_port));
	server = fork();
	if (!server) {
		signal(SIGPIPE, SIG_IGN);
		alarm(20);
		for (unsigned i = 1;; i++) {
			int peer = accept(fd, NULL, NULL);
			serve(peer, i);
			close(peer);
		}
	}
	close(fd);
	EXPECT_INT(sonde_fetcher_new(&fetcher), SONDE_OK);
}

static void end(void)
{
	sonde_fetcher_free(fetcher);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static int fetch(struct sonde_fetch_request req, const char *path)
{
	char full[128];

	snprintf(full, sizeof(full), "%s%s", url, path);
	req.url = full;
	if (!req.timeout_ms)
		req.timeout_ms = 10000;
	err = (struct sonde_error){ "", "" };
	return sonde_fetch(fetcher, &req, &reply, &err);
}

#define FETCH(path, ...) fetch((struct sonde_fetch_request){ __VA_ARGS__ }, path)

static void what_is_sent(void)
{
	/* A proxy of the environment must not see our token. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	begin();
	EXPECT_INT(FETCH("/echo", .token = "tok_123", .etag = "\"e\""), SONDE_OK);
	EXPECT_INT(reply.status, 200);
	EXPECT_STR(reply.type, "text/plain");
	const char *seen = sonde_buf_cstr(&reply.body);
	EXPECT(!strncmp(seen, "GET /echo HTTP/1.1\r\n", 20));
	EXPECT(strstr(seen, "\r\nAuthorization: Bearer tok_123\r\n"));
	EXPECT(strstr(seen, "\r\nIf-None-Match: \"e\"\r\n"));
	EXPECT(!strstr(seen, "Expect:") && !strstr(seen, "Content-Type:"));
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/echo", .body = "{\"a\":1}", .len = 7), SONDE_OK);
	seen = sonde_buf_cstr(&reply.body);
	EXPECT(!strncmp(seen, "POST /echo ", 11));
	EXPECT(strstr(seen, "\r\nContent-Type: application/json\r\n"));
	EXPECT(strstr(seen, "\r\n\r\n{\"a\":1}"));
	EXPECT(!strstr(seen, "Authorization"));
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/echo", .method = "PATCH", .body = "{}", .len = 2), SONDE_OK);
	EXPECT(!strncmp(sonde_buf_cstr(&reply.body), "PATCH ", 6));
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/echo", .method = "DELETE"), SONDE_OK);
	EXPECT(!strncmp(sonde_buf_cstr(&reply.body), "DELETE ", 7));
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/echo", .method = "POST"), SONDE_OK);
	EXPECT(strstr(sonde_buf_cstr(&reply.body), "Content-Length: 0"));
	sonde_fetch_reply_deinit(&reply);
	end();
}

static void one_connection_serves_many_requests(void)
{
	begin();
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_INT(FETCH("/count"), SONDE_OK);
		EXPECT_STR(sonde_buf_cstr(&reply.body), "1");
		EXPECT_STR(reply.etag, "\"abc\"");
		sonde_fetch_reply_deinit(&reply);
	}
	end();
}

static void statuses_are_not_errors(void)
{
	begin();
	EXPECT_INT(FETCH("/busy"), SONDE_OK);
	EXPECT_INT(reply.status, 503);
	EXPECT_INT(reply.retry_after, 7);
	EXPECT_STR(reply.etag, "");
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/same", .etag = "\"x\""), SONDE_OK);
	EXPECT_INT(reply.status, 304);
	EXPECT_INT(reply.body.len, 0);
	EXPECT_INT(reply.retry_after, 0);
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/moved"), SONDE_OK);
	EXPECT_INT(reply.status, 302);
	sonde_fetch_reply_deinit(&reply);
	end();
}

static void what_breaks_has_a_sentence(void)
{
	begin();
	EXPECT_INT(FETCH("/large"), SONDE_ENOMEM);
	EXPECT_STR(err.text, "the response is larger than 16 MiB");
	sonde_fetch_reply_deinit(&reply);
	EXPECT_INT(FETCH("/told"), SONDE_ENOMEM);
	EXPECT_INT(FETCH("/close"), SONDE_EIO);
	EXPECT(err.text[0]);
	EXPECT_INT(FETCH("/silent", .timeout_ms = 200), SONDE_ETIMEOUT);
	EXPECT(err.text[0]);
	end();
	EXPECT_INT(sonde_fetcher_new(&fetcher), SONDE_OK);
	EXPECT_INT(FETCH("/"), SONDE_EIO);
	sonde_fetcher_free(fetcher);
}

static void what_is_never_sent(void)
{
	static const char *const urls[] = {
		"file:///etc/passwd",
		"ftp://127.0.0.1/",
		"gopher://127.0.0.1/",
		"",
		"http://",
		"http://user:pass@127.0.0.1/",
		"127.0.0.1 x",
	};

	begin();
	EXPECT_INT(FETCH("/echo", .token = "a\r\nX: y"), SONDE_EINVAL);
	EXPECT_INT(FETCH("/echo", .etag = "a\nb"), SONDE_EINVAL);
	EXPECT_INT(FETCH("/echo", .method = "GET / HTTP"), SONDE_EINVAL);
	for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct sonde_fetch_request req = { .url = urls[i], .timeout_ms = 2000 };
		if (sonde_fetch(fetcher, &req, &reply, &err) != SONDE_EINVAL)
			tap_fail(__FILE__, __LINE__, "%s: %s", urls[i], err.text);
	}
	end();
}

TAP_MAIN(CASE(what_is_sent), CASE(one_connection_serves_many_requests),
         CASE(statuses_are_not_errors), CASE(what_breaks_has_a_sentence), CASE(what_is_never_sent))
