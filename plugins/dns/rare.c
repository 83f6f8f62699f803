/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that dig prints in another way than ldns: places, locators, address lists, and the
 * algorithm of a certificate. */
#include <arpa/inet.h>
#include <string.h>

#include "record.h"

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Thousandths of a second of arc from 2^31. */
static void put_angle(struct dns_text *t, uint32_t v, char plus, char minus, bool last)
{
	const uint32_t zero = 1u << 31;
	uint32_t a = v >= zero ? v - zero : zero - v;

	dns_putf(t, "%u %u %u.%03u %c%s", a / 3600000, a / 60000 % 60, a / 1000 % 60, a % 1000,
	         v >= zero ? plus : minus, last ? "" : " ");
}

/* A digit and a power of ten, in centimetres. */
static bool put_size(struct dns_text *t, uint8_t v)
{
	static const unsigned powers[] = { 1, 10, 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000 };
	unsigned digit = v >> 4, power = v & 15;

	if (digit > 9 || power > 9)
		return false;
	if (power < 2)
		dns_putf(t, " 0.%02um", digit * powers[power]);
	else
		dns_putf(t, " %um", digit * powers[power]);
	return true;
}

bool dns_put_loc(struct dns_text *t, const uint8_t *p, size_t n)
{
	const int64_t sea = 10000000;

	if (n != 16 || p[0])
		return false;
	put_angle(t, get32(p + 4), 'N', 'S', false);
	put_angle(t, get32(p + 8), 'E', 'W', true);
	int64_t height = (int64_t)get32(p + 12) - sea;
	long long cm = height < 0 ? -height : height;
	dns_putf(t, " %s%lld.%02lldm", height < 0 ? "-" : "", cm / 100, cm % 100);
	return put_size(t, p[1]) && put_size(t, p[2]) && put_size(t, p[3]);
}

void dns_put_locator(struct dns_text *t, const uint8_t p[8])
{
	for (unsigned i = 0; i < 8; i += 2)
		dns_putf(t, i ? ":%x" : "%x", (unsigned)p[i] << 8 | p[i + 1]);
}

bool dns_put_apl(struct dns_text *t, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		uint8_t address[16] = { 0 };
		if (n - at < 4)
			return false;
		unsigned family = (unsigned)p[at] << 8 | p[at + 1], len = p[at + 3] & 0x7f;
		if ((family != 1 && family != 2) || len > (family == 1 ? 4 : 16) ||
		    len > n - at - 4)
			return false;
		memcpy(address, p + at + 4, len);
		dns_putf(t, "%s%s%u:", at ? " " : "", p[at + 3] & 0x80 ? "!" : "", family);
		dns_put_address(t, family == 1 ? AF_INET : AF_INET6, address);
		dns_putf(t, "/%u", p[at + 2]);
		at += 4 + len;
	}
	return true;
}

void dns_put_algorithm(struct dns_text *t, uint8_t algorithm)
{
	static const char *const names[] = {
		[1] = "RSAMD5", [2] = "DH", [3] = "DSA", [5] = "RSASHA1", [6] = "NSEC3DSA",
		[7] = "NSEC3RSASHA1", [8] = "RSASHA256", [10] = "RSASHA512", [12] = "ECCGOST",
		[13] = "ECDSAP256SHA256", [14] = "ECDSAP384SHA384", [15] = "ED25519",
		[16] = "ED448", [252] = "INDIRECT", [253] = "PRIVATEDNS", [254] = "PRIVATEOID",
		[255] = NULL,
	};

	if (names[algorithm])
		dns_put(t, names[algorithm], strlen(names[algorithm]));
	else
		dns_putf(t, "%u", algorithm);
}
