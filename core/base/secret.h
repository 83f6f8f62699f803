/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and node keys: 256 random bits as text, stored only as SHA-256. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SONDE_SECRET_TEXT = 64, SONDE_HASH_BYTES = 32 };

/* Once at the start of a program that hashes passwords: picks the fastest code for this machine. */
void sonde_secret_init(void);
/* "<prefix>_" and 43 letters of base64url, NUL-terminated. prefix at most 16 bytes. */
void sonde_secret_make(const char *prefix, char out[SONDE_SECRET_TEXT]);
void sonde_secret_hash(const char *text, size_t len, uint8_t out[SONDE_HASH_BYTES]);
/* HMAC-SHA256. */
void sonde_secret_sign(const void *key, size_t key_len, const void *text, size_t len,
                       uint8_t out[SONDE_HASH_BYTES]);
/* Constant time in the content. */
bool sonde_secret_equal(const uint8_t a[SONDE_HASH_BYTES], const uint8_t b[SONDE_HASH_BYTES]);
void sonde_secret_wipe(void *, size_t);

/* base64url without padding: 4 letters for 3 bytes, NUL-terminated; room must hold them. */
void sonde_secret_text(const void *bytes, size_t len, char *out, size_t room);
/* Exactly `want` bytes, else false. */
bool sonde_secret_bytes(const char *text, size_t len, uint8_t *out, size_t want);

/* ---- keys of 32 bytes ---- */
enum { SONDE_KEY_BYTES = 32, SONDE_SEAL_EXTRA = 40 };

/* Keyed hash of data; also how one key becomes several: data is what the other is for. */
void sonde_secret_mac(const uint8_t key[SONDE_KEY_BYTES], const void *data, size_t len,
                      uint8_t out[SONDE_HASH_BYTES]);
/* A short and fast one (SipHash-2-4 of 128 bits): tells again what was checked before in this process;
 * nothing is stored by it. */
enum { SONDE_MARK_BYTES = 16 };
void sonde_secret_mark(const uint8_t key[SONDE_KEY_BYTES], const void *data, size_t len,
                       uint8_t out[SONDE_MARK_BYTES]);
/* Encrypt and authenticate; out takes len + SONDE_SEAL_EXTRA bytes. */
void sonde_secret_seal(const uint8_t key[SONDE_KEY_BYTES], const void *in, size_t len,
                       uint8_t *out);
/* The way back; out takes len - SONDE_SEAL_EXTRA bytes. false: another key, or changed bytes. */
bool sonde_secret_open(const uint8_t key[SONDE_KEY_BYTES], const void *in, size_t len,
                       uint8_t *out);

/* ---- passwords: argon2id, 19 MiB, two passes; blocks for tens of milliseconds ---- */
enum { SONDE_PASSWORD_TEXT = 128, SONDE_PASSWORD_MIN = 8, SONDE_PASSWORD_MAX = 1024 };

/* The hash with its salt and parameters as text; SONDE_ENOMEM. */
int sonde_password_hash(const char *password, size_t len, char out[SONDE_PASSWORD_TEXT]);
bool sonde_password_verify(const char *hash, const char *password, size_t len);
/* Made with other parameters than a new one would be. */
bool sonde_password_is_old(const char *hash);
