/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrade requests: everything but a websocket of version 13 on a known path, with the subprotocol
 * of that path, is answered with an error and closed. */
#include "net/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LEN = 24 }; /* 16 bytes in base64 */

/* Whether a comma list holds the word. */
static bool has_word(const char *list, const char *word, bool any_case)
{
	size_t len = strlen(word);

	while (*list) {
		list += strspn(list, " \t,");
		size_t n = strcspn(list, " \t,");
		if (n == len &&
		    !(any_case ? strncasecmp(list, word, n) : strncmp(list, word, n)))
			return true;
		list += n;
	}
	return false;
}

static bool header_is(struct lws *wsi, enum lws_token_indexes token, const char *want)
{
	char text[64];

	return lws_hdr_copy(wsi, text, sizeof(text), token) > 0 && !strcasecmp(text, want);
}

bool header_has(struct lws *wsi, enum lws_token_indexes token, const char *word,
                bool any_case)
{
	char text[128];

	return lws_hdr_copy(wsi, text, sizeof(text), token) > 0 && has_word(text, word, any_case);
}

static const struct sonde_ws_route *find_route(struct sonde_req *s, struct lws *wsi)
{
	char path[256];

	if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0)
		return NULL;
	return listener_route(s->listener, path);
}

/* A page of this host itself: scheme and the Host header as one text. */
static bool is_own_origin(const struct sonde_req *s, struct lws *wsi, const char *origin)
{
	char host[256], own[280];

	if (lws_hdr_copy(wsi, host, sizeof(host), WSI_TOKEN_HOST) <= 0)
		return false;
	snprintf(own, sizeof(own), "%s://%s", s->listener->tls ? "https" : "http", host);
	return !strcmp(own, origin);
}

/* Browsers send Origin and let no page change it; what sends none is no page. */
static bool origin_allowed(const struct sonde_req *s, struct lws *wsi)
{
	char origin[280];

	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0)
		return true;
	return lws_hdr_copy(wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN) > 0 &&
	       !strpbrk(origin, " \t,") &&
	       (is_own_origin(s, wsi, origin) ||
	        (s->listener->origins && has_word(s->listener->origins, origin, false)));
}

int upgrade_check(struct sonde_req *s, struct lws *wsi)
{
	const struct sonde_ws_route *route;

	s->keep = false;
	patience_stop(s);
	bool malformed = raw_check(s, "GET", RX_BYTES) == RAW_BAD;
	/* For an upgrade it does not know lws has already answered and freed the headers. */
	if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) <= 0)
		return -1;
	if (malformed)
		return reply_refuse(s, 400, "the head of the request is malformed");
	if (!header_is(wsi, WSI_TOKEN_UPGRADE, "websocket"))
		return reply_refuse(s, 426, "only websocket is offered");
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 ||
	    lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		return reply_refuse(s, 400, "an upgrade request has no body");
	route = find_route(s, wsi);
	if (!route)
		return reply_refuse(s, 404, "there is no websocket here");
	if (!header_is(wsi, WSI_TOKEN_VERSION, "13"))
		return reply_refuse(s, 426, "only websocket version 13 is offered");
	if (!header_has(wsi, WSI_TOKEN_CONNECTION, "upgrade", true) ||
	    lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0 ||
	    lws_hdr_total_length(wsi, WSI_TOKEN_KEY) != KEY_LEN)
		return reply_refuse(s, 400, "the websocket handshake is malformed");
	if (route->subprotocol ?
		    !header_has(wsi, WSI_TOKEN_PROTOCOL, route->subprotocol, false) :
		    lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0)
		return reply_refuse(s, 400, "the websocket subprotocol is not offered here");
	if (!origin_allowed(s, wsi))
		return reply_refuse(s, 403, "pages of this origin may not open a websocket");
	if (!admit_upgrade(s->net))
		return reply_refuse(s, 503, "too many connections are open");
	s->route = route;
	return 0;
}
