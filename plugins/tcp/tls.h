/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over a connected, non-blocking socket. One context with one trust store serves all probes of
 * the process. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_options {
	const char *name; /* to ask for and to check: a host name or an address */
	const char *ca;   /* PEM of authorities in place of the system's; NULL = system */
};

/* What was learnt of the server. Texts are static, NULL where there is none. */
struct tls_facts {
	bool authorized;    /* the chain is trusted and for the name */
	const char *error;  /* why not, a name as "CERT_HAS_EXPIRED" */
	const char *phrase; /* the same for people */
	const char *protocol, *cipher;
	char expires[32];       /* RFC 3339, "" unknown */
	char chain_expires[32]; /* the earliest of all certificates that were sent */
};

struct tls;

enum tls_want {
	TLS_OVER = 0,
	TLS_WANTS_READ,  /* call again when readable */
	TLS_WANTS_WRITE, /* call again when writable */
	TLS_CLOSED,      /* the server ended it properly, or closed the connection */
	TLS_BROKEN,      /* tls_why() says what happened */
};

/* 0 or -1 with a sentence: does the PEM text hold a certificate? For check(). */
int tls_check_ca(const char *pem, char *why, size_t cap);
/* NULL when there is no memory or the options do not fit. */
struct tls *tls_new(int fd, const struct tls_options *);
void tls_free(struct tls *); /* the descriptor stays open */

enum tls_want tls_handshake(struct tls *);
/* After the handshake; what is not authorized is for the caller to refuse. */
void tls_learn(struct tls *, const char *name, struct tls_facts *);
/* *done: bytes read or written when TLS_OVER. */
enum tls_want tls_read(struct tls *, void *, size_t, size_t *done);
enum tls_want tls_write(struct tls *, const void *, size_t, size_t *done);
const char *tls_why(const struct tls *);
