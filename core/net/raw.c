/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request as it came, read by the letter of RFC 9112: lws takes a bare CR or LF for the
 * end of a line, folds lines, and reads names with spaces and control characters, and whoever stands
 * before it may read all that in another way. The bytes are where lws has just read them to; it does not
 * tell how many. So what was read is made zero when it is used, and what is there behind a head is
 * what was read with it: that is kept for the next requests of the connection, which lws takes from a
 * store of its own. It may also be what somebody else left there in the same turn; then there are two
 * places where the next head may be, and what both say is believed. Of a head that came in several
 * reads only the last part is there: where something was read since, and is no head, what was kept says
 * nothing. */
#include "net/private.h"

#include <string.h>
#include <strings.h>

struct cursor {
	const unsigned char *p, *end;
	bool out; /* it ended before the head did */
};

static bool is_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool take(struct cursor *r, const char *text)
{
	size_t len = strlen(text), left = (size_t)(r->end - r->p);

	if (memcmp(r->p, text, left < len ? left : len))
		return false;
	r->out |= left < len;
	r->p += left < len ? left : len;
	return !r->out;
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
	if (!take(r, ":") || !len)
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

static enum raw_head judge(struct cursor *r)
{
	bool good = take_target(r) && take(r, " HTTP/1.") && (take(r, "1\r\n") || take(r, "0\r\n"));

	while (good && !take(r, "\r\n"))
		good = take_field(r);
	return r->out ? RAW_UNKNOWN : good ? RAW_GOOD : RAW_BAD;
}

static bool begins(struct cursor *r, const char *method)
{
	return take(r, method) && take(r, " ") && r->p < r->end && *r->p == '/';
}

/* Up to the zeros at the end. */
static size_t used(const unsigned char *p, size_t room)
{
	const unsigned char *zero = memchr(p, 0, room);
	size_t len = zero ? (size_t)(zero - p) : room;

	if (!zero || !memcmp(zero, zero + 1, room - len - 1))
		return len;
	while (!p[room - 1])
		room--;
	return room;
}

static void keep_behind(struct sonde_req *s, const unsigned char *p, const unsigned char *end, int64_t body)
{
	sonde_buf_deinit(&s->behind);
	if (end - p <= body || !p[body])
		return;
	s->net->rx_dirty = true;
	sonde_buf_init(&s->behind, RX_BYTES);
	sonde_buf_add(&s->behind, p + body, used(p + body, (size_t)(end - p - body)));
}

static bool is_zero(const unsigned char *p, size_t len)
{
	return !len || (!*p && !memcmp(p, p + 1, len - 1));
}

enum raw_head raw_check(struct sonde_req *s, const char *method, int64_t body)
{
	unsigned char *base = (unsigned char *)s->net->rx_base;
	const unsigned char *behind = s->behind.len ? (const unsigned char *)s->behind.data : base;
	struct cursor read = { base, base + RX_BYTES, false };
	struct cursor kept = { behind, behind + s->behind.len, false };
	bool fresh = begins(&read, method), stored = begins(&kept, method);
	enum raw_head is = fresh ? judge(&read) : stored ? judge(&kept) : RAW_UNKNOWN;

	if (fresh ? stored && judge(&kept) != is : !is_zero(base, s->behind_at))
		is = RAW_UNKNOWN;
	if (is == RAW_GOOD && fresh && !stored) {
		s->behind_at = (size_t)(read.p - base);
		keep_behind(s, read.p, read.end, body);
	} else if (is == RAW_GOOD && !fresh) {
		sonde_buf_shift(&s->behind, (size_t)(kept.p - behind));
	} else {
		sonde_buf_deinit(&s->behind);
		s->net->rx_dirty = true;
	}
	if (fresh)
		memset(base, 0, (size_t)(read.p - base));
	return is;
}

void raw_used(struct sonde_net *net, const void *bytes, size_t len)
{
	memset((char *)net->rx_base + ((const char *)bytes - net->rx_base), 0, len);
}

void raw_settle(struct sonde_net *net)
{
	if (net->rx_dirty && net->rx_base)
		memset((char *)net->rx_base, 0, RX_BYTES);
	net->rx_dirty = false;
}
