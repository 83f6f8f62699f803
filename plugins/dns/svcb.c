/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of SVCB and HTTPS records as dig prints them; ldns leaves out the quotes. */
#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <string.h>

#include "record.h"

enum { GROUP = DNS_TEXT_GROUP };

static void put_svc_key(struct dns_text *t, unsigned key)
{
	static const char *const names[] = { "mandatory", "alpn", "no-default-alpn", "port",
		                             "ipv4hint", "ech", "ipv6hint", "dohpath" };

	if (key < sizeof(names) / sizeof(names[0]))
		dns_put(t, names[key], strlen(names[key]));
	else
		dns_putf(t, "key%u", key);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static bool put_alpn(struct dns_text *t, const uint8_t *p, size_t n)
{
	dns_put(t, "\"", 1);
	for (size_t at = 0; at < n; at += p[at] + 1u) {
		if (p[at] >= n - at)
			return false;
		if (at)
			dns_put(t, ",", 1);
		for (size_t i = at + 1; i <= at + p[at]; i++) {
			if (p[i] <= ' ' || p[i] >= 0x7f || strchr(",\\\"", p[i]))
				dns_putf(t, "\\%03u", p[i]);
			else
				dns_put(t, (const char *)&p[i], 1);
		}
	}
	dns_put(t, "\"", 1);
	return true;
}

static bool put_svc_value(struct dns_text *t, unsigned key, const uint8_t *p, size_t n)
{
	size_t step = key == LDNS_SVCPARAM_KEY_IPV4HINT   ? 4
	              : key == LDNS_SVCPARAM_KEY_IPV6HINT ? 16
	                                                  : 2;

	switch (key) {
	case LDNS_SVCPARAM_KEY_ALPN:
		return put_alpn(t, p, n);
	case LDNS_SVCPARAM_KEY_ECH:
		for (size_t i = 0; i < n; i += GROUP / 4 * 3) /* in groups nobody separates */
			dns_put_base64(t, p + i, n - i < GROUP / 4 * 3 ? n - i : GROUP / 4 * 3);
		return true;
	case LDNS_SVCPARAM_KEY_MANDATORY:
	case LDNS_SVCPARAM_KEY_PORT:
	case LDNS_SVCPARAM_KEY_IPV4HINT:
	case LDNS_SVCPARAM_KEY_IPV6HINT:
		if (!n || n % step || (key == LDNS_SVCPARAM_KEY_PORT && n != 2))
			return false;
		for (size_t at = 0; at < n; at += step) {
			if (at)
				dns_put(t, ",", 1);
			if (step == 4 || step == 16)
				dns_put_address(t, step == 4 ? AF_INET : AF_INET6, p + at);
			else if (key == LDNS_SVCPARAM_KEY_PORT)
				dns_putf(t, "%u", get16(p + at));
			else
				put_svc_key(t, get16(p + at));
		}
		return true;
	default:
		dns_put_quoted(t, p, n);
		return true;
	}
}

bool dns_put_svc(struct dns_text *t, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		if (len - at < 4)
			return false;
		unsigned key = get16(p + at);
		size_t n = get16(p + at + 2);
		at += 4;
		if (n > len - at)
			return false;
		if (at > 4)
			dns_put(t, " ", 1);
		put_svc_key(t, key);
		if (n) {
			dns_put(t, "=", 1);
			if (!put_svc_value(t, key, p + at, n))
				return false;
		}
		at += n;
	}
	return true;
}
