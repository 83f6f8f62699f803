/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over memory: the caller moves the bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_tls;

/* What was agreed; the texts are constants. */
struct dns_tls_facts {
	const char *version, *cipher; /* NULL before the handshake's end */
	const char *error;            /* why the certificate is not trusted, NULL when it is */
};

/* name: whose certificate is expected, a host name or an address; alpn: one protocol. NULL when out
 * of memory or without a trust store. */
struct dns_tls *dns_tls_new(const char *name, const char *alpn);
void dns_tls_free(struct dns_tls *); /* NULL is allowed */

/* Bytes from the peer; false when out of memory. */
bool dns_tls_take(struct dns_tls *, const uint8_t *, size_t);
/* Bytes for the peer, 0 when there are none. */
size_t dns_tls_give(struct dns_tls *, uint8_t *, size_t);
/* 1 when the handshake is complete, 0 when it needs more bytes, -1 when it failed. */
int dns_tls_handshake(struct dns_tls *);
void dns_tls_tell(const struct dns_tls *, struct dns_tls_facts *);
/* Text of the last failure. */
const char *dns_tls_error(const struct dns_tls *);
/* After the handshake. write: false when it failed. read: the number of bytes, 0 when there are
 * none yet, -1 at the end. */
bool dns_tls_write(struct dns_tls *, const uint8_t *, size_t);
int dns_tls_read(struct dns_tls *, uint8_t *, size_t);
