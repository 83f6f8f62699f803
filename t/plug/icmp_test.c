/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of the ICMP bytes: what is taken, and what is refused. */
#include "icmp/packet.h"

#include <string.h>
#include <sys/socket.h>

#include "tap.h"

static const uint8_t cookie[SONDE_ICMP_COOKIE] = "0123456789abcdef";

static void a_request_has_a_right_checksum(void)
{
	uint8_t p[SONDE_ICMP_HEADER + 57];

	for (size_t size = 0; size <= 57; size++) {
		sonde_icmp_build(AF_INET, p, 0x1234, 7, cookie, size);
		EXPECT_INT(p[0], 8);
		EXPECT_INT(sonde_icmp_fold(sonde_icmp_sum(0, p, SONDE_ICMP_HEADER + size)), 0);
	}
	sonde_icmp_build(AF_INET6, p, 0x1234, 7, cookie, 57);
	EXPECT_INT(p[0], 128);
	EXPECT_INT(p[2] | p[3], 0);
}

static size_t reply_v4(uint8_t *p, size_t size)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	p[8] = 57;
	p[9] = 1;
	memcpy(p + 12, "\x7f\x00\x00\x01", 4);
	sonde_icmp_build(AF_INET, p + 20, 0x1234, 7, cookie, size);
	p[20] = 0;
	return 20 + SONDE_ICMP_HEADER + size;
}

static void a_reply_is_read_with_and_without_ip_header(void)
{
	uint8_t p[128];
	struct sonde_icmp_msg m;
	size_t n = reply_v4(p, 56);

	EXPECT(sonde_icmp_parse(AF_INET, true, p, n, &m));
	EXPECT_INT(m.kind, SONDE_ICMP_REPLY);
	EXPECT_INT(m.id, 0x1234);
	EXPECT_INT(m.seq, 7);
	EXPECT_INT(m.ttl, 57);
	EXPECT_INT(m.len, 56);
	EXPECT(!memcmp(m.data, cookie, sizeof(cookie)));
	EXPECT(sonde_icmp_parse(AF_INET, false, p + 20, n - 20, &m));
	EXPECT_INT(m.ttl, -1);
	p[20] = 129;
	EXPECT(sonde_icmp_parse(AF_INET6, false, p + 20, n - 20, &m));
	EXPECT_INT(m.seq, 7);
}

static void every_cut_is_refused_or_shorter(void)
{
	uint8_t p[128];
	struct sonde_icmp_msg m;
	size_t n = reply_v4(p, 56);

	for (size_t cut = 0; cut < 28; cut++)
		EXPECT(!sonde_icmp_parse(AF_INET, true, p, cut, &m));
	for (size_t cut = 28; cut < n; cut++)
		EXPECT(sonde_icmp_parse(AF_INET, true, p, cut, &m) && m.len == cut - 28);
}

static void requests_and_other_protocols_are_refused(void)
{
	uint8_t p[128];
	struct sonde_icmp_msg m;
	size_t n = reply_v4(p, 56);

	p[20] = 8;
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
	EXPECT_INT(m.kind, SONDE_ICMP_NONE);
	p[20] = 0;
	p[9] = 17;
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
	p[9] = 1;
	p[0] = 0x44; /* header shorter than a header */
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
	p[0] = 0x4f; /* longer header: the echo header lies elsewhere */
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, 60, &m));
}

/* An error of type, code about an echo request to 192.0.2.1, quoting `quoted` ICMP bytes. */
static size_t error_v4(uint8_t *p, uint8_t type, uint8_t code, size_t quoted)
{
	memset(p, 0, 20 + 8 + 20);
	p[0] = p[28] = 0x45;
	p[8] = 63;
	p[9] = p[37] = 1;
	p[20] = type;
	p[21] = code;
	p[26] = 1400 >> 8;
	p[27] = 1400 & 255;
	memcpy(p + 28 + 16, "\xc0\x00\x02\x01", 4);
	sonde_icmp_build(AF_INET, p + 48, 0x1234, 9, cookie, 56);
	return 48 + quoted;
}

