/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate facts into a result, in the shape of Globalping's `tls` object. */
#pragma once
#include <sonde/plugin.h>

#include "cert/facts.h"

/* An object named `key`. protocol and cipher as OpenSSL names them. */
void cert_show(struct sonde_probe *, const char *key, const struct cert_facts *,
               const struct cert_verdict *, const char *protocol, const char *cipher);
/* The text, or null when it is empty; _present leaves an empty one out. */
void cert_put_text(struct sonde_probe *, const char *key, const char *text);
void cert_put_present(struct sonde_probe *, const char *key, const char *text);
void cert_put_date(struct sonde_probe *, const char *key, const struct cert_facts *, int64_t s);

/* The field rows of what cert_show writes below PREFIX ("tls."). */
#define CERT_FIELDS(prefix) \
	{ prefix "authorized", SONDE_TYPE_BOOL, "the chain is trusted and for this name" }, \
	{ prefix "error", SONDE_TYPE_STRING, "why it is not, absent when it is" }, \
	{ prefix "protocol", SONDE_TYPE_STRING, "TLS version" }, \
	{ prefix "cipherName", SONDE_TYPE_STRING, "cipher suite" }, \
	{ prefix "createdAt", SONDE_TYPE_STRING, "begin of validity" }, \
	{ prefix "expiresAt", SONDE_TYPE_STRING, "end of validity" }, \
	{ prefix "subject", SONDE_TYPE_OBJECT, "whom the certificate is for" }, \
	{ prefix "subject.CN", SONDE_TYPE_STRING, "common name" }, \
	{ prefix "subject.alt", SONDE_TYPE_STRING, "alternative names" }, \
	{ prefix "issuer", SONDE_TYPE_OBJECT, "who signed it" }, \
	{ prefix "issuer.C", SONDE_TYPE_STRING, "country" }, \
	{ prefix "issuer.O", SONDE_TYPE_STRING, "organization" }, \
	{ prefix "issuer.CN", SONDE_TYPE_STRING, "common name" }, \
	{ prefix "keyType", SONDE_TYPE_STRING, "RSA or EC, null for others" }, \
	{ prefix "keyBits", SONDE_TYPE_INT, "size of the key", "bits" }, \
	{ prefix "serialNumber", SONDE_TYPE_STRING, "hexadecimal" }, \
	{ prefix "fingerprint256", SONDE_TYPE_STRING, "SHA-256 of the certificate" }, \
	{ prefix "publicKey", SONDE_TYPE_STRING, "EC: the point, RSA: the key info; null for others" }
