/* SPDX-License-Identifier: Apache-2.0 */
/* The http plugin: its pure parts, and the plugin as it is built against small servers on loopback
 * that say one thing each. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/expect.h"
#include "http/json.h"
#include "http/match.h"
#include "http/reply.h"
#include "plug/fakehost.h"
#include "tap.h"

static void feed(struct http_reply *r, const char *const *lines)
{
	for (; *lines; lines++)
		EXPECT(http_reply_line(r, *lines, strlen(*lines)));
}

static const struct http_reply *answer(const char *body)
{
	static struct http_reply r;
	static const char *const lines[] = {
		"HTTP/1.1 100 Continue\r\n", "X-Early: yes\r\n", "\r\n", "HTTP/1.1 200 OK\r\n",
		"Server: a\r\n", "Set-Cookie: one=1\r\n", "set-cookie: two=2\r\n", "Folded: a\r\n",
		" b\r\n", "no colon\r\n", "Empty:\r\n", "\r\n", "Trailer: late\r\n", NULL
	};

	http_reply_init(&r, 1000);
	feed(&r, lines);
	http_reply_body(&r, body, strlen(body));
	return &r;
}

static void reply_reads_headers(void)
{
	const struct http_reply *r = answer("x");
	static const char *const want[] = { "Server=a", "Set-Cookie=one=1", "set-cookie=two=2",
		                            "Folded=a\n b", "Empty=" };
	struct http_header h;
	char got[64];
	size_t at = 0, n = 0;

	EXPECT_INT(r->status, 200);
	EXPECT_STR(r->version, "1.1");
	EXPECT_STR(r->reason, "OK");
	while (http_reply_header(r, &at, &h)) {
		snprintf(got, sizeof(got), "%.*s=%.*s", (int)h.name_len, h.name, (int)h.value_len,
		         h.value);
		EXPECT(n < 5);
		EXPECT_STR(got, want[n++]);
	}
	EXPECT_INT(n, 5);
}

static void reply_has_bounds(void)
{
	struct http_reply r;
	char line[3000];

	http_reply_init(&r, 10);
	EXPECT(http_reply_line(&r, "HTTP/2 204 \r\n", 13));
	EXPECT_STR(r.version, "2");
	memset(line, 'a', sizeof(line));
	line[1] = ':';
	unsigned n = 0;
	while (n < 100 && http_reply_line(&r, line, sizeof(line)))
		n++;
	EXPECT(n < 100 && r.head_full && r.head_len <= HTTP_HEAD_MAX);
	EXPECT(http_reply_body(&r, "0123456789", 10));
	EXPECT(!r.body_cut);
	EXPECT(!http_reply_body(&r, "x", 1));
	EXPECT(r.body_cut);
	EXPECT_INT(r.body_len, 10);
	http_reply_deinit(&r);
}

static void text_is_cut_between_letters(void)
{
	EXPECT_INT(http_cut("abc", 3, 2), 2);
	EXPECT_INT(http_cut("\xc3\xa4\xc3\xb6", 4, 1), 2);
	EXPECT_INT(http_cut("\xff\xff", 2, 1), 1);
	EXPECT_INT(http_cut(NULL, 0, 5), 0);
}

static const char *find(const char *text, const char *pointer)
{
	static char out[256];
	const char *value;
	size_t len;

	switch (http_json_find(text, strlen(text), pointer, &value, &len)) {
	case HTTP_JSON_MISSING:
		return "missing";
	case HTTP_JSON_BROKEN:
		return "broken";
	default:
		http_json_text(out, sizeof(out), value, len);
		return out;
	}
}

static void json_pointers(void)
{
	const char *t = "{\"a\":{\"b\":[1,{\"c\":\"x\\u00e4\\n\\\"\"},null]},\"m~n\":1.5e3,"
	                "\"o/p\":true,\"\":7,\"s\":\"\\ud83d\\ude00\",\"k\\u0065y\":\"esc\",\"e\":[]}";

	EXPECT_STR(find(t, "/a/b/0"), "1");
	EXPECT_STR(find(t, "/a/b/1/c"), "x\xc3\xa4\n\"");
	EXPECT_STR(find(t, "/a/b/2"), "null");
	EXPECT_STR(find(t, "/a/b/3"), "missing");
	EXPECT_STR(find(t, "/a/b/01"), "missing");
	EXPECT_STR(find(t, "/a/b/-"), "missing");
	EXPECT_STR(find(t, "/m~0n"), "1.5e3");
	EXPECT_STR(find(t, "/o~1p"), "true");
	EXPECT_STR(find(t, "/"), "7");
	EXPECT_STR(find(t, "/s"), "\xf0\x9f\x98\x80");
	EXPECT_STR(find(t, "/key"), "esc");
	EXPECT_STR(find(t, "/e/0"), "missing");
	EXPECT_STR(find(t, "/x"), "missing");
	EXPECT_STR(find(" [ 1 , 2 ] ", "/1"), "2");
	EXPECT_STR(find("{\"a\":", "/a"), "broken");
	EXPECT_STR(find("{\"a\" 1}", "/b"), "broken");
	EXPECT_STR(find("[1,2", "/5"), "broken");
	EXPECT_STR(find("", ""), "broken");
	EXPECT_STR(find("{\"a\":[}", "/b"), "broken");
	EXPECT(http_pointer_valid("") && http_pointer_valid("/a~0~1"));
	EXPECT(!http_pointer_valid("a") && !http_pointer_valid("/~2") && !http_pointer_valid("/~"));
}

static void json_depth_is_bounded(void)
{
	char deep[400];

	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	EXPECT_STR(find(deep, ""), "broken");
}

static void patterns(void)
{
	char why[HTTP_WHY] = "";

	EXPECT_INT(http_match("^hel+o$", "hello", 5, why), HTTP_MATCH);
	EXPECT_INT(http_match("(?i)WORLD", "hello", 5, why), HTTP_NO_MATCH);
	EXPECT_INT(http_match("a\\0b", "a\0b", 3, why), HTTP_MATCH);
	EXPECT_INT(http_pattern_check("(", why), HTTP_MATCH_BROKEN);
	EXPECT(strstr(why, "parenthes"));
	EXPECT_INT(http_pattern_check("(*UTF)a", why), HTTP_MATCH_BROKEN);
	EXPECT_INT(http_match("x", NULL, 0, why), HTTP_NO_MATCH);
	/* Only matching finds that it calls itself for ever; memory is not what it lacks. */
	EXPECT_INT(http_match("(?R)", "x", 1, why), HTTP_MATCH_BROKEN);
	EXPECT(strstr(why, "recursi") != NULL);
}

