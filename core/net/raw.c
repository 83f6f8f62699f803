/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request as it came, read by the letter of RFC 9112: lws takes a bare CR or LF for the
 * end of a line, folds lines, and reads names with spaces and control characters, and whoever stands
 * before it may read all that in another way. The bytes are where lws has just read them to; of a head
 * that came in several reads only the last part is there, and of one that waited behind another request
 * nothing. Owns nothing. */
#include "net/private.h"

#include <string.h>
#include <strings.h>

struct cursor {
	const unsigned char *p, *end;
};

static bool is_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool take(struct cursor *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, text, len))
		return false;
	r->p += len;
	return true;
}

static bool take_target(struct cursor *r)
{
	const unsigned char *start = r->p;

	while (r->p < r->end && *r->p > ' ' && *r->p != 0x7f)
		r->p++;
	return r->p > start && *start == '/';
}

/* name ":" value CRLF, where the name is a token and the value has no control characters but tabs. */
static bool take_field(struct cursor *r)
{
	static const char length[] = "content-length";
	const unsigned char *start = r->p;

	while (r->p < r->end && is_token(*r->p))
		r->p++;
	size_t len = (size_t)(r->p - start);
	if (!len || !take(r, ":"))
		return false;
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
	/* lws takes an empty one for none. */
	if (len == sizeof(length) - 1 && !strncasecmp((const char *)start, length, len) &&
	    r->p < r->end && *r->p == '\r')
		return false;
	while (r->p < r->end && (*r->p >= ' ' || *r->p == '\t') && *r->p != 0x7f)
		r->p++;
	return take(r, "\r\n");
}

enum raw_head raw_check(struct sonde_net *net, const char *method)
{
	char *base = (char *)net->rx_base;

	if (!base)
		return RAW_UNKNOWN;
	struct cursor r = { (unsigned char *)base, (unsigned char *)base + RX_BYTES };
	if (!take(&r, method) || !take(&r, " ") || *r.p != '/')
		return RAW_UNKNOWN;
	*base = '\0'; /* a request that waited behind this one must not be taken for it */
	if (!take_target(&r) || !take(&r, " HTTP/1.") || (!take(&r, "1\r\n") && !take(&r, "0\r\n")))
		return RAW_BAD;
	while (!take(&r, "\r\n")) {
		if (!take_field(&r))
			return RAW_BAD;
	}
	return RAW_GOOD;
}
