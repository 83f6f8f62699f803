/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the dns plugin that read what strangers send, and the plugin as it is built against
 * a name server of the test's own. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/http.h"
#include "dns/message.h"
#include "dns/query.h"
#include "dns/record.h"
#include "plug/fakehost.h"
#include "tap.h"

/* ---- names ---- */

static void expect_name(const char *typed, bool reverse, const char *want)
{
	struct dns_name name;
	char text[DNS_NAME_TEXT];
	const char *why = dns_name_parse(typed, reverse, &name);

	if (why)
		tap_fail(__FILE__, __LINE__, "%s %s", typed, why);
	dns_name_text(&name, text);
	EXPECT_STR(text, want);
}

static void names_are_read(void)
{
	struct dns_name name;
	char text[300];

	expect_name("example.com", false, "example.com.");
	expect_name("Example.Com.", false, "Example.Com.");
	expect_name(".", false, ".");
	expect_name("a\\.b.c", false, "a\\.b.c.");
	expect_name("\\032x", false, "\\032x.");
	expect_name("192.0.2.1", true, "1.2.0.192.in-addr.arpa.");
	expect_name("2001:db8::1", true,
	            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
	EXPECT(dns_name_parse("192.0.2.1", false, &name));
	EXPECT(dns_name_parse("", false, &name));
	EXPECT(dns_name_parse("a..b", false, &name));
	EXPECT(dns_name_parse("a b", false, &name));
	EXPECT(dns_name_parse("m\xc3\xbcller.de", false, &name));
	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	EXPECT(!dns_name_parse(text, false, &name));
	text[63] = 'a';
	text[64] = '\0';
	EXPECT(dns_name_parse(text, false, &name));
	/* 127 labels of one letter are 255 bytes. */
	for (unsigned i = 0; i < 256; i++)
		text[i] = i & 1 ? '.' : 'a';
	text[254] = '\0';
	EXPECT(!dns_name_parse(text, false, &name));
	EXPECT_INT(name.len, 255);
	text[254] = 'a';
	text[255] = '\0';
	EXPECT(dns_name_parse(text, false, &name));
}

static void compression_ends(void)
{
	/* 0: a, 2: pointer to 0, 4: b and pointer to 2, 8: to itself, 10: forward, 12: to 13. */
	static const uint8_t m[] = { 1, 'a', 0xc0, 0, 1, 'b', 0xc0, 2, 0xc0, 8, 0xc0, 14, 0xc0, 13,
		                     0, 0x41, 0, 1, 'c', 0 };
	struct dns_name n;
	size_t end;

	EXPECT(!dns_name_read(m, sizeof(m), 0, &n, &end));
	EXPECT(!dns_name_read(m, sizeof(m), 4, &n, &end));
	EXPECT(!dns_name_read(m, sizeof(m), 8, &n, &end));
	EXPECT(!dns_name_read(m, sizeof(m), 10, &n, &end));
	EXPECT(!dns_name_read(m, sizeof(m), 12, &n, &end));
	EXPECT(!dns_name_read(m, sizeof(m), 15, &n, &end));
	EXPECT(!dns_name_read(m, sizeof(m), sizeof(m), &n, &end));
	EXPECT(dns_name_read(m, sizeof(m), 17, &n, &end));
	EXPECT_INT(end, 20);
	EXPECT(!dns_name_read(m, sizeof(m) - 1, 17, &n, &end));
}

static struct dns_name name_of(const char *text)
{
	struct dns_name n;
	EXPECT(!dns_name_parse(text, false, &n));
	return n;
}

static void zones_hold_names(void)
{
	struct dns_name root = name_of("."), zone = name_of("Example.com"), in = name_of("www.example.COM"),
		        beside = name_of("wwwexample.com");

	EXPECT(dns_name_within(&in, &zone) && dns_name_within(&zone, &zone));
	EXPECT(dns_name_within(&in, &root) && dns_name_within(&root, &root));
	EXPECT(!dns_name_within(&beside, &zone) && !dns_name_within(&zone, &in));
	EXPECT(!dns_name_equal(&zone, &root));
}

/* ---- messages ---- */

static size_t make_reply(const uint8_t *query, size_t len, uint8_t out[1024], const uint8_t *row,
                         size_t row_len)
{
	memcpy(out, query, len);
	out[2] |= 0x80;
	out[7] = row ? 1 : 0;
	if (row)
		memcpy(out + len, row, row_len);
	return len + row_len;
}

static void only_the_reply_answers(void)
{
	struct dns_name name = name_of("aB.test");
	struct dns_question q = { .name = &name, .type = 1, .class = 1, .flags = DNS_RD };
	uint8_t query[DNS_QUERY_MAX], reply[1024];
	struct dns_message m;
	size_t n = dns_query_write(&q, 0x1234, query);
	static const struct {
		size_t at;
		uint8_t bit;
		bool takes, takes_exact;
	} rows[] = {
		{ 0, 1, false, false },      /* the id */
		{ 1, 0x80, false, false },
		{ 2, 0x80, false, false },   /* no reply */
		{ 2, 0x08, false, false },   /* another opcode */
		{ 2, 0x01, true, true },     /* RD not repeated */
		{ 3, 0x03, true, true },     /* NXDOMAIN */
		{ 13, 0x20, true, false },   /* the case of a letter */
		{ 13, 0x01, false, false },  /* another name */
		{ 22, 0x01, false, false },  /* another type */
		{ 24, 0x02, false, false },  /* another class */
	};

	EXPECT_INT(n, 12 + 9 + 4);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = make_reply(query, n, reply, NULL, 0);
		reply[rows[i].at] ^= rows[i].bit;
		EXPECT(dns_message_read(reply, len, &m));
		EXPECT_INT(dns_message_answers(&m, query, n, false), rows[i].takes);
		EXPECT_INT(dns_message_answers(&m, query, n, true), rows[i].takes_exact);
	}
	/* Without a question: from a server that could not read ours. */
	make_reply(query, n, reply, NULL, 0);
	reply[5] = 0;
	EXPECT(dns_message_read(reply, 12, &m) && !dns_message_answers(&m, query, n, false));
	reply[3] = 1;
	EXPECT(dns_message_read(reply, 12, &m) && dns_message_answers(&m, query, n, false));
}

