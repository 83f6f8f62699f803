/* SPDX-License-Identifier: Apache-2.0 */
/* Pure functions of the plugins tcp, udp and ntp: bytes that a user typed, expressions and their
 * limits, the dialogue, and NTP headers. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "connect/address.h"
#include "connect/errno.h"
#include "connect/bytes.h"
#include "connect/pattern.h"
#include "ntp/packet.h"
#include "tap.h"
#include "tcp/dialogue.h"

static void escapes_become_bytes(void)
{
	uint8_t out[8];

	EXPECT_INT(sonde_bytes_unescape("a\\r\\n\\t\\0\\\\\\x7F", 15, out, 8), 7);
	EXPECT(!memcmp(out, "a\r\n\t\0\\\x7f", 7));
	EXPECT_INT(sonde_bytes_unescape("", 0, out, 8), 0);
	EXPECT_INT(sonde_bytes_unescape("12345678", 8, out, 8), 8);
	EXPECT_INT(sonde_bytes_unescape("123456789", 9, out, 8), -1);
	for (const char *const *bad = (const char *const[]){ "\\", "\\q", "\\x", "\\x1", "\\xg0", NULL };
	     *bad; bad++)
		EXPECT_INT(sonde_bytes_unescape(*bad, strlen(*bad), out, 8), -1);
}

static void hex_becomes_bytes(void)
{
	uint8_t out[4];

	EXPECT_INT(sonde_bytes_hex("00:fF 10", 8, out, 4), 3);
	EXPECT(!memcmp(out, "\x00\xff\x10", 3));
	EXPECT_INT(sonde_bytes_hex("0", 1, out, 4), -1);
	EXPECT_INT(sonde_bytes_hex("0 0", 3, out, 4), -1);
	EXPECT_INT(sonde_bytes_hex("0001020304", 10, out, 4), -1);
}

static void bytes_are_shown_on_one_line(void)
{
	char out[12];

	EXPECT_STR(sonde_bytes_show((const uint8_t *)"a\n\x80", 3, out, 12), "a\\x0a\\x80");
	EXPECT_STR(sonde_bytes_show((const uint8_t *)"\n\n\n\n", 4, out, 12), "\\x0a\\x0a");
	EXPECT_STR(sonde_bytes_show(NULL, 0, out, 12), "");
}

static void a_source_is_a_literal(void)
{
	struct sonde_addr a;
	struct sonde_error e;

	EXPECT_INT(sonde_source_parse(NULL, &a), 0);
	EXPECT_INT(a.sa.ss_family, AF_UNSPEC);
	EXPECT_INT(sonde_source_parse("fd00::1", &a), 0);
	EXPECT_INT(a.sa.ss_family, AF_INET6);
	EXPECT_INT(sonde_source_parse("127.1", &a), -1);
	EXPECT_INT(sonde_source_check("eth0", &e), -1);
	EXPECT_STR(e.path, "source");
}

static void addresses_are_ordered_ipv4_first(void)
{
	struct sonde_addr in[3], out[3];
	char text[SONDE_ADDRESS_TEXT];

	EXPECT(!sonde_source_parse("::1", &in[0]) && !sonde_source_parse("192.0.2.1", &in[1]) &&
	       !sonde_source_parse("192.0.2.2", &in[2]));
	EXPECT_INT(sonde_address_order(in, 3, out, 2), 2);
	EXPECT_STR(sonde_address_text(&out[0], text), "192.0.2.1");
	EXPECT_STR(sonde_address_text(&out[1], text), "192.0.2.2");
	EXPECT_INT(sonde_address_order(in, 3, out, 3), 3);
	EXPECT_STR(sonde_address_text(&out[2], text), "::1");
}

static void errnos_are_failures(void)
{
	EXPECT_INT(sonde_errno_failure(0), SONDE_FAIL_NONE);
	EXPECT_INT(sonde_errno_failure(ECONNREFUSED), SONDE_FAIL_REFUSED);
	EXPECT_INT(sonde_errno_failure(EHOSTUNREACH), SONDE_FAIL_UNREACHABLE);
	EXPECT_INT(sonde_errno_failure(ETIMEDOUT), SONDE_FAIL_TIMEOUT);
	EXPECT_INT(sonde_errno_failure(EMFILE), SONDE_FAIL_OVERLOAD);
	EXPECT_INT(sonde_errno_failure(EPIPE), SONDE_FAIL_CONNECT);
	EXPECT_STR(sonde_errno_phrase(ECONNREFUSED), "connection refused");
}

static enum sonde_pattern_found found(const char *regex, const char *text, size_t len,
                                      unsigned *steps)
{
	char why[120];
	struct sonde_pattern *p = sonde_pattern_new(regex, strlen(regex), why, sizeof(why));

	if (!p)
		tap_fail(__FILE__, __LINE__, "%s: %s", regex, why);
	enum sonde_pattern_found f = sonde_pattern_match(p, text, len, steps);
	sonde_pattern_free(p);
	return f;
}

static void expressions_match_bytes(void)
{
	unsigned steps = SONDE_PATTERN_STEPS;

	EXPECT_INT(found("^SSH-2", "SSH-2.0-x", 9, &steps), SONDE_PATTERN_YES);
	EXPECT_INT(found("^SSH-1", "SSH-2.0-x", 9, &steps), SONDE_PATTERN_NO);
	EXPECT_INT(found("a.\\x00$", "a\xff\0", 3, &steps), SONDE_PATTERN_YES);
	EXPECT_INT(found("^$", "", 0, &steps), SONDE_PATTERN_YES);
	EXPECT(steps < SONDE_PATTERN_STEPS);
}

/* Each of these takes the library's own counting per start seconds or a good part of one. */
static void expensive_expressions_end(void)
{
	static const char *const hard[] = {
		"(a+)+[bc]", "a.{0,4000}[bc]", ".{0,90}.{0,90}[xy]", "(.*).*.*[xy]", "(?:a|a)*[bc]",
		"(a|aa)+[bc]",
	};
	char text[4096];

	memset(text, 'a', sizeof(text));
	for (unsigned i = 0; i < sizeof(hard) / sizeof(hard[0]); i++) {
		unsigned steps = SONDE_PATTERN_STEPS;
		if (found(hard[i], text, sizeof(text), &steps) != SONDE_PATTERN_LIMIT)
			tap_fail(__FILE__, __LINE__, "%s was not stopped", hard[i]);
		EXPECT_INT(found("^a", text, 1, &(unsigned){ 0 }), SONDE_PATTERN_LIMIT);
	}
}

