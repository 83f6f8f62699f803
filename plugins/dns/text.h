/* SPDX-License-Identifier: Apache-2.0 */
/* Text that never grows past its end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_TEXT_GROUP = 56 }; /* digits of hex or base64 between two spaces, as dig does */

/* `full` says that something was left out. */
struct dns_text {
	char *s;
	size_t len, max;
	bool full;
};

void dns_put(struct dns_text *, const char *s, size_t n);
/* At most 255 bytes at once. */
void dns_putf(struct dns_text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dns_put_hex(struct dns_text *, const uint8_t *, size_t);
void dns_put_base64(struct dns_text *, const uint8_t *, size_t);
void dns_put_base32(struct dns_text *, const uint8_t *, size_t); /* the alphabet of NSEC3 */
void dns_put_quoted(struct dns_text *, const uint8_t *, size_t);
void dns_put_address(struct dns_text *, int family, const uint8_t *);
