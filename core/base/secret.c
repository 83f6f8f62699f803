/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by libsodium. A program that never handles one does not link it: this object is pulled
 * from the archive only when used. */
#include "base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

void sonde_secret_make(const char *prefix, char out[SONDE_SECRET_TEXT])
{
	uint8_t raw[32];
	int n = snprintf(out, SONDE_SECRET_TEXT, "%.16s_", prefix);

	sonde_random_bytes(raw, sizeof(raw));
	sodium_bin2base64(out + n, SONDE_SECRET_TEXT - n, raw, sizeof(raw),
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(raw, sizeof(raw));
}

void sonde_secret_hash(const char *text, size_t len, uint8_t out[SONDE_HASH_BYTES])
{
	crypto_hash_sha256(out, (const unsigned char *)text, len);
}

void sonde_secret_sign(const void *key, size_t key_len, const void *text, size_t len,
                       uint8_t out[SONDE_HASH_BYTES])
{
	crypto_auth_hmacsha256_state s;

	crypto_auth_hmacsha256_init(&s, key, key_len);
	crypto_auth_hmacsha256_update(&s, text, len);
	crypto_auth_hmacsha256_final(&s, out);
	sodium_memzero(&s, sizeof(s));
}

bool sonde_secret_equal(const uint8_t a[SONDE_HASH_BYTES], const uint8_t b[SONDE_HASH_BYTES])
{
	return sodium_memcmp(a, b, SONDE_HASH_BYTES) == 0;
}

void sonde_secret_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}