static void bad_expressions_are_refused(void)
{
	static const char *const bad[] = { "(", "a{2,1}", "[", "\\C", "(*UTF)a", "(?<n>a)(?<n>b)",
		                           "((((a{999}){999}){999}){999})" };
	char why[120], longest[SONDE_PATTERN_MAX + 1];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sonde_pattern_new(bad[i], strlen(bad[i]), why, sizeof(why)))
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
	memset(longest, 'a', sizeof(longest));
	EXPECT(!sonde_pattern_new(longest, sizeof(longest), why, sizeof(why)));
	EXPECT(strstr(why, "longer than 512"));
}

/* The dialogue. */

static struct dialogue d;
static struct dialogue_run r;

static void script(const char *text)
{
	char why[200];

	if (dialogue_parse(text, &d, why, sizeof(why)))
		tap_fail(__FILE__, __LINE__, "%s", why);
	dialogue_begin(&r);
}

static enum dialogue_want feed(const char *text)
{
	dialogue_feed(&r, (const uint8_t *)text, strlen(text));
	return dialogue_go(&d, &r, 1);
}

static void expect_out(const char *text)
{
	EXPECT_INT(r.out_len, strlen(text));
	EXPECT(!memcmp(r.out, text, r.out_len));
	dialogue_sent(&r, 2);
}

static void a_dialogue_is_held(void)
{
	script("# greeting\nexpect ^220 (\\S+)\n\nsend EHLO ${1}${2}\\r\nexpect ^250 \nwrite QUIT\\r\\n");
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_WANTS_READ);
	EXPECT_INT(feed("220-a\r\n220 mail"), DIALOGUE_WANTS_READ);
	EXPECT_INT(feed(".test hi\r\n"), DIALOGUE_WANTS_SEND);
	EXPECT_INT(r.greeting_len, 5);
	expect_out("EHLO mail.test\r\n");
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_WANTS_READ);
	EXPECT_INT(feed("250-PIPELINING\r\n250 OK\r\n"), DIALOGUE_WANTS_SEND);
	expect_out("QUIT\r\n");
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_OVER);
	EXPECT_INT(r.seen[0].len, 16);
	EXPECT(!memcmp(r.show[0], "220 mail.test hi", 16));
	dialogue_free(&d);
}

