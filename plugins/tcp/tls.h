/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over a connected, non-blocking socket. One context with one trust store serves all probes of
 * the process. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sonde/plugin.h>

enum { TLS_NAME_TEXT = 256, TLS_ALT_TEXT = 1024 };

struct tls_options {
	const char *name;   /* to ask for and to check: a host name or an address */
	const char *ca;     /* PEM of authorities in place of the system's; NULL = system */
	unsigned min_version; /* 0 = 1.0 ... 3 = 1.3 */
	const char *alpn;   /* comma list; NULL = none */
};

/* What was learnt of the server. Texts are "" where the certificate does not say. */
struct tls_facts {
	bool known;         /* the handshake came to an end */
	bool authorized;
	const char *error;  /* why not, a static phrase; NULL when authorized */
	const char *protocol, *cipher; /* static */
	char alpn[64];
	char subject_cn[TLS_NAME_TEXT], alt[TLS_ALT_TEXT];
	char issuer_c[16], issuer_o[TLS_NAME_TEXT], issuer_cn[TLS_NAME_TEXT];
	char created[32], expires[32], chain_expires[32]; /* RFC 3339; chain: the earliest of all */
	char serial[160], fingerprint[100];
	const char *key_type; /* "RSA", "EC", ...; NULL unknown */
	int key_bits, chain_length;
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
/* NULL with a sentence when there is no memory or no trust store. */
struct tls *tls_new(int fd, const struct tls_options *, char *why, size_t cap);
void tls_free(struct tls *); /* the descriptor stays open */

enum tls_want tls_handshake(struct tls *);
/* After the handshake; what is not authorized is for the caller to refuse. */
void tls_learn(struct tls *, struct tls_facts *);
/* *done: bytes read or written when TLS_OVER. */
enum tls_want tls_read(struct tls *, void *, size_t, size_t *done);
enum tls_want tls_write(struct tls *, const void *, size_t, size_t *done);
const char *tls_why(const struct tls *);
