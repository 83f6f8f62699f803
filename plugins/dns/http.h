/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.1 exchange of DNS over HTTPS (RFC 8484): the request's head, and a reader of the
 * reply that takes bytes as they come. Pure; the body goes into memory of the caller. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum dns_http_state { DNS_HTTP_MORE, DNS_HTTP_DONE, DNS_HTTP_BAD };

struct dns_http {
	int step;
	unsigned status;
	bool is_dns, chunked, has_length;
	size_t left;       /* of the body or the chunk */
	size_t head_bytes; /* read so far */
	char line[256];    /* the line being read, cut */
	size_t line_len;
	uint8_t *body;
	size_t len, max;
	const char *why;   /* DNS_HTTP_BAD: half a sentence */
};

void dns_http_init(struct dns_http *, uint8_t *body, size_t max);
enum dns_http_state dns_http_feed(struct dns_http *, const uint8_t *, size_t);
/* The peer closed: done when the body had no announced length. */
enum dns_http_state dns_http_close(struct dns_http *);

void dns_http_request(struct dns_text *, const char *host, const char *path, size_t body);