static void expect_value(unsigned type, const char *bytes, size_t len, const char *want)
{
	struct dns_name name = name_of("a.test");
	struct dns_question q = { .name = &name, .type = 255, .class = 1 };
	uint8_t query[DNS_QUERY_MAX], reply[1024],
		row[512] = { 0xc0, 12, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 0, 60,
			     (uint8_t)(len >> 8), (uint8_t)len };
	char text[2048];
	struct dns_text t = { .s = text, .max = sizeof(text) - 1 };
	struct dns_message m;
	struct dns_cursor c;
	struct dns_record r;

	size_t n = dns_query_write(&q, 7, query);
	memcpy(row + 12, bytes, len);
	n = make_reply(query, n, reply, row, 12 + len);
	EXPECT(dns_message_read(reply, n, &m));
	dns_records_begin(&m, &c);
	EXPECT(dns_records_next(&m, &c, &r));
	EXPECT_INT(r.type, type);
	dns_put_value(&t, &m, &r);
	text[t.len] = '\0';
	EXPECT_STR(text, want);
	EXPECT(!dns_records_next(&m, &c, &r));
}

#define VALUE(type, bytes, want) expect_value(type, bytes, sizeof(bytes) - 1, want)

static void values_are_text_or_hex(void)
{
	VALUE(1, "\300\0\2\1", "192.0.2.1");
	VALUE(1, "\300\0\2", "\\# 3 C00002");
	VALUE(1, "\300\0\2\1\1", "\\# 5 C000020101");
	VALUE(1, "", "\\# 0");
	VALUE(15, "\0\12\300\14", "10 a.test.");
	VALUE(15, "\0\12", "\\# 2 000A");
	VALUE(15, "\0\12\300\377", "\\# 4 000AC0FF");
	VALUE(16, "\1a\0\3\"\\\200", "\"a\" \"\" \"\\\"\\\\\\128\"");
	VALUE(16, "\5abc", "\\# 4 05616263");
	VALUE(257, "\200\5issueca", "128 issue \"ca\"");
	VALUE(65, "\0\1\0\0\3\0\2\1\273", "1 . port=443");
	VALUE(65, "\0\1\0\0\3\0\3\1\273", "\\# 9 0001000003000301BB");
	VALUE(29, "\1\0\0\0\200\0\0\0\200\0\0\0\0\230\226\200", "\\# 16 01000000800000008000000000989680");
	VALUE(65280, "\1\2", "\\# 2 0102");
	VALUE(45, "\1\3\0\300\14", "\\# 5 010300C00C"); /* a pointer where none may be */
}

