/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by libsodium. A program that never handles one does not link it: this object is pulled
 * from the archive only when used. */
#include "base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"

enum { ARGON_PASSES = 2, ARGON_BYTES = 19456 << 10 };

_Static_assert(SONDE_PASSWORD_TEXT >= crypto_pwhash_STRBYTES, "room for a hash");
_Static_assert(SONDE_SEAL_EXTRA == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
               "nonce and tag");

void sonde_secret_init(void)
{
	(void)!sodium_init();
}

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

void sonde_secret_text(const void *bytes, size_t len, char *out, size_t room)
{
	sodium_bin2base64(out, room, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool sonde_secret_bytes(const char *text, size_t len, uint8_t *out, size_t want)
{
	size_t got;
	const char *end;

	return sodium_base642bin(out, want, text, len, NULL, &got, &end,
	                         sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       end == text + len && got == want;
}

void sonde_secret_mac(const uint8_t key[SONDE_KEY_BYTES], const void *data, size_t len,
                      uint8_t out[SONDE_HASH_BYTES])
{
	crypto_auth(out, data, len, key);
}

void sonde_secret_mark(const uint8_t key[SONDE_KEY_BYTES], const void *data, size_t len,
                       uint8_t out[SONDE_MARK_BYTES])
{
	_Static_assert(SONDE_MARK_BYTES == crypto_shorthash_siphashx24_BYTES &&
	               SONDE_KEY_BYTES >= crypto_shorthash_siphashx24_KEYBYTES, "a part of the key");

	crypto_shorthash_siphashx24(out, data, len, key);
}

void sonde_secret_seal(const uint8_t key[SONDE_KEY_BYTES], const void *in, size_t len,
                       uint8_t *out)
{
	sonde_random_bytes(out, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES, in, len, out, key);
}

bool sonde_secret_open(const uint8_t key[SONDE_KEY_BYTES], const void *in, size_t len,
                       uint8_t *out)
{
	const uint8_t *nonce = in;

	return len >= SONDE_SEAL_EXTRA &&
	       crypto_secretbox_open_easy(out, nonce + crypto_secretbox_NONCEBYTES,
	                                  len - crypto_secretbox_NONCEBYTES, nonce, key) == 0;
}

int sonde_password_hash(const char *password, size_t len, char out[SONDE_PASSWORD_TEXT])
{
	return crypto_pwhash_str_alg(out, password, len, ARGON_PASSES, ARGON_BYTES,
	                             crypto_pwhash_ALG_ARGON2ID13) == 0 ? SONDE_OK : SONDE_ENOMEM;
}

bool sonde_password_verify(const char *hash, const char *password, size_t len)
{
	return crypto_pwhash_str_verify(hash, password, len) == 0;
}

bool sonde_password_is_old(const char *hash)
{
	return crypto_pwhash_str_needs_rehash(hash, ARGON_PASSES, ARGON_BYTES) != 0;
}
