/* SPDX-License-Identifier: Apache-2.0 */
/* Text into memory of the caller, in the spellings of zone files. Owns nothing. */
#include "text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GROUP = DNS_TEXT_GROUP };

void dns_put(struct dns_text *t, const char *s, size_t n)
{
	size_t room = t->max - t->len;

	if (n > room) {
		t->full = true;
		n = room;
	}
	memcpy(t->s + t->len, s, n);
	t->len += n;
}

void dns_putf(struct dns_text *t, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		dns_put(t, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void dns_put_hex(struct dns_text *t, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n && !t->full; i++) {
		if (i && 2 * i % GROUP == 0)
			dns_put(t, " ", 1);
		dns_put(t, (char[]){ digits[p[i] >> 4], digits[p[i] & 15] }, 2);
	}
}

void dns_put_base64(struct dns_text *t, const uint8_t *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n && !t->full; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
			(i + 2 < n ? p[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
			         i + 1 < n ? digits[v >> 6 & 63] : '=',
			         i + 2 < n ? digits[v & 63] : '=' };
		if (i && i / 3 * 4 % GROUP == 0)
			dns_put(t, " ", 1);
		dns_put(t, four, 4);
	}
}

void dns_put_base32(struct dns_text *t, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
	unsigned bits = 0;
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		v = v << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			dns_put(t, &digits[v >> (bits - 5) & 31], 1);
	}
	if (bits)
		dns_put(t, &digits[v << (5 - bits) & 31], 1);
}

void dns_put_quoted(struct dns_text *t, const uint8_t *p, size_t n)
{
	dns_put(t, "\"", 1);
	for (size_t i = 0; i < n && !t->full; i++) {
		char c = (char)p[i];
		if (p[i] < ' ' || p[i] >= 0x7f)
			dns_putf(t, "\\%03u", p[i]);
		else if (c == '"' || c == '\\')
			dns_put(t, (char[]){ '\\', c }, 2);
		else
			dns_put(t, &c, 1);
	}
	dns_put(t, "\"", 1);
}

void dns_put_address(struct dns_text *t, int family, const uint8_t *p)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, p, text, sizeof(text)))
		dns_put(t, text, strlen(text));
}