static void dear_patterns_end(void)
{
	static const char *const dear[] = { "(a+)+$", "(a|aa)+$", "(.*)*x", "([^\\n]*+)x",
		                            "(?=(a+))*b", "(a*)*(a*)*b" };
	enum { N = 1 << 20 };
	char why[HTTP_WHY], *text = malloc(N);

	memset(text, 'a', N);
	text[N - 1] = '!';
	for (unsigned i = 0; i < sizeof(dear) / sizeof(dear[0]); i++) {
		int64_t start = sonde_boottime_ns();
		EXPECT(http_match(dear[i], text, N, why) != HTTP_MATCH_BROKEN);
		int64_t took = sonde_boottime_ns() - start;
		if (took > 2 * SONDE_NS_PER_S)
			tap_fail(__FILE__, __LINE__, "%s took %lld ms", dear[i],
			         (long long)took / 1000000);
	}
	free(text);
}

static void statuses(void)
{
	EXPECT(http_statuses_valid("2xx, 301,400-404"));
	EXPECT(!http_statuses_valid("2x") && !http_statuses_valid("abc") &&
	       !http_statuses_valid("404-400") && !http_statuses_valid("200;") &&
	       !http_statuses_valid("999"));
	EXPECT(http_status_in("2xx, 301,400-404", 204));
	EXPECT(http_status_in("2xx, 301,400-404", 301));
	EXPECT(http_status_in("2xx, 301,400-404", 404));
	EXPECT(!http_status_in("2xx, 301,400-404", 500));
}

static bool holds(const struct http_wishes *w, const struct http_reply *r)
{
	struct http_expect x[4];
	struct sonde_error e;

	EXPECT_INT(http_wishes_check(w, &e), 0);
	EXPECT_INT(http_wishes_hold(w, r, true, 10, x, 4), 1);
	EXPECT(x[0].ok || *x[0].text);
	return x[0].ok;
}

#define PAIRS(n, v) (const struct sonde_pair[]){ { n, v }, { NULL, NULL } }
#define HOLDS(...) holds(&(struct http_wishes){ __VA_ARGS__ }, r)