static void bytes_are_expected_across_reads(void)
{
	script("expect-bytes \\x00end\r\n\r\nexpect ^rest$"); /* a script with CR LF */
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_WANTS_READ);
	uint8_t noise[3000];
	memset(noise, 'x', sizeof(noise));
	for (int i = 0; i < 5; i++) {
		dialogue_feed(&r, noise, sizeof(noise));
		EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_WANTS_READ);
	}
	dialogue_feed(&r, (const uint8_t *)"\0en", 3);
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_WANTS_READ);
	EXPECT_INT(feed("drest"), DIALOGUE_WANTS_READ);
	dialogue_feed(&r, NULL, 0); /* the last line needs no end */
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_OVER);
	dialogue_free(&d);
}

static void a_server_may_say_so_much(void)
{
	uint8_t line[DIALOGUE_LINE_MAX];

	memset(line, 'x', sizeof(line));
	script("expect ^y");
	dialogue_feed(&r, line, sizeof(line));
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_TOO_MUCH);
	EXPECT_INT(dialogue_room(&r), 0);
	dialogue_greet(&r);
	EXPECT_INT(r.greeting_len, DIALOGUE_SHOW_MAX);

	dialogue_begin(&r);
	enum dialogue_want want = DIALOGUE_WANTS_READ;
	for (unsigned i = 0; i < 600 && want == DIALOGUE_WANTS_READ; i++)
		want = feed("short\n");
	EXPECT_INT(want, DIALOGUE_TOO_MUCH);
	EXPECT_INT(r.lines, DIALOGUE_LINES_MAX + 1);
	dialogue_free(&d);

	script("expect-bytes never");
	want = DIALOGUE_WANTS_READ;
	size_t all = 0;
	while (want == DIALOGUE_WANTS_READ && all < 1 << 20) {
		size_t n = dialogue_room(&r) < sizeof(line) ? dialogue_room(&r) : sizeof(line);
		dialogue_feed(&r, line, n);
		all += n;
		want = dialogue_go(&d, &r, 0);
	}
	EXPECT_INT(want, DIALOGUE_TOO_MUCH);
	EXPECT(all < DIALOGUE_READ_MAX + DIALOGUE_LINE_MAX);
	dialogue_free(&d);
}

static void what_is_unmet_is_said(void)
{
	script("expect ^220");
	EXPECT_INT(feed("221 no\n"), DIALOGUE_WANTS_READ);
	dialogue_feed(&r, NULL, 0);
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_UNMET);
	EXPECT_INT(r.step, 0);
	dialogue_free(&d);

	script("expect (a+)+[bc]");
	uint8_t line[2000];
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	dialogue_feed(&r, line, sizeof(line));
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_TOO_HARD);
	dialogue_free(&d);
}

static void tls_begins_on_a_clean_line(void)
{
	script("expect ^220\nstarttls\nsend x");
	EXPECT(dialogue_has_tls(&d));
	EXPECT_INT(feed("220 go\r\n"), DIALOGUE_WANTS_TLS);
	dialogue_secured(&r, 5);
	EXPECT_INT(dialogue_go(&d, &r, 0), DIALOGUE_WANTS_SEND);
	dialogue_begin(&r);
	EXPECT_INT(feed("220 go\r\n250 forged\r\n"), DIALOGUE_TOO_EARLY);
	dialogue_free(&d);
}

static void an_expansion_is_cut(void)
{
	script("expect ^(.*)$\nwrite ${1}${1}${1}${1}${0}${1}${1}${1}${1}");
	char line[1001];
	memset(line, 'z', 1000);
	line[999] = '\n';
	line[1000] = 0;
	EXPECT_INT(feed(line), DIALOGUE_WANTS_SEND);
	/* Group 0 has used up the room for groups. */
	EXPECT(r.out_len <= DIALOGUE_SEND_MAX);
	EXPECT_INT(r.out_len, DIALOGUE_GROUPS_BYTES);
	dialogue_free(&d);
}

static void bad_scripts_are_refused(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "hello", "line 1 begins with none of" },
		{ "expect a\n\nexpect (", "line 3 missing closing parenthesis" },
		{ "send \\q", "line 1 is too long or has an escape" },
		{ "expect-bytes ", "line 1 expects nothing" },
		{ "starttls now", "line 1 says more" },
		{ "starttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls\n"
		  "starttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls\nstarttls",
		  "line 17 is one of more than 16 steps" },
	};
	char why[200];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_INT(dialogue_parse(bad[i].text, &d, why, sizeof(why)), -1);
		if (strncmp(why, bad[i].why, strlen(bad[i].why)))
			tap_fail(__FILE__, __LINE__, "says \"%s\"", why);
	}
}

