/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request as lws has kept it: method, version, target, the headers that decide where it
 * ends and who it is for. Judges each alone; what follows from that is http.c's. Owns nothing. */
#include "net/private.h"

#include <string.h>

enum { LENGTH_DIGITS = 12 };

static const struct method {
	enum lws_token_indexes token;
	enum sonde_method method;
	const char *name;
} methods[] = {
	{ WSI_TOKEN_POST_URI, SONDE_POST, "POST" },
	{ WSI_TOKEN_GET_URI, SONDE_GET, "GET" },
	{ WSI_TOKEN_PUT_URI, SONDE_PUT, "PUT" },
	{ WSI_TOKEN_PATCH_URI, SONDE_PATCH, "PATCH" },
	{ WSI_TOKEN_DELETE_URI, SONDE_DELETE, "DELETE" },
	{ WSI_TOKEN_OPTIONS_URI, SONDE_OPTIONS, "OPTIONS" },
	{ WSI_TOKEN_HEAD_URI, SONDE_HEAD, "HEAD" },
};

static const struct {
	const char *name;
	enum lws_token_indexes token;
} readable[] = {
	{ "authorization", WSI_TOKEN_HTTP_AUTHORIZATION },
	{ "if-none-match", WSI_TOKEN_HTTP_IF_NONE_MATCH },
	{ "content-type", WSI_TOKEN_HTTP_CONTENT_TYPE },
	{ "origin", WSI_TOKEN_ORIGIN },
	{ "user-agent", WSI_TOKEN_HTTP_USER_AGENT },
	{ "accept-encoding", WSI_TOKEN_HTTP_ACCEPT_ENCODING },
};

int sonde_req_header(struct sonde_req *s, const char *name, char *out, size_t room)
{
	int n = -1, max = room > HEADER_BYTES ? HEADER_BYTES : (int)room;

	if (!s->wsi || max < 1)
		return -1;
	out[0] = '\0';
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		if (!strcmp(readable[i].name, name)) {
			n = lws_hdr_copy(s->wsi, out, max, readable[i].token);
			return n > 0 ? n : -1;
		}
	}
	char custom[64];
	int len = snprintf(custom, sizeof(custom), "%s:", name);
	if (len < (int)sizeof(custom))
		n = lws_hdr_custom_copy(s->wsi, out, max, custom, len);
	return n > 0 ? n : -1;
}

/* lws hands the arguments over decoded and cut at '&'; what could be mistaken is encoded again. */
static void add_argument(struct sonde_buf *b, const char *text, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c > ' ' && c < 0x7f && !strchr("%&+#;", c)) {
			sonde_buf_char(b, (char)c);
			continue;
		}
		sonde_buf_char(b, '%');
		sonde_buf_char(b, hex[c >> 4]);
		sonde_buf_char(b, hex[c & 15]);
	}
}

static void add_query(struct sonde_buf *b, struct lws *wsi)
{
	char part[HEADER_BYTES];
	int n;

	if (!lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS))
		return;
	for (int i = 0; (n = lws_hdr_copy_fragment(wsi, part, sizeof(part),
						  WSI_TOKEN_HTTP_URI_ARGS, i)) >= 0; i++) {
		if (i > 0)
			sonde_buf_char(b, '&');
		add_argument(b, part, (size_t)n);
	}
}

bool head_target(struct sonde_req *s, const char *uri, size_t len)
{
	struct sonde_buf *b = &s->target;

	sonde_buf_reset(b);
	sonde_buf_add(b, uri, len);
	sonde_buf_char(b, '\0');
	size_t query = b->len;
	add_query(b, s->wsi);
	sonde_buf_char(b, '\0');
	if (b->failed || memchr(uri, '\0', len))
		return false;
	s->view.path = b->data;
	s->view.query = b->data + query;
	return true;
}

static const struct method *method_of(struct lws *wsi)
{
	static const struct method none = { .name = "" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (lws_hdr_total_length(wsi, methods[i].token))
			return &methods[i];
	}
	return &none;
}

/* A name or an address, and a port. */
static bool is_name(struct lws *wsi)
{
	char text[256];
	int n = lws_hdr_total_length(wsi, WSI_TOKEN_HOST);

	if (n <= 0)
		return n == 0;
	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HOST) != n)
		return false;
	for (int i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80 ||
		      (c && strchr(".:-_[]%", c))))
			return false;
	}
	return true;
}

static enum version version_of(struct lws *wsi)
{
	char text[12];

	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP) <= 0)
		return VERSION_OTHER;
	if (!strcmp(text, "HTTP/1.1"))
		return VERSION_1_1;
	return strcmp(text, "HTTP/1.0") ? VERSION_OTHER : VERSION_1_0;
}

static bool asks_to_close(struct lws *wsi)
{
	return lws_hdr_total_length(wsi, WSI_TOKEN_CONNECTION) > 0 &&
	       header_has(wsi, WSI_TOKEN_CONNECTION, "close", true);
}

static int64_t body_length(struct lws *wsi)
{
	char text[LENGTH_DIGITS + 2];
	int64_t value = 0;
	int n = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);

	if (lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 1) > 0)
		return LENGTH_BAD;
	if (n <= 0)
		return LENGTH_ABSENT;
	if (n > LENGTH_DIGITS ||
	    lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) != n)
		return LENGTH_BAD;
	for (int i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return LENGTH_BAD;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* A name that ends in white space is another name for lws and the same one for others. */
static bool disguised_length(struct lws *wsi)
{
	static const char *const names[] = { "content-length :", "transfer-encoding :",
					     "content-length\t:", "transfer-encoding\t:" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (lws_hdr_custom_length(wsi, names[i], (int)strlen(names[i])) >= 0)
			return true;
	}
	return false;
}

static bool takes_gzip(struct lws *wsi)
{
	char text[256];

	return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING) > 0 &&
	       lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_ACCEPT_ENCODING) > 0 &&
	       gzip_accepted(text);
}

static bool has_good_host(struct lws *wsi, enum version version)
{
	return lws_hdr_fragment_length(wsi, WSI_TOKEN_HOST, 1) <= 0 &&
	       (version == VERSION_1_0 || lws_hdr_total_length(wsi, WSI_TOKEN_HOST) > 0) && is_name(wsi);
}

void head_read(struct lws *wsi, struct head *h)
{
	const struct method *method = method_of(wsi);
	enum version version = version_of(wsi);

	*h = (struct head){
		.name = method->name, .method = method->method, .version = version,
		.close = asks_to_close(wsi), .gzip = takes_gzip(wsi),
		.coded = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0,
		.good_host = has_good_host(wsi, version),
		.length = disguised_length(wsi) ? LENGTH_BAD : body_length(wsi),
	};
}