static void wishes(void)
{
	const struct http_reply *r = answer("{\"ok\":true,\"n\":12,\"t\":\"yes\"}");

	EXPECT(HOLDS(.status = "200") && !HOLDS(.status = "5xx"));
	EXPECT(HOLDS(.body = "\"ok\":true") && !HOLDS(.body = "false"));
	EXPECT(!HOLDS(.no_body = "true") && HOLDS(.no_body = "false"));
	EXPECT(HOLDS(.headers = PAIRS("server", "^a$")) && !HOLDS(.headers = PAIRS("server", "b")));
	EXPECT(HOLDS(.headers = PAIRS("Set-Cookie", "two")));
	EXPECT(HOLDS(.headers = PAIRS("empty", "")) && !HOLDS(.headers = PAIRS("gone", "")));
	EXPECT(!HOLDS(.headers = PAIRS("trailer", "")) && !HOLDS(.headers = PAIRS("x-early", "")));
	EXPECT(HOLDS(.json = PAIRS("/n", "12")) && !HOLDS(.json = PAIRS("/n", "1")));
	EXPECT(HOLDS(.json = PAIRS("/t", "~^y")) && !HOLDS(.json = PAIRS("/gone", "")));
	EXPECT(HOLDS(.days = 10) && !HOLDS(.days = 11));
	EXPECT(!HOLDS(.body = "(a+)+$" "(\"|{)*z"));
}

static void wishes_are_checked(void)
{
	struct sonde_error e;

	EXPECT(http_wishes_check(&(struct http_wishes){ .status = "x" }, &e));
	EXPECT_STR(e.path, "expect.status");
	EXPECT(http_wishes_check(&(struct http_wishes){ .body = "(" }, &e));
	EXPECT_STR(e.path, "expect.body");
	EXPECT(http_wishes_check(&(struct http_wishes){ .json = PAIRS("a", "") }, &e));
	EXPECT_STR(e.path, "expect.json");
	EXPECT(http_wishes_check(&(struct http_wishes){ .headers = PAIRS("a", "[") }, &e));
	EXPECT_STR(e.path, "expect.headers");
}

/* A server that answers each connection with the next text and closes it; returns its port. It ends
 * with this process. */
static int serve(const char *const *texts)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(!bind(l, (struct sockaddr *)&sa, len) && !listen(l, 16) &&
	       !getsockname(l, (struct sockaddr *)&sa, &len));
	if (fork()) {
		close(l);
		return ntohs(sa.sin_port);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; *texts; texts++) {
		int fd = accept(l, NULL, NULL);
		char request[65536];
		size_t n = 0;
		while (n < sizeof(request) - 1) {
			ssize_t got = read(fd, request + n, sizeof(request) - 1 - n);
			if (got <= 0)
				break;
			request[n += (size_t)got] = '\0';
			if (strstr(request, "\r\n\r\n") && !strstr(request, "POST"))
				break;
			if (strstr(request, "last line"))
				break;
		}
		const char *text = strcmp(*texts, "ECHO") ? *texts : request;
		if (text == request)
			dprintf(fd, "HTTP/1.1 200 OK\r\n\r\n");
		if (write(fd, text, strlen(text)) < 0)
			_exit(1);
		if (!strcmp(*texts, "HTTP/1.1 200 OK\r\nA: b\r\n"))
			poll(NULL, 0, 20000);
		close(fd);
	}
	_exit(0);
}

static struct fakehost *http(int port)
{
	struct fakehost *h = fakehost_new("plugins/http/.libs/http.so");
	char text[16];

	snprintf(text, sizeof(text), "%d", port);
	EXPECT_INT(fakehost_set(h, "port", text), 0);
	EXPECT_INT(fakehost_set(h, "protocol", "HTTP"), 0);
	EXPECT_INT(fakehost_set(h, "request.method", "GET"), 0);
	return h;
}

static json_t *run(struct fakehost *h, const char *target, enum sonde_failure want)
{
	EXPECT_INT(fakehost_run(h, target), 0);
	if (fakehost_failure(h) != want)
		tap_fail(__FILE__, __LINE__, "failure %d: %s", fakehost_failure(h), fakehost_why(h));
	EXPECT_STR(fakehost_broken(h), "");
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);
	EXPECT(j);
	return j;
}

static const json_t *at(const json_t *j, const char *key)
{
	return json_object_get(j, key);
}

static const char *text_at(const json_t *j, const char *key)
{
	return json_string_value(at(j, key));
}