static void broken_messages_are_refused(void)
{
	struct dns_name name = name_of("a.test");
	struct dns_question q = { .name = &name, .type = 1, .class = 1, .edns_size = 1232, .nsid = true };
	uint8_t query[DNS_QUERY_MAX];
	struct dns_message m;
	size_t n = dns_query_write(&q, 7, query), len;

	EXPECT(dns_message_read(query, n, &m));
	EXPECT(m.edns.present && m.edns.size == 1232 && !m.edns.dnssec);
	EXPECT(dns_option_find(&m.edns, DNS_OPTION_NSID, &len) && !len);
	EXPECT(!dns_option_find(&m.edns, DNS_OPTION_EDE, &len));
	for (size_t i = 0; i < n; i++)
		EXPECT(!dns_message_read(query, i, &m));
	query[5] = 2;
	EXPECT(!dns_message_read(query, n, &m));
}

/* ---- HTTP ---- */

static enum dns_http_state feed(const char *text, size_t step, struct dns_http *h)
{
	static uint8_t body[64];
	size_t n = strlen(text);
	enum dns_http_state state = DNS_HTTP_MORE;

	dns_http_init(h, body, sizeof(body));
	for (size_t at = 0; at < n && state == DNS_HTTP_MORE; at += step)
		state = dns_http_feed(h, (const uint8_t *)text + at, n - at < step ? n - at : step);
	return state;
}

#define DNS_TYPE_LINE "Content-Type: application/dns-message\r\n"

static void http_replies_are_read_however_cut(void)
{
	static const struct {
		const char *text;
		enum dns_http_state state;
		const char *body;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "Content-Length: 3\r\n\r\nabc", DNS_HTTP_DONE, "abc" },
		{ "HTTP/1.0 200\n" DNS_TYPE_LINE "content-length: 3 \n\nabcd", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n" DNS_TYPE_LINE
		  "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\n", DNS_HTTP_DONE, "abc" },
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "Content-Length: 65\r\n\r\n", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "Content-Length: -1\r\n\r\n", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "Content-Length: 99999999999999999999\r\n\r\n", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 404 No\r\n" DNS_TYPE_LINE "Content-Length: 3\r\n\r\nabc", DNS_HTTP_BAD, "" },
		{ "HTTP/2 200\r\n\r\n", DNS_HTTP_BAD, "" },
		{ "SSH-2.0-x\r\n", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", DNS_HTTP_BAD, "" },
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", DNS_HTTP_BAD, "a" },
		{ "HTTP/1.1 200 OK\r\n" DNS_TYPE_LINE "\r\nabc", DNS_HTTP_MORE, "abc" },
	};
	struct dns_http h;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 200; step += 7) {
			enum dns_http_state want = rows[i].state, got = feed(rows[i].text, step, &h);
			if (i == 1) /* what follows the body is not looked at */
				want = DNS_HTTP_DONE;
			else if (h.len != strlen(rows[i].body) || memcmp(h.body, rows[i].body, h.len))
				tap_fail(__FILE__, __LINE__, "row %u: body of %zu", i, h.len);
			if (got != want)
				tap_fail(__FILE__, __LINE__, "row %u by %zu: %d", i, step, got);
		}
	}
	EXPECT_INT(dns_http_close(&h), DNS_HTTP_DONE);
}

