/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates this machine trusts, parsed once a process. */
#pragma once
#include <openssl/ssl.h>

/* The store, made at the first call from $SSL_CERT_FILE or the system's bundle; NULL when out of
 * memory. Borrowed: take a reference (X509_STORE_up_ref) to keep it. */
X509_STORE *cert_trust_store(void);
/* Gives a context that store. Handshakes go on whatever the certificate: the caller asks cert_judge
 * after them. 0, or -1 when out of memory. */
int cert_trust_use(SSL_CTX *);
/* A context for clients that uses it, made at the first call; NULL when out of memory. Borrowed. */
SSL_CTX *cert_trust_context(void);