static void globalping_shape(void)
{
	int port = serve((const char *const[]){
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello", NULL });
	struct fakehost *h = http(port);

	fakehost_resolve_add(h, "www.example.test", "127.0.0.1");
	json_t *j = run(h, "www.example.test", SONDE_FAIL_NONE);
	EXPECT_INT(json_integer_value(at(j, "statusCode")), 200);
	EXPECT_STR(text_at(j, "statusCodeName"), "OK");
	EXPECT_STR(text_at(j, "resolvedAddress"), "127.0.0.1");
	EXPECT_STR(text_at(j, "resolvedHostname"), "www.example.test");
	EXPECT_STR(text_at(j, "rawHeaders"), "Content-Length: 5\nX-A: 1\nx-a: 2");
	EXPECT_STR(text_at(j, "rawBody"), "hello");
	EXPECT(json_is_false(at(j, "truncated")));
	EXPECT(json_is_null(at(j, "tls")));
	EXPECT_INT(json_array_size(at(at(j, "headers"), "x-a")), 2);
	EXPECT_STR(text_at(at(j, "headers"), "content-length"), "5");
	const json_t *t = at(j, "timings");
	EXPECT(json_is_null(at(t, "tls")));
	EXPECT(json_is_integer(at(t, "total")) && json_is_integer(at(t, "dns")) &&
	       json_is_integer(at(t, "tcp")) && json_is_integer(at(t, "firstByte")) &&
	       json_is_integer(at(t, "download")));
	EXPECT_STR(fakehost_raw(h),
	           "HTTP/1.1 200\nContent-Length: 5\nX-A: 1\nx-a: 2\n\nhello");
	json_decref(j);
	fakehost_free(h);
}

static void another_resolver_is_asked(void)
{
	char text[128];
	int second = serve((const char *const[]){ "HTTP/1.1 204 No Content\r\n\r\n", NULL });
	snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\nLocation: http://next.test:%d/\r\n\r\n",
	         second);
	struct fakehost *h = http(serve((const char *const[]){ text, NULL }));

	fakehost_resolve_add(h, "one.test", "10.0.0.1");
	fakehost_resolve_add(h, "dns.test", "192.0.2.53");
	fakehost_resolve_by_add(h, "192.0.2.53", "one.test", "127.0.0.1");
	fakehost_resolve_by_add(h, "192.0.2.53", "next.test", "127.0.0.1");
	fakehost_refuse(h, "10.0.0.1");
	json_decref(run(h, "one.test", SONDE_FAIL_GUARD));
	fakehost_set(h, "resolver", "192.0.2.53");
	fakehost_set(h, "redirects", "1");
	json_t *j = run(h, "one.test", SONDE_FAIL_NONE);
	EXPECT_INT(json_integer_value(at(j, "statusCode")), 204);
	EXPECT_STR(text_at(j, "resolvedHostname"), "next.test");
	json_decref(j);
	fakehost_set(h, "resolver", "10.0.0.1");
	json_decref(run(h, "one.test", SONDE_FAIL_GUARD));
	fakehost_set(h, "resolver", "dns.test");
	fakehost_set(h, "redirects", "0");
	json_decref(run(h, "unknown.test", SONDE_FAIL_RESOLVE));
	fakehost_set(h, "resolver", "nowhere.test");
	json_decref(run(h, "one.test", SONDE_FAIL_RESOLVE));
	fakehost_set(h, "resolver", "dns.test");
	fakehost_resolve_by_add(h, "192.0.2.53", "inside.test", "10.0.0.1");
	json_decref(run(h, "inside.test", SONDE_FAIL_GUARD));
	fakehost_set(h, "resolver", "a b");
	EXPECT_INT(fakehost_run(h, "one.test"), 1);
	EXPECT_STR(fakehost_error(h)->path, "resolver");
	fakehost_free(h);
}

static void request_is_what_was_asked(void)
{
	int port = serve((const char *const[]){ "ECHO", NULL });
	struct fakehost *h = http(port);
	char line[128];

	fakehost_set(h, "request.method", "POST");
	fakehost_set(h, "request.path", "/a b#c");
	fakehost_set(h, "request.query", "x=\xc3\xa4");
	fakehost_set(h, "request.host", "other.example.test");
	EXPECT_INT(fakehost_set(h, "request.headers",
	                        "X-One: 1\nHost: evil.test\nUser-Agent: evil\nAccept:"), 0);
	fakehost_set(h, "request.body", "last line");
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_NONE);
	const char *got = text_at(j, "rawBody");
	EXPECT(strstr(got, "POST /a%20b%23c?x=%C3%A4 HTTP/1.1\r\n"));
	snprintf(line, sizeof(line), "Host: other.example.test:%d\r\n", port);
	EXPECT(strstr(got, line));
	EXPECT(strstr(got, "X-One: 1\r\n") && strstr(got, "Content-Length: 9\r\n"));
	EXPECT(strstr(got, "\r\n\r\nlast line"));
	EXPECT(!strstr(got, "evil") && !strstr(got, "Expect:") && !strstr(got, "form-urlencoded"));
	json_decref(j);
	fakehost_free(h);
}

