/* SPDX-License-Identifier: Apache-2.0 */
/* A stapled OCSP answer. */
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cert_staple {
	const char *status; /* "good", "revoked", "unknown"; NULL = it says nothing of this one */
	const char *why;    /* constant; why it cannot be used, NULL = it can */
	bool signed_well;   /* by the issuer, or somebody the issuer or the store stands for */
	bool has_dates;
	int64_t this_update, next_update; /* seconds since 1970; next 0 = none */
};

/* der: as it came, any bytes. leaf and chain: the peer's; chain may be NULL. */
void cert_staple_read(struct cert_staple *, const unsigned char *der, size_t len, X509 *leaf,
                      STACK_OF(X509) *chain, X509_STORE *);
