/* SPDX-License-Identifier: Apache-2.0 */
/* The reader goes byte by byte through head lines and in blocks through the body, so that its cost
 * is what came in, however it is cut. Refuses other statuses than 200, other types of content,
 * and more than the head's and the body's bounds. */
#include "http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 16 << 10 };
enum { STATUS_LINE, HEAD_LINE, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, OVER };

void dns_http_init(struct dns_http *h, uint8_t *body, size_t max)
{
	memset(h, 0, sizeof(*h));
	h->body = body;
	h->max = max;
}

static enum dns_http_state bad(struct dns_http *h, const char *why)
{
	h->why = why;
	h->step = OVER;
	return DNS_HTTP_BAD;
}

static enum dns_http_state done(struct dns_http *h)
{
	h->step = OVER;
	return DNS_HTTP_DONE;
}

static enum dns_http_state take_status(struct dns_http *h)
{
	const char *l = h->line;

	if (strncmp(l, "HTTP/1.", 7) || !isdigit((unsigned char)l[7]) || l[8] != ' ')
		return bad(h, "did not answer in HTTP/1.1");
	h->status = 0;
	for (unsigned i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)l[i]))
			return bad(h, "sent no HTTP status");
		h->status = h->status * 10 + (unsigned)(l[i] - '0');
	}
	h->step = HEAD_LINE;
	return DNS_HTTP_MORE;
}

/* A number that ends at `end` or at blanks; false when it is none or too large. */
static bool number(const char *s, unsigned base, const char *ends, size_t *out)
{
	size_t v = 0;
	const char *at = s;

	for (; isxdigit((unsigned char)*at); at++) {
		unsigned digit = isdigit((unsigned char)*at) ? (unsigned)(*at - '0')
		                                             : (unsigned)((*at | 0x20) - 'a') + 10;
		if (digit >= base || v > (1u << 24))
			return false;
		v = v * base + digit;
	}
	*out = v;
	return at > s && (!*at || strchr(ends, *at));
}

static const char *value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

static enum dns_http_state take_header(struct dns_http *h)
{
	static const char type[] = "application/dns-message";
	const char *v;

	if ((v = value_of(h->line, "content-length"))) {
		if (!number(v, 10, " \t", &h->left))
			return bad(h, "sent a broken Content-Length");
		h->has_length = true;
	} else if ((v = value_of(h->line, "transfer-encoding"))) {
		if (strcasecmp(v, "chunked"))
			return bad(h, "sent an unknown Transfer-Encoding");
		h->chunked = true;
	} else if ((v = value_of(h->line, "content-type"))) {
		size_t n = sizeof(type) - 1;
		h->is_dns = !strncasecmp(v, type, n) && (!v[n] || strchr("; \t", v[n]));
	}
	return DNS_HTTP_MORE;
}

static enum dns_http_state end_head(struct dns_http *h)
{
	if (h->status < 200) { /* an interim reply: the real one follows */
		h->step = STATUS_LINE;
		return DNS_HTTP_MORE;
	}
	if (h->status != 200)
		return bad(h, "answered with another HTTP status than 200");
	if (!h->is_dns)
		return bad(h, "answered with no application/dns-message");
	if (h->left > h->max)
		return bad(h, "announced more than a DNS message may have");
	h->step = h->chunked ? CHUNK_SIZE : BODY;
	return !h->chunked && h->has_length && !h->left ? done(h) : DNS_HTTP_MORE;
}

static enum dns_http_state take_line(struct dns_http *h)
{
	size_t n = h->line_len;

	if (n && h->line[n - 1] == '\r')
		n--;
	h->line[n] = '\0';
	h->line_len = 0;
	switch (h->step) {
	case STATUS_LINE:
		return take_status(h);
	case HEAD_LINE:
		return n ? take_header(h) : end_head(h);
	case CHUNK_SIZE:
		if (!number(h->line, 16, "; \t", &h->left) || h->left > h->max - h->len)
			return bad(h, "sent a broken chunk");
		h->step = h->left ? CHUNK_DATA : TRAILER;
		return DNS_HTTP_MORE;
	case CHUNK_END:
		h->step = CHUNK_SIZE;
		return n ? bad(h, "sent a broken chunk") : DNS_HTTP_MORE;
	default: /* TRAILER */
		return n ? DNS_HTTP_MORE : done(h);
	}
}

/* The number of bytes taken from p. */
static size_t take_body(struct dns_http *h, const uint8_t *p, size_t n)
{
	size_t room = h->max - h->len;

	if ((h->has_length || h->chunked) && n > h->left)
		n = h->left;
	size_t kept = n < room ? n : room;
	memcpy(h->body + h->len, p, kept);
	h->len += kept;
	h->left -= h->has_length || h->chunked ? n : 0;
	return n;
}

enum dns_http_state dns_http_feed(struct dns_http *h, const uint8_t *p, size_t n)
{
	enum dns_http_state state = h->step == OVER ? DNS_HTTP_BAD : DNS_HTTP_MORE;

	for (size_t at = 0; at < n && state == DNS_HTTP_MORE;) {
		if (h->step == BODY || h->step == CHUNK_DATA) {
			if (!h->has_length && !h->chunked && h->len == h->max)
				return bad(h, "sent more than a DNS message may have");
			at += take_body(h, p + at, n - at);
			if (h->step == BODY && h->has_length && !h->left)
				state = done(h);
			else if (h->step == CHUNK_DATA && !h->left)
				h->step = CHUNK_END;
			continue;
		}
		if (++h->head_bytes > HEAD_MAX)
			return bad(h, "sent too long an HTTP head");
		uint8_t c = p[at++];
		if (c == '\n')
			state = take_line(h);
		else if (h->line_len < sizeof(h->line) - 1)
			h->line[h->line_len++] = (char)c;
	}
	return state;
}

enum dns_http_state dns_http_close(struct dns_http *h)
{
	if (h->step == BODY && !h->has_length)
		return done(h);
	return bad(h, "closed the connection before the answer");
}

void dns_http_request(struct dns_text *t, const char *host, const char *path, size_t body)
{
	dns_put(t, "POST ", 5);
	dns_put(t, path, strlen(path));
	dns_put(t, " HTTP/1.1\r\nHost: ", 17);
	dns_put(t, host, strlen(host));
	dns_putf(t, "\r\nAccept: application/dns-message\r\nContent-Type: application/dns-message\r\n"
	            "Content-Length: %zu\r\nUser-Agent: sonde\r\nConnection: close\r\n\r\n", body);
}
