/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may write as a target or a prefix. One spelling per address: everything that some
 * resolver would read as an address in another way (octal, hex, short, integer, zone, wide
 * letters) is refused here instead of being looked up as a name. Owns nothing. */
#include "guard/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/json.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX = 63 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Exactly four decimal parts without leading zeros; inet_aton would take far more. */
static bool parse_ipv4(const char *text, size_t len, unsigned char out[4])
{
	size_t i = 0;

	for (unsigned part = 0; part < 4; part++) {
		size_t start = i;
		unsigned v = 0;
		if (part && (i == len || text[i++] != '.'))
			return false;
		for (start = i; i < len && i - start < 3 && is_digit(text[i]); i++)
			v = v * 10 + (unsigned)(text[i] - '0');
		if (i == start || v > 255 || (text[start] == '0' && i - start > 1))
			return false;
		out[part] = (unsigned char)v;
	}
	return i == len;
}

static bool parse_ipv6(const char *text, size_t len, unsigned char out[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(AF_INET6, copy, out) == 1;
}

static int take_ipv4(struct sonde_target *t, const unsigned char addr[4])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	memcpy(&sin.sin_addr, addr, 4);
	memcpy(&t->sa, &sin, sizeof(sin));
	t->len = sizeof(sin);
	t->kind = SONDE_TARGET_IPV4;
	char *at = t->text;

	/* By hand, because every probe of an address comes through here. */
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at += sonde_format_int(at, addr[i]);
	}
	*at = '\0';
	return SONDE_OK;
}

static int take_ipv6(struct sonde_target *t, const char *text, size_t len, struct sonde_error *err)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	if (memchr(text, '%', len))
		return sonde_fail(err, SONDE_EINVAL, "target", "must not have a zone");
	if (!parse_ipv6(text, len, sin6.sin6_addr.s6_addr))
		return sonde_fail(err, SONDE_EINVAL, "target", "must be a valid IPv6 address");
	memcpy(&t->sa, &sin6, sizeof(sin6));
	t->len = sizeof(sin6);
	t->kind = SONDE_TARGET_IPV6;
	inet_ntop(AF_INET6, &sin6.sin6_addr, t->text, sizeof(t->text));
	return SONDE_OK;
}

/* "7", "0x7f", "0x": what number parsers of other programs take for an IPv4 part. */
static bool is_number(const char *label, size_t len)
{
	bool hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');

	for (size_t i = hex ? 2 : 0; i < len; i++) {
		char c = label[i];
		bool hex_letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		if (!is_digit(c) && !(hex && hex_letter))
			return false;
	}
	return true;
}

static bool good_label(const char *label, size_t len)
{
	if (!len || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(label[i]) && !is_digit(label[i]) && label[i] != '-' &&
		    label[i] != '_')
			return false;
	return true;
}

static int take_name(struct sonde_target *t, const char *text, size_t len, struct sonde_error *err)
{
	size_t start = 0;

	if (text[len - 1] == '.')
		len--;
	if (len > NAME_MAX_BYTES)
		return sonde_fail(err, SONDE_EINVAL, "target", "must be at most %d bytes",
		                  NAME_MAX_BYTES);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return sonde_fail(err, SONDE_EINVAL, "target",
			                  "must be ASCII, write other letters in their xn-- form");
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.')
			continue;
		if (!good_label(text + start, i - start))
			return sonde_fail(err, SONDE_EINVAL, "target",
			                  "must be a host name, an IPv4 or an IPv6 address");
		if (i == len && is_number(text + start, i - start))
			return sonde_fail(
				err, SONDE_EINVAL, "target",
				"must not end in a number unless it is four decimal parts");
		start = i + 1;
	}
	for (size_t i = 0; i < len; i++)
		t->text[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	t->text[len] = '\0';
	t->kind = SONDE_TARGET_NAME;
	return SONDE_OK;
}

int sonde_target_parse(const char *text, size_t len, struct sonde_target *t,
                       struct sonde_error *err)
{
	unsigned char addr[4];

	memset(t, 0, sizeof(*t));
	if (!len)
		return sonde_fail(err, SONDE_EINVAL, "target", "must not be empty");
	if (len > NAME_MAX_BYTES + 1)
		return sonde_fail(err, SONDE_EINVAL, "target", "must be at most %d bytes",
		                  NAME_MAX_BYTES);
	if (memchr(text, '/', len))
		return sonde_fail(err, SONDE_EINVAL, "target",
		                  "must be a host name or an address, without a scheme or a path");
	if (text[0] == '[' && text[len - 1] == ']' && len > 2)
		return take_ipv6(t, text + 1, len - 2, err);
	if (memchr(text, ':', len))
		return take_ipv6(t, text, len, err);
	if (parse_ipv4(text, len, addr))
		return take_ipv4(t, addr);
	return take_name(t, text, len, err);
}

/* Prefixes */

static bool parse_bits(const char *text, size_t len, unsigned max, unsigned *bits)
{
	unsigned v = 0;

	if (!len || len > 3 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return false;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	*bits = v;
	return v <= max;
}

static bool has_host_bits(const struct sonde_prefix *p, unsigned max)
{
	for (unsigned i = p->bits; i < max; i++)
		if (p->addr[i / 8] & 0x80u >> i % 8)
			return true;
	return false;
}

int sonde_prefix_parse(const char *text, size_t len, struct sonde_prefix *p,
                       struct sonde_error *err)
{
	const char *slash = len ? memchr(text, '/', len) : NULL;
	size_t n = slash ? (size_t)(slash - text) : len;
	int shown = len > 64 ? 64 : (int)len;

	memset(p, 0, sizeof(*p));
	if (parse_ipv4(text, n, p->addr))
		p->family = AF_INET;
	else if (parse_ipv6(text, n, p->addr))
		p->family = AF_INET6;
	else
		return sonde_fail(err, SONDE_EINVAL, "", "\"%.*s\" is not an address or a prefix",
		                  shown, text);
	unsigned max = p->family == AF_INET ? 32 : 128;
	p->bits = max;
	if (slash && !parse_bits(slash + 1, len - n - 1, max, &p->bits))
		return sonde_fail(err, SONDE_EINVAL, "", "\"%.*s\" must have a length of 0 to %u",
		                  shown, text, max);
	if (has_host_bits(p, max))
		return sonde_fail(err, SONDE_EINVAL, "", "\"%.*s\" has bits set after its /%u",
		                  shown, text, p->bits);
	return SONDE_OK;
}

socklen_t sonde_prefix_first(const struct sonde_prefix *p, struct sockaddr_storage *sa)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;

	memset(sa, 0, sizeof(*sa));
	sa->ss_family = (sa_family_t)p->family;
	if (p->family == AF_INET) {
		memcpy(&v4->sin_addr, p->addr, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	memcpy(&v6->sin6_addr, p->addr, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}
