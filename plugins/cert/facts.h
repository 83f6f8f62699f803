/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says, and what its verification said, as plain C. Texts are foreign: at most
 * the given sizes, cut at the end, NUL-terminated, UTF-8 or not. An empty text is an absent one. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CERT_TEXT = 256,
	CERT_ALT = 4096,
	CERT_KEY = 3 * 1100, /* "04:32:..." of a key of up to 8192 bits */
	CERT_CHAIN_MAX = 10, /* certificates looked at */
};

struct cert_facts {
	bool has_dates;
	int64_t created, expires; /* seconds since 1970 */
	char subject_cn[CERT_TEXT], issuer_c[CERT_TEXT], issuer_o[CERT_TEXT], issuer_cn[CERT_TEXT];
	char subject[2 * CERT_TEXT], issuer[2 * CERT_TEXT]; /* whole names, "CN = a, O = b" */
	char alt[CERT_ALT]; /* "DNS:a, IP Address:192.0.2.1" */
	char key_type[32];  /* "RSA", "EC", "ED25519" */
	int key_bits;       /* 0 = not known */
	char curve[32];
	char public_key[CERT_KEY]; /* EC: the point; RSA: the SubjectPublicKeyInfo */
	char serial[3 * 64], fingerprint[3 * 32], signature[64];
};

/* Dates that make no sense leave has_dates false. */
void cert_facts_read(struct cert_facts *, const X509 *);
/* Seconds since 1970; false for a time that makes no sense. */
bool cert_seconds(const ASN1_TIME *, int64_t *out);
/* Whole days until expiry, rounded down; negative when it is over. */
int64_t cert_days_left(const struct cert_facts *, int64_t now_s);
/* "2026-01-31T00:00:00.000Z"; out holds CERT_DATE bytes. Empty outside the years 0 to 9999. */
enum { CERT_DATE = 32 };
void cert_format_date(char out[CERT_DATE], int64_t s);

struct cert_verdict {
	bool authorized;
	const char *error; /* "CERT_HAS_EXPIRED", constant; NULL when authorized */
	const char *text;  /* the same for people, constant */
};

/* Name of an X509_V_ERR_... without the prefix; "UNSPECIFIED" for one that has none. */
const char *cert_error_name(long code);
/* After the handshake: the chain first, then whether the certificate is for `name` (a host name, or
 * an address without brackets). */
void cert_judge(struct cert_verdict *, SSL *, const char *name);
