/* SPDX-License-Identifier: Apache-2.0 */
/* Pins against certificates; the only file of this room that knows OpenSSL. Refuses a certificate whose
 * key no pin names, and forgives nothing but who signed it. Owns nothing. */
#include "base/trust.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SONDE_PIN_BYTES == SHA256_DIGEST_LENGTH, "a pin is a SHA-256");

static bool hash_of(X509 *certificate, uint8_t out[SONDE_PIN_BYTES])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

	if (len > 0)
		SHA256(der, (size_t)len, out);
	OPENSSL_free(der);
	return len > 0;
}

static void format(const uint8_t hash[SONDE_PIN_BYTES], char out[SONDE_PIN_TEXT])
{
	char base64[SONDE_PIN_TEXT] = "";

	EVP_EncodeBlock((unsigned char *)base64, hash, SONDE_PIN_BYTES);
	snprintf(out, SONDE_PIN_TEXT, "sha256//%.44s", base64);
}

/* With a pin alone nobody has to vouch for the certificate, and what stands above it does not count. */
static int forgive_chain(int good, X509_STORE_CTX *x)
{
	static const int chain[] = {
		X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
		X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED,
	};
	int error = X509_STORE_CTX_get_error(x);

	if (good || X509_STORE_CTX_get_error_depth(x) > 0)
		return 1;
	for (unsigned i = 0; i < sizeof(chain) / sizeof(chain[0]); i++)
		if (chain[i] == error)
			return 1;
	return 0;
}

static bool is_pinned(struct sonde_pins *p, X509 *certificate)
{
	uint8_t hash[SONDE_PIN_BYTES];
	char text[SONDE_PIN_TEXT];

	if (!certificate || !hash_of(certificate, hash))
		return false;
	for (unsigned i = 0; i < p->count; i++)
		if (!memcmp(p->hash[i], hash, sizeof(hash)))
			return true;
	format(hash, text);
	snprintf(p->why, sizeof(p->why), "its certificate has the key %s, which no pin names", text);
	return false;
}

int sonde_pins_verify(X509_STORE_CTX *x, void *arg)
{
	struct sonde_pins *p = arg;

	if (p->alone)
		X509_STORE_CTX_set_verify_cb(x, forgive_chain);
	if (X509_verify_cert(x) <= 0)
		return 0;
	if (!is_pinned(p, X509_STORE_CTX_get0_cert(x))) {
		X509_STORE_CTX_set_error(x, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	X509_STORE_CTX_set_error(x, X509_V_OK);
	return 1;
}

int sonde_pin_of_file(const char *path, char out[SONDE_PIN_TEXT], struct sonde_error *e)
{
	uint8_t hash[SONDE_PIN_BYTES];
	FILE *f = fopen(path, "re");
	X509 *certificate = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	bool good = certificate && hash_of(certificate, hash);

	X509_free(certificate);
	if (f)
		fclose(f);
	if (!good)
		return sonde_fail(e, SONDE_EINVAL, NULL, "%s holds no certificate, or cannot be read", path);
	format(hash, out);
	return SONDE_OK;
}