static void an_error_tells_which_request(void)
{
	uint8_t p[256];
	struct sonde_icmp_msg m;

	EXPECT(sonde_icmp_parse(AF_INET, true, p, error_v4(p, 3, 1, 64), &m));
	EXPECT_INT(m.kind, SONDE_ICMP_UNREACHABLE);
	EXPECT_INT(m.id, 0x1234);
	EXPECT_INT(m.seq, 9);
	EXPECT_INT(m.len, 56);
	EXPECT(!memcmp(m.dst, "\xc0\x00\x02\x01", 4));
	EXPECT_STR(sonde_icmp_phrase(AF_INET, m.type, m.code), "host unreachable");
	EXPECT(sonde_icmp_parse(AF_INET, true, p, error_v4(p, 11, 0, 8), &m));
	EXPECT_INT(m.kind, SONDE_ICMP_EXCEEDED);
	EXPECT_INT(m.len, 0);
	EXPECT(sonde_icmp_parse(AF_INET, true, p, error_v4(p, 3, 4, 8), &m));
	EXPECT_INT(m.kind, SONDE_ICMP_TOO_BIG);
	EXPECT_INT(m.mtu, 1400);
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, error_v4(p, 3, 1, 7), &m));
	EXPECT_INT(m.kind, SONDE_ICMP_NONE);
}

static void an_error_about_something_else_is_refused(void)
{
	uint8_t p[256];
	struct sonde_icmp_msg m;
	size_t n = error_v4(p, 3, 3, 64);

	p[37] = 17; /* quotes UDP */
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
	n = error_v4(p, 3, 3, 64);
	p[48] = 0; /* quotes a reply */
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
	n = error_v4(p, 3, 3, 64);
	p[28 + 7] = 1; /* quotes a later fragment */
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
	n = error_v4(p, 5, 0, 64); /* a redirect is no error */
	EXPECT(!sonde_icmp_parse(AF_INET, true, p, n, &m));
}

static void an_icmpv6_error_is_read_behind_a_fragment_header(void)
{
	uint8_t p[256] = { 0 };
	struct sonde_icmp_msg m;

	p[0] = 2; /* packet too big */
	p[6] = 1280 >> 8;
	p[7] = 1280 & 255;
	p[8] = 0x60;
	p[8 + 6] = 44;
	p[8 + 24] = 0xfd;
	p[48] = 58;
	sonde_icmp_build(AF_INET6, p + 56, 5, 6, cookie, 56);
	EXPECT(sonde_icmp_parse(AF_INET6, false, p, 56 + 64, &m));
	EXPECT_INT(m.kind, SONDE_ICMP_TOO_BIG);
	EXPECT_INT(m.mtu, 1280);
	EXPECT_INT(m.seq, 6);
	EXPECT_INT(m.dst[0], 0xfd);
	p[8 + 6] = 58; /* now the bytes at 48 must be the echo header, and are not */
	EXPECT(!sonde_icmp_parse(AF_INET6, false, p, 56 + 64, &m));
	p[8 + 6] = 44;
	p[48 + 3] = 8; /* a later fragment */
	EXPECT(!sonde_icmp_parse(AF_INET6, false, p, 56 + 64, &m));
}

static void the_quoted_request_of_an_error_queue_is_read(void)
{
	uint8_t p[64];
	struct sonde_icmp_msg m;

	sonde_icmp_build(AF_INET, p, 5, 6, cookie, 56);
	EXPECT(sonde_icmp_parse_quoted(AF_INET, 3, 1, p, sizeof(p), &m));
	EXPECT_INT(m.kind, SONDE_ICMP_UNREACHABLE);
	EXPECT_INT(m.seq, 6);
	EXPECT(!sonde_icmp_parse_quoted(AF_INET, 3, 1, p, 7, &m));
	EXPECT(!sonde_icmp_parse_quoted(AF_INET, 0, 0, p, sizeof(p), &m));
}

TAP_MAIN(CASE(a_request_has_a_right_checksum), CASE(a_reply_is_read_with_and_without_ip_header),
         CASE(every_cut_is_refused_or_shorter), CASE(requests_and_other_protocols_are_refused),
         CASE(an_error_tells_which_request), CASE(an_error_about_something_else_is_refused),
         CASE(an_icmpv6_error_is_read_behind_a_fragment_header),
         CASE(the_quoted_request_of_an_error_queue_is_read))