static void an_endless_head_ends(void)
{
	struct dns_http h;
	enum dns_http_state state = feed("HTTP/1.1 200 OK\r\n", 100, &h);

	for (unsigned i = 0; i < 100000 && state == DNS_HTTP_MORE; i++)
		state = dns_http_feed(&h, (const uint8_t *)"X: y\r\n", 6);
	EXPECT_INT(state, DNS_HTTP_BAD);
	EXPECT_STR(h.why, "sent too long an HTTP head");
}

/* ---- the plugin ---- */

struct server {
	pid_t pid;
	char port[8];
};

/* Answers `after` silent queries with 192.0.2.1. */
static void serve(int fd, int after)
{
	uint8_t data[2048];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20);
	while ((n = recvfrom(fd, data, 512, 0, (struct sockaddr *)&from, &len)) > 0) {
		static const uint8_t row[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
		if (after-- > 0)
			continue;
		data[2] |= 0x80;
		data[7] = 1;
		data[11] = 0; /* without the query's EDNS */
		size_t end = 12;
		while (data[end])
			end += data[end] + 1u;
		memcpy(data + end + 5, row, sizeof(row));
		sendto(fd, data, end + 5 + sizeof(row), 0, (struct sockaddr *)&from, len);
	}
	_exit(0);
}

static struct server start_server(int after)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct server s;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	EXPECT(fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof(a)));
	EXPECT(!getsockname(fd, (struct sockaddr *)&a, &len));
	snprintf(s.port, sizeof(s.port), "%u", ntohs(a.sin_port));
	s.pid = fork();
	EXPECT(s.pid >= 0);
	if (!s.pid)
		serve(fd, after);
	close(fd);
	return s;
}

static struct fakehost *probe(const struct server *s)
{
	struct fakehost *h = fakehost_new("plugins/dns/.libs/dns.so");

	EXPECT_INT(fakehost_set(h, "resolver", "127.0.0.1"), 0);
	EXPECT_INT(fakehost_set(h, "port", s->port), 0);
	EXPECT_INT(fakehost_set(h, "wait", "200ms"), 0);
	return h;
}

static json_t *run(struct fakehost *h, enum sonde_failure want)
{
	EXPECT_INT(fakehost_run(h, "www.test"), 0);
	if (fakehost_failure(h) != want)
		tap_fail(__FILE__, __LINE__, "failure %d: %s", fakehost_failure(h), fakehost_why(h));
	EXPECT_STR(fakehost_broken(h), "");
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);
	EXPECT(j);
	return j;
}

static void an_answer_is_a_result(void)
{
	struct server s = start_server(0);
	struct fakehost *h = probe(&s);
	json_t *j = run(h, SONDE_FAIL_NONE);
	const json_t *a = json_array_get(json_object_get(j, "answers"), 0);

	EXPECT_STR(json_string_value(json_object_get(a, "name")), "www.test.");
	EXPECT_STR(json_string_value(json_object_get(a, "type")), "A");
	EXPECT_STR(json_string_value(json_object_get(a, "class")), "IN");
	EXPECT_STR(json_string_value(json_object_get(a, "value")), "192.0.2.1");
	EXPECT_INT(json_integer_value(json_object_get(a, "ttl")), 60);
	EXPECT_INT(json_integer_value(json_object_get(j, "statusCode")), 0);
	EXPECT_STR(json_string_value(json_object_get(j, "statusCodeName")), "NOERROR");
	EXPECT_STR(json_string_value(json_object_get(j, "resolver")), "127.0.0.1");
	EXPECT(json_number_value(json_object_get(json_object_get(j, "timings"), "total")) > 0);
	EXPECT(json_is_null(json_object_get(json_object_get(j, "timings"), "connect")));
	EXPECT(strstr(fakehost_raw(h), "\nwww.test.\t\t60\tIN\tA\t192.0.2.1\n"));
	json_decref(j);
	fakehost_free(h);
}

static void a_lost_query_is_sent_again(void)
{
	struct server s = start_server(1);
	struct fakehost *h = probe(&s);
	json_t *j = run(h, SONDE_FAIL_NONE);

	EXPECT_INT(json_integer_value(json_object_get(j, "tries")), 2);
	EXPECT(strstr(fakehost_raw(h), ";; communications error to 127.0.0.1#"));
	json_decref(j);
	fakehost_free(h);
}