static void redirects_are_guarded(void)
{
	static const char *const to[] = { "http://10.0.0.1/", "http://inside.test/",
		                          "http://[::1]/" };
	char text[3][128];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(text[i], sizeof(text[i]), "HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n", to[i]);
		struct fakehost *h = http(serve((const char *const[]){ text[i], NULL }));
		fakehost_refuse(h, "10.0.0.1");
		fakehost_refuse(h, "::1");
		fakehost_resolve_add(h, "inside.test", "10.0.0.1");
		fakehost_set(h, "redirects", "5");
		json_decref(run(h, "127.0.0.1", SONDE_FAIL_GUARD));
		fakehost_free(h);
	}
}

static void redirects_that_lead_nowhere(void)
{
	static const char *const to[] = { "ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/",
		                          "http://a b/", "gopher://x", "http://127.0.0.1:99999/",
		                          "http://%31%32%37.0.0.1%00/" };
	char text[256];

	for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n", to[i]);
		struct fakehost *h = http(serve((const char *const[]){ text, NULL }));
		fakehost_set(h, "redirects", "5");
		json_decref(run(h, "127.0.0.1", SONDE_FAIL_PROTOCOL));
		fakehost_free(h);
	}
}

static void secrets_stay_home(void)
{
	char location[128];
	int other = serve((const char *const[]){ "ECHO", NULL });

	snprintf(location, sizeof(location),
	         "HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:%d/x\r\n\r\n", other);
	struct fakehost *h = http(serve((const char *const[]){ location, NULL }));
	fakehost_set(h, "redirects", "1");
	fakehost_set(h, "request.headers", "Cookie: secret\nX-Plain: 1");
	fakehost_set(h, "request.secretHeaders", "X-Key: secret");
	fakehost_set(h, "request.user", "someone");
	fakehost_set(h, "request.password", "c2VjcmV0");
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_NONE);
	EXPECT(strstr(text_at(j, "rawBody"), "X-Plain: 1"));
	EXPECT(!strstr(text_at(j, "rawBody"), "secret") && !strcasestr(text_at(j, "rawBody"), "authorization"));
	EXPECT_INT(json_array_size(at(j, "redirects")), 1);
	json_decref(j);
	fakehost_free(h);
}

static void secrets_are_sent(void)
{
	struct fakehost *h = http(serve((const char *const[]){ "ECHO", NULL }));

	fakehost_set(h, "request.secretHeaders", "X-Key: opal\nHost: other");
	fakehost_set(h, "request.user", "Aladdin");
	fakehost_set(h, "request.password", "open sesame");
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_NONE);
	EXPECT(strstr(text_at(j, "rawBody"), "X-Key: opal"));
	/* RFC 7617 2 */
	EXPECT(strstr(text_at(j, "rawBody"), "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
	EXPECT(!strstr(text_at(j, "rawBody"), "other"));
	json_decref(j);
	fakehost_free(h);
	/* The handle that was used for it is used again. */
	h = http(serve((const char *const[]){ "ECHO", NULL }));
	j = run(h, "127.0.0.1", SONDE_FAIL_NONE);
	EXPECT(!strstr(text_at(j, "rawBody"), "opal") && !strstr(text_at(j, "rawBody"), "Basic"));
	json_decref(j);
	fakehost_free(h);
}

static void body_is_cut(void)
{
	char *text = malloc(100000);

	int n = snprintf(text, 100, "HTTP/1.1 200 OK\r\n\r\n");
	memset(text + n, 'x', 90000);
	text[n + 90000] = '\0';
	struct fakehost *h = http(serve((const char *const[]){ text, text, NULL }));
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_NONE);
	EXPECT(json_is_true(at(j, "truncated")));
	EXPECT_INT(json_string_length(at(j, "rawBody")), 10000);
	EXPECT_INT(json_integer_value(at(j, "bodyBytes")), 40000);
	EXPECT(json_is_integer(at(at(j, "timings"), "total")));
	json_decref(j);
	fakehost_set(h, "bodyLimit", "100000");
	fakehost_set(h, "expect.body", "^x+$");
	json_decref(run(h, "127.0.0.1", SONDE_FAIL_NONE));
	fakehost_free(h);
	free(text);
}

