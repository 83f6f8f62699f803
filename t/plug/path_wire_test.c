/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of path probes: what routers hash is equal for every probe of a flow, and what comes
 * back is known by cookie or checksum. */
#include <string.h>
#include <sys/socket.h>

#include "path/wire.h"
#include "tap.h"

static const uint8_t cookie[PATH_COOKIE] = { 9, 8, 7, 6, 5, 4, 3, 2 };

static void every_probe_has_one_sum(void)
{
	uint8_t echo[PATH_ECHO], payload[PATH_PAYLOAD], first[2];
	uint16_t sum = 0;

	for (unsigned seq = 1; seq < 65536; seq++) {
		path_echo(AF_INET, echo, 77, (uint16_t)seq, cookie);
		path_payload(payload, (uint16_t)seq, cookie);
		if (seq == 1) {
			memcpy(first, echo + 2, 2);
			sum = sonde_icmp_fold(sonde_icmp_sum(0, payload, sizeof(payload)));
		}
		EXPECT(!memcmp(first, echo + 2, 2));
		EXPECT_INT(sonde_icmp_fold(sonde_icmp_sum(0, payload, sizeof(payload))), sum);
		EXPECT_INT(sonde_icmp_fold(sonde_icmp_sum(0, echo, sizeof(echo))), 0);
		EXPECT_INT(path_payload_seq(payload, sizeof(payload), cookie), seq);
	}
}

static void a_payload_is_known_by_its_cookie(void)
{
	uint8_t p[PATH_PAYLOAD];

	path_payload(p, 5, cookie);
	EXPECT_INT(path_payload_seq(p, 12, cookie), 5);
	EXPECT_INT(path_payload_seq(p, 11, cookie), 0);
	EXPECT_INT(path_payload_seq(p, 0, cookie), 0);
	p[11] ^= 128;
	EXPECT_INT(path_payload_seq(p, sizeof(p), cookie), -1);
}

static int quoted(int family, const uint8_t *p, size_t len, uint16_t id)
{
	struct sonde_icmp_msg m;

	EXPECT(sonde_icmp_parse_quoted(family, family == AF_INET ? 11 : 3, 0, p, len, &m));
	return path_echo_seq(family, &m, id, cookie);
}

static void a_quoted_echo_is_known_by_cookie_or_checksum(void)
{
	uint8_t p[PATH_ECHO];

	path_echo(AF_INET, p, 77, 3, cookie);
	for (size_t len = 8; len <= sizeof(p); len++)
		EXPECT_INT(quoted(AF_INET, p, len, 77), 3);
	EXPECT_INT(quoted(AF_INET, p, sizeof(p), 78), -1);
	p[2] ^= 1;
	EXPECT_INT(quoted(AF_INET, p, 8, 77), -1);
	EXPECT_INT(quoted(AF_INET, p, 19, 77), -1);
	EXPECT_INT(quoted(AF_INET, p, 20, 77), 3); /* some address translators spoil it */
	p[7] ^= 1;
	EXPECT_INT(quoted(AF_INET, p, sizeof(p), 77), -1);
	path_echo(AF_INET6, p, 77, 3, cookie);
	EXPECT_INT(quoted(AF_INET6, p, sizeof(p), 77), 3);
	EXPECT_INT(quoted(AF_INET6, p, 19, 77), -1);
}

/* Version 2, a good checksum; an object of another class, then one of two labels. */
static size_t extension(uint8_t *p)
{
	static const uint8_t bytes[] = { 0x20, 0, 0, 0, 0, 8, 2, 1, 1, 2, 3, 4,
	                                 0, 12, 1, 1, 0x03, 0x03, 0x9a, 1, 0x00, 0x06, 0x31, 7 };

	memcpy(p, bytes, sizeof(bytes));
	uint16_t check = sonde_icmp_fold(sonde_icmp_sum(0, p, sizeof(bytes)));
	memcpy(p + 2, &check, 2);
	return sizeof(bytes);
}

static void expect_two(unsigned n, const struct path_label *l)
{
	EXPECT_INT(n, 2);
	EXPECT_INT(l[0].label, 12345);
	EXPECT_INT(l[0].tc, 5);
	EXPECT_INT(l[0].bottom, 0);
	EXPECT_INT(l[0].ttl, 1);
	EXPECT_INT(l[1].label, 99);
	EXPECT_INT(l[1].bottom, 1);
	EXPECT_INT(l[1].ttl, 7);
}

static void labels_are_read_and_broken_ones_are_not(void)
{
	struct path_label l[PATH_LABELS];
	uint8_t p[64];
	size_t n = extension(p);

	expect_two(path_labels(p, n, false, l), l);
	for (size_t len = 0; len < n; len++)
		EXPECT_INT(path_labels(p, len, true, l), 0);
	p[9] ^= 1;
	EXPECT_INT(path_labels(p, n, true, l), 0);
	p[2] = p[3] = 0;
	EXPECT_INT(path_labels(p, n, false, l), 0);
	expect_two(path_labels(p, n, true, l), l);
	p[0] = 0x10;
	EXPECT_INT(path_labels(p, n, true, l), 0);
	p[0] = 0x20;
	p[5] = 2; /* shorter than its own header */
	EXPECT_INT(path_labels(p, n, true, l), 0);
	p[5] = 200;
	EXPECT_INT(path_labels(p, n, true, l), 0);
}

static void labels_are_found_where_they_are(void)
{
	struct path_label l[PATH_LABELS];
	uint8_t p[256] = { 11 };
	size_t n = 8 + 128 + extension(p + 8 + 128);

	expect_two(path_labels_of_icmp(AF_INET, p, n, l), l);
	p[5] = 32;
	expect_two(path_labels_of_icmp(AF_INET, p, n, l), l);
	p[5] = 0;
	EXPECT_INT(path_labels_of_icmp(AF_INET6, p, n, l), 0);
	p[4] = 16;
	expect_two(path_labels_of_icmp(AF_INET6, p, n, l), l);
	EXPECT_INT(path_labels_of_icmp(AF_INET, p, 7, l), 0);
	expect_two(path_labels_of_quote(AF_INET, p + 36, n - 36, 28, 0, l), l);
	expect_two(path_labels_of_quote(AF_INET, p + 36, n - 36, 20, 100, l), l);
	EXPECT_INT(path_labels_of_quote(AF_INET6, p + 36, n - 36, 28, 0, l), 0);
	EXPECT_INT(path_labels_of_quote(AF_INET, p, n, 20, 9999, l), 0);
}

TAP_MAIN(CASE(every_probe_has_one_sum), CASE(a_payload_is_known_by_its_cookie),
         CASE(a_quoted_echo_is_known_by_cookie_or_checksum),
         CASE(labels_are_read_and_broken_ones_are_not), CASE(labels_are_found_where_they_are))