static void silence_is_a_timeout(void)
{
	struct server s = start_server(1000);
	struct fakehost *h = probe(&s);
	json_t *j = run(h, SONDE_FAIL_TIMEOUT);

	EXPECT(json_is_null(json_object_get(j, "statusCode")));
	EXPECT_INT(json_array_size(json_object_get(j, "answers")), 0);
	EXPECT(json_is_null(json_object_get(json_object_get(j, "timings"), "total")));
	EXPECT(strstr(fakehost_raw(h), ";; no servers could be reached\n"));
	json_decref(j);
	fakehost_free(h);
}

static void the_guard_and_the_resolver_have_their_say(void)
{
	struct server s = start_server(0);
	struct fakehost *h = probe(&s);

	fakehost_refuse(h, "127.0.0.1");
	json_decref(run(h, SONDE_FAIL_GUARD));
	EXPECT_INT(fakehost_set(h, "resolver", "nobody.test"), 0);
	json_decref(run(h, SONDE_FAIL_RESOLVE));
	EXPECT_INT(fakehost_set(h, "trace", "true"), 0);
	EXPECT_INT(fakehost_set(h, "roots", "127.0.0.1"), 0);
	json_t *j = run(h, SONDE_FAIL_GUARD);
	EXPECT_INT(json_array_size(json_object_get(j, "hops")), 0);
	json_decref(j);
	fakehost_free(h);
}

static void the_next_address_is_asked(void)
{
	struct server s = start_server(0);
	struct fakehost *h = probe(&s);

	fakehost_resolve_add(h, "two.test", "127.0.0.77"); /* nobody listens there */
	fakehost_resolve_add(h, "two.test", "127.0.0.1");
	EXPECT_INT(fakehost_set(h, "resolver", "two.test"), 0);
	json_t *j = run(h, SONDE_FAIL_NONE);
	EXPECT_STR(json_string_value(json_object_get(j, "resolver")), "two.test");
	EXPECT_STR(json_string_value(json_object_get(j, "resolvedAddress")), "127.0.0.1");
	json_decref(j);
	fakehost_free(h);
}

static void a_cancelled_probe_ends_at_once(void)
{
	struct server s = start_server(1000);
	static const char *const protocols[] = { "UDP", "TCP", "DOT", "DOH" };

	for (unsigned i = 0; i < 4; i++) {
		struct fakehost *h = probe(&s);
		EXPECT_INT(fakehost_set(h, "wait", "10s"), 0);
		EXPECT_INT(fakehost_set(h, "protocol", protocols[i]), 0);
		fakehost_cancel_at(h, 50 * SONDE_NS_PER_MS, SONDE_WHY_CANCELLED);
		/* Nobody listens for connections: those are over before. */
		json_decref(run(h, i ? SONDE_FAIL_REFUSED : SONDE_FAIL_CANCELLED));
		EXPECT(fakehost_took_ns(h) < SONDE_NS_PER_S);
		fakehost_free(h);
	}
}

static void too_little_memory_is_overload(void)
{
	struct server s = start_server(0);
	struct fakehost *h = probe(&s);

	EXPECT_INT(fakehost_set(h, "protocol", "TCP"), 0);
	fakehost_memory(h, 100);
	json_decref(run(h, SONDE_FAIL_OVERLOAD));
	EXPECT_INT(fakehost_set(h, "trace", "true"), 0);
	json_decref(run(h, SONDE_FAIL_OVERLOAD));
	fakehost_free(h);
}

TAP_MAIN(CASE(names_are_read), CASE(compression_ends), CASE(zones_hold_names),
         CASE(only_the_reply_answers), CASE(values_are_text_or_hex),
         CASE(broken_messages_are_refused), CASE(http_replies_are_read_however_cut),
         CASE(an_endless_head_ends), CASE(an_answer_is_a_result),
         CASE(a_lost_query_is_sent_again), CASE(silence_is_a_timeout),
         CASE(the_guard_and_the_resolver_have_their_say), CASE(the_next_address_is_asked),
         CASE(a_cancelled_probe_ends_at_once), CASE(too_little_memory_is_overload))
