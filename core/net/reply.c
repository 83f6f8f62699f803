/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: headers and body in one buffer and one write. Drops header values that would end the
 * header. A reply to a peer that has left only frees the session. */
#include "net/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"

enum { KEEP_OUT = 1 << 20, LEFTOVER = 65536 };

static const struct {
	unsigned status;
	const char *text;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 507, "Insufficient Storage" },
};

#define LITERAL(b, text) sonde_buf_add(b, text, sizeof(text) - 1)

static void add_int(struct sonde_buf *b, int64_t v)
{
	char digits[24];

	sonde_buf_add(b, digits, sonde_format_int(digits, v));
}

static const char *phrase_of(unsigned status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].text;
	}
	return "Status";
}

static void add_status(struct sonde_buf *b, unsigned status)
{
	LITERAL(b, "HTTP/1.1 ");
	add_int(b, status);
	LITERAL(b, " ");
	sonde_buf_str(b, phrase_of(status));
	LITERAL(b, "\r\n");
}

static void add_date(struct sonde_buf *b, struct sonde_net *net)
{
	time_t now = time(NULL);

	if (now != net->date_at) {
		struct tm tm;
		net->date_at = now;
		gmtime_r(&now, &tm);
		strftime(net->date, sizeof(net->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	}
	sonde_buf_str(b, net->date);
}

static bool is_clean(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' && *s != '\t')
			return false;
	}
	return true;
}

static void add_header(struct sonde_buf *b, const char *name, const char *value)
{
	if (!is_clean(name) || !is_clean(value))
		return;
	sonde_buf_str(b, name);
	LITERAL(b, ": ");
	sonde_buf_str(b, value);
	LITERAL(b, "\r\n");
}

/* Milliseconds since the request's headers were there. */
static void add_took(struct sonde_buf *b, int64_t came_ns)
{
	char number[40];

	if (!came_ns)
		return;
	LITERAL(b, "X-Response-Time: ");
	sonde_buf_add(b, number, sonde_format_number(number,
	              (double)(sonde_boottime_ns() - came_ns) / 1e6, 3));
	LITERAL(b, "ms\r\n");
}

/* The body that goes out: as it is, or packed. */
static void pick_body(struct sonde_req *s, struct sonde_reply *r, struct sonde_buf *b)
{
	struct sonde_buf *packed = &s->net->packed;

	if (!gzip_worthwhile(r))
		return;
	LITERAL(b, "Vary: Accept-Encoding\r\n");
	sonde_buf_reset(packed);
	if (!s->gzip || !gzip_pack(s->net, packed, r->body, r->len) || packed->len >= r->len)
		return;
	LITERAL(b, "Content-Encoding: gzip\r\n");
	r->body = packed->data;
	r->len = packed->len;
}

static void build(struct sonde_req *s, const struct sonde_reply *given)
{
	struct sonde_buf *b = &s->net->out;
	struct sonde_reply reply = *given, *r = &reply;
	bool bodiless = r->status == 204 || r->status == 304;

	sonde_buf_reset(b);
	add_status(b, r->status);
	add_date(b, s->net);
	LITERAL(b, "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
	           "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n");
	if (s->view.tls)
		LITERAL(b, "Strict-Transport-Security: max-age=31536000\r\n");
	add_took(b, s->came_ns);
	if (s->listener && s->listener->extra)
		sonde_buf_str(b, s->listener->extra);
	if (!bodiless)
		pick_body(s, r, b);
	bool policy = false;
	for (const struct sonde_header *h = r->headers; h && h->name; h++) {
		policy = policy || !strcmp(h->name, "Content-Security-Policy");
		add_header(b, h->name, h->value);
	}
	if (!policy)
		LITERAL(b, "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
	if (r->type && !bodiless)
		add_header(b, "Content-Type", r->type);
	if (s->stream.more && s->chunked) {
		LITERAL(b, "Transfer-Encoding: chunked\r\n");
	} else if (!bodiless && !s->stream.more) {
		LITERAL(b, "Content-Length: ");
		add_int(b, (int64_t)r->len);
		LITERAL(b, "\r\n");
	}
	if (!s->keep)
		LITERAL(b, "Connection: close\r\n");
	LITERAL(b, "\r\n");
	if (!bodiless && !s->head_only)
		sonde_buf_add(b, r->body, r->len);
}

/* Closing a socket with unread bytes resets it, and the peer may lose the answer. */
static void read_leftover(struct lws *wsi)
{
	char bin[4096];
	int fd = lws_get_socket_fd(wsi);

	for (size_t n = 0; fd >= 0 && n < LEFTOVER; n += sizeof(bin)) {
		if (recv(fd, bin, sizeof(bin), MSG_DONTWAIT) <= 0)
			return;
	}
}

int reply_finish(struct sonde_req *s)
{
	struct lws *wsi = s->wsi;
	bool partial = lws_partial_buffered(wsi) != 0;

	if (!s->keep) {
		if (!partial)
			read_leftover(wsi);
		return -1;
	}
	s->answered = true;
	if (lws_http_transaction_completed(wsi))
		return -1;
	if (partial)
		lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALL_S);
	return 0;
}

static int send_reply(struct sonde_req *s, const struct sonde_reply *r)
{
	struct sonde_buf *b = &s->net->out;
	int rc = -1;

	build(s, r);
	s->state = SESSION_IDLE;
	if (!b->failed &&
	    lws_write(s->wsi, (unsigned char *)b->data, b->len, LWS_WRITE_HTTP_HEADERS) >= 0) {
		if (lws_partial_buffered(s->wsi))
			unread_add(s, b->len);
		rc = reply_finish(s);
	}
	if (b->cap > KEEP_OUT)
		sonde_buf_deinit(b);
	if (s->net->packed.cap > KEEP_OUT)
		sonde_buf_deinit(&s->net->packed);
	if (s->body.cap > KEEP_BODY)
		sonde_buf_deinit(&s->body);
	return rc;
}

int reply_head(struct sonde_req *s, const struct sonde_reply *r)
{
	struct sonde_buf *b = &s->net->out;

	build(s, r);
	if (b->failed)
		return -1;
	return lws_write(s->wsi, (unsigned char *)b->data, b->len, LWS_WRITE_HTTP_HEADERS) < 0 ? -1 : 0;
}

int reply_now(struct sonde_req *s, const struct sonde_reply *r)
{
	return send_reply(s, r);
}

/* {"error":{"type":"content_too_large","message":"..."}}, like the errors of the API. */
static size_t error_body(char *out, size_t room, unsigned status, const char *why)
{
	char type[48];
	size_t n = 0;

	for (const char *p = phrase_of(status); *p && n + 1 < sizeof(type); p++)
		type[n++] = *p == ' ' ? '_' : (char)(*p | 0x20);
	type[n] = '\0';
	int len = snprintf(out, room, "{\"error\":{\"type\":\"%s\",\"message\":\"%s\"}}", type, why);
	return len < 0 || (size_t)len >= room ? 0 : (size_t)len;
}

int reply_error(struct sonde_req *s, unsigned status, const char *why)
{
	static const struct sonde_header allow[] = {
		{ "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" }, { NULL, NULL } };
	static const struct sonde_header upgrade[] = {
		{ "Upgrade", "websocket" }, { "Sec-WebSocket-Version", "13" }, { NULL, NULL } };
	char body[256];
	struct sonde_reply r = { .status = status, .type = "application/json", .body = body,
				 .len = error_body(body, sizeof(body), status, why) };

	if (status == 405)
		r.headers = allow;
	if (status == 426)
		r.headers = upgrade;
	return send_reply(s, &r);
}

int reply_refuse(struct sonde_req *s, unsigned status, const char *why)
{
	s->keep = false;
	return reply_error(s, status, why);
}

void sonde_req_reply(struct sonde_req *s, const struct sonde_reply *r)
{
	struct lws *wsi = s->wsi;
	int rc;

	if (!wsi) {
		session_free(s);
		return;
	}
	if (s->inside) {
		s->rc = send_reply(s, r);
		return;
	}
	rc = lws_rx_flow_control(wsi, 1);
	if (rc == 0)
		rc = send_reply(s, r);
	s->state = SESSION_IDLE;
	if (rc != 0)
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}