/* NTP. */

static void answer(uint8_t out[NTP_HEADER], uint64_t nonce, uint64_t receive, uint64_t transmit)
{
	uint8_t request[NTP_HEADER];

	ntp_build(request, 4, nonce);
	memset(out, 0, NTP_HEADER);
	out[0] = 0x24;
	out[1] = 2;
	out[3] = (uint8_t)-20;
	memcpy(out + 24, request + 40, 8);
	for (int i = 0; i < 8; i++) {
		out[32 + i] = (uint8_t)(receive >> (56 - 8 * i));
		out[40 + i] = (uint8_t)(transmit >> (56 - 8 * i));
	}
}

static void only_our_answers_count(void)
{
	uint8_t p[NTP_HEADER + 20] = { 0 };
	struct ntp_packet k;

	answer(p, 77, 5, 6);
	EXPECT(!ntp_parse(p, NTP_HEADER - 1, &k));
	EXPECT(ntp_parse(p, NTP_HEADER, &k));
	EXPECT(ntp_parse(p, sizeof(p), &k));
	EXPECT_INT(k.precision, -20);
	EXPECT_INT(ntp_judge(&k, 77), NTP_GOOD);
	EXPECT_INT(ntp_judge(&k, 78), NTP_NOT_OURS);
	k.mode = 3;
	EXPECT_INT(ntp_judge(&k, 77), NTP_NOT_OURS);
	k.mode = 4;
	k.leap = NTP_LEAP_UNKNOWN;
	EXPECT_INT(ntp_judge(&k, 77), NTP_UNSYNCHRONISED);
	k.leap = 0;
	k.stratum = 16;
	EXPECT_INT(ntp_judge(&k, 77), NTP_UNSYNCHRONISED);
	k.stratum = 1;
	k.receive = UINT64_C(1) << 32;
	EXPECT_INT(ntp_judge(&k, 77), NTP_BROKEN);
	k.stratum = 0;
	memcpy(k.reference_id, "RATE", 4);
	EXPECT_INT(ntp_judge(&k, 77), NTP_KISS);
}

static void times_are_right_across_the_era(void)
{
	const int64_t ns = 1000000000;
	/* 2036-02-07 06:28:16 UTC is the first second of era 1. */
	const int64_t era = INT64_C(2085978496) * ns;
	static const int64_t around[] = { -1, 0, 1, -123456789, 999999999, 5000000001 };

	EXPECT_INT(ntp_from_unix(era) >> 32, 0);
	for (unsigned i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		int64_t t = era + around[i];
		EXPECT_INT(ntp_to_unix(ntp_from_unix(t), era - 40 * 365 * 86400 * ns), t);
		EXPECT_INT(ntp_diff(ntp_from_unix(t), ntp_from_unix(era)), around[i]);
	}
	EXPECT_INT(ntp_short_ns(0x00018000), 1500000000);
	EXPECT_INT(ntp_from_unix(0) >> 32, 2208988800);
}

static void references_are_read(void)
{
	struct ntp_packet k = { .stratum = 1, .reference_id = "GPS" };
	char out[20];

	EXPECT_STR(ntp_reference_text(&k, out), "GPS");
	k.stratum = 2;
	memcpy(k.reference_id, "\xc0\x00\x02\x01", 4);
	EXPECT_STR(ntp_reference_text(&k, out), "192.0.2.1");
}

TAP_MAIN(
	CASE(escapes_become_bytes),
	CASE(hex_becomes_bytes),
	CASE(bytes_are_shown_on_one_line),
	CASE(a_source_is_a_literal),
	CASE(addresses_are_ordered_ipv4_first),
	CASE(errnos_are_failures),
	CASE(expressions_match_bytes),
	CASE(expensive_expressions_end),
	CASE(bad_expressions_are_refused),
	CASE(a_dialogue_is_held),
	CASE(bytes_are_expected_across_reads),
	CASE(a_server_may_say_so_much),
	CASE(what_is_unmet_is_said),
	CASE(tls_begins_on_a_clean_line),
	CASE(an_expansion_is_cut),
	CASE(bad_scripts_are_refused),
	CASE(only_our_answers_count),
	CASE(times_are_right_across_the_era),
	CASE(references_are_read)
)