static void wish_that_fails(void)
{
	struct fakehost *h = http(serve((const char *const[]){
		"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", NULL }));

	fakehost_set(h, "expect.status", "2xx");
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_ASSERTION);
	EXPECT_STR(fakehost_why(h), "status: it is 500");
	EXPECT_INT(json_integer_value(at(j, "statusCode")), 500);
	EXPECT(json_is_false(at(json_array_get(at(j, "assertions"), 0), "ok")));
	json_decref(j);
	fakehost_free(h);
}

static void answers_that_are_none(void)
{
	static const char *const bad[] = { "", "\x16\x03\x01\x02garbage\r\n\r\n",
		                           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fakehost *h = http(serve((const char *const[]){ bad[i], NULL }));
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
		if (fakehost_failure(h) != SONDE_FAIL_PROTOCOL && fakehost_failure(h) != SONDE_FAIL_CONNECT)
			tap_fail(__FILE__, __LINE__, "answer %u: failure %d: %s", i,
			         fakehost_failure(h), fakehost_why(h));
		EXPECT_STR(fakehost_broken(h), "");
		fakehost_free(h);
	}
}

static void nobody_there(void)
{
	static const char *const none[] = { NULL };
	int port = serve(none);

	poll(NULL, 0, 50);
	struct fakehost *h = http(port);
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_REFUSED);
	EXPECT(json_is_null(at(j, "statusCode")) && json_is_null(at(at(j, "timings"), "total")));
	EXPECT(json_is_null(at(at(j, "timings"), "tcp")));
	json_decref(j);
	json_decref(run(h, "gone.test", SONDE_FAIL_RESOLVE));
	fakehost_free(h);
}

static void time_is_over(void)
{
	struct fakehost *h = http(serve((const char *const[]){ "HTTP/1.1 200 OK\r\nA: b\r\n", NULL }));

	fakehost_timeout(h, 2000000000);
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_TIMEOUT);
	EXPECT_STR(fakehost_why(h), "the time was over while waiting for the end of the headers");
	EXPECT_INT(json_integer_value(at(j, "statusCode")), 200);
	EXPECT(json_is_null(at(at(j, "timings"), "download")));
	json_decref(j);
	fakehost_free(h);
}

static void bad_requests_are_refused(void)
{
	static const char *const bad[][2] = {
		{ "request.host", "a/b" }, { "request.host", "a b" },
		{ "request.headers", "Content-Length: 5" }, { "request.headers", "A b: 5" },
		{ "request.secretHeaders", "A b: 5" }, { "request.password", "of nobody" },
		{ "request.user", "a:b" }, { "request.body", "only with POST" }, { "expect.status", "x" },
		{ "expect.json", "nopointer: 1" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fakehost *h = http(1);
		EXPECT_INT(fakehost_set(h, bad[i][0], bad[i][1]), 0);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
		EXPECT_STR(fakehost_error(h)->path, bad[i][0]);
		fakehost_free(h);
	}
	struct fakehost *h = http(1);
	EXPECT_INT(fakehost_run(h, "a@b"), 1);
	fakehost_free(h);
}

TAP_MAIN(CASE(reply_reads_headers), CASE(reply_has_bounds), CASE(text_is_cut_between_letters),
         CASE(json_pointers), CASE(json_depth_is_bounded), CASE(patterns), CASE(dear_patterns_end),
         CASE(statuses), CASE(wishes), CASE(wishes_are_checked), CASE(globalping_shape),
         CASE(another_resolver_is_asked), CASE(request_is_what_was_asked), CASE(redirects_are_guarded),
         CASE(redirects_that_lead_nowhere), CASE(secrets_stay_home), CASE(secrets_are_sent),
         CASE(body_is_cut),
         CASE(wish_that_fails), CASE(answers_that_are_none), CASE(nobody_there), CASE(time_is_over),
         CASE(bad_requests_are_refused))
