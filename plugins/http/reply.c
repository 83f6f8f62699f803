/* SPDX-License-Identifier: Apache-2.0 */
/* Collects an answer's lines and body in two buffers that grow up to their bounds, and reads the
 * headers back out of them. Owns the buffers; whoever inits, deinits. */
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_reply_init(struct http_reply *r, size_t body_max)
{
	*r = (struct http_reply){ .body_max = body_max };
}

void http_reply_deinit(struct http_reply *r)
{
	free(r->head);
	free(r->body);
	*r = (struct http_reply){ .body_max = r->body_max };
}

/* False when out of memory or over `max`. */
static bool append(char **to, size_t *len, size_t *cap, size_t max, const char *data, size_t n)
{
	size_t want = *cap ? *cap : 1024;

	if (n > max - *len)
		return false;
	while (want < *len + n)
		want *= 2;
	if (want > *cap) {
		char *grown = realloc(*to, want);
		if (!grown)
			return false;
		*to = grown;
		*cap = want;
	}
	if (n)
		memcpy(*to + *len, data, n);
	*len += n;
	return true;
}

/* "HTTP/1.1 200 OK": the version up to the blank, three digits, the rest. */
static void status_line(struct http_reply *r, const char *line, size_t len)
{
	size_t at = 5, n = 0;

	r->head_len = r->lines = 0;
	r->head_done = false;
	r->status = 0;
	r->reason[0] = '\0';
	for (; at < len && line[at] != ' '; at++)
		if (n + 1 < sizeof(r->version))
			r->version[n++] = line[at];
	r->version[n] = '\0';
	for (at++, n = 0; at < len && n < 3 && line[at] >= '0' && line[at] <= '9'; at++, n++)
		r->status = r->status * 10 + (line[at] - '0');
	at += at < len && line[at] == ' ';
	at = at < len ? at : len;
	n = len - at < sizeof(r->reason) ? len - at : sizeof(r->reason) - 1;
	memcpy(r->reason, line + at, n);
	r->reason[n] = '\0';
}

bool http_reply_line(struct http_reply *r, const char *line, size_t len)
{
	bool blank;

	r->seen += len;
	r->head_full |= r->seen > HTTP_SEEN_MAX;
	if (r->head_full)
		return false;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	blank = !len;
	if (len > 5 && !memcmp(line, "HTTP/", 5) &&
	    (!r->status || (r->head_done && r->status < 200))) {
		status_line(r, line, len);
		return true;
	}
	if (r->head_done)
		return true;
	if (blank) {
		r->head_done = true;
		return true;
	}
	r->head_full = r->lines == HTTP_LINES_MAX ||
	               !append(&r->head, &r->head_len, &r->head_cap, HTTP_HEAD_MAX, line, len) ||
	               !append(&r->head, &r->head_len, &r->head_cap, HTTP_HEAD_MAX, "\n", 1);
	r->lines++;
	return !r->head_full;
}

bool http_reply_body(struct http_reply *r, const char *data, size_t len)
{
	size_t room = r->body_max - r->body_len;
	size_t n = len < room ? len : room;

	r->body_cut |= len > room;
	if (!append(&r->body, &r->body_len, &r->body_cap, r->body_max, data, n))
		r->body_cut = true;
	return !r->body_cut;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool http_reply_header(const struct http_reply *r, size_t *at, struct http_header *h)
{
	while (*at < r->head_len) {
		const char *line = r->head + *at, *end = r->head + r->head_len;
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		/* A line that begins with a blank goes on with the one before. */
		while (stop && stop + 1 < end && is_blank(stop[1]))
			stop = memchr(stop + 1, '\n', (size_t)(end - stop - 1));
		if (!stop)
			stop = end;
		*at = (size_t)(stop - r->head) + 1;
		const char *colon = memchr(line, ':', (size_t)(stop - line));
		if (!colon || colon == line)
			continue;
		const char *value = colon + 1;
		while (value < stop && is_blank(*value))
			value++;
		while (stop > value && is_blank(stop[-1]))
			stop--;
		while (colon > line + 1 && is_blank(colon[-1]))
			colon--;
		*h = (struct http_header){ line, value, (size_t)(colon - line),
			                   (size_t)(stop - value) };
		return true;
	}
	return false;
}

bool http_name_equal(const struct http_header *h, const char *name, size_t len)
{
	return h->name_len == len && !strncasecmp(h->name, name, len);
}

/* Bytes of the character that begins here, 1 for a byte that begins none. */
static size_t char_len(const unsigned char *s, size_t len)
{
	size_t n = *s < 0xc2 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 1;

	if (n > len)
		return 1;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

size_t http_cut(const char *text, size_t len, size_t chars)
{
	size_t at = 0;

	for (; at < len && chars; chars--)
		at += char_len((const unsigned char *)text + at, len - at);
	return at;
}

const char *http_status_name(int status)
{
	static const struct {
		int status;
		const char *name;
	} rows[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 203, "Non-Authoritative Information" }, { 204, "No Content" },
		{ 205, "Reset Content" }, { 206, "Partial Content" }, { 207, "Multi-Status" },
		{ 208, "Already Reported" }, { 226, "IM Used" }, { 300, "Multiple Choices" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
		{ 304, "Not Modified" }, { 305, "Use Proxy" }, { 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 402, "Payment Required" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" }, { 408, "Request Timeout" },
		{ 409, "Conflict" }, { 410, "Gone" }, { 411, "Length Required" },
		{ 412, "Precondition Failed" }, { 413, "Payload Too Large" },
		{ 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
		{ 418, "I'm a Teapot" }, { 421, "Misdirected Request" },
		{ 422, "Unprocessable Entity" }, { 423, "Locked" },
		{ 424, "Failed Dependency" }, { 425, "Too Early" }, { 426, "Upgrade Required" },
		{ 428, "Precondition Required" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" }, { 506, "Variant Also Negotiates" },
		{ 507, "Insufficient Storage" }, { 508, "Loop Detected" },
		{ 509, "Bandwidth Limit Exceeded" }, { 510, "Not Extended" },
		{ 511, "Network Authentication Required" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].name;
	return "";
}
