/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and node keys: 256 random bits as text, stored only as SHA-256. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SONDE_SECRET_TEXT = 64, SONDE_HASH_BYTES = 32 };

/* "<prefix>_" and 43 letters of base64url, NUL-terminated. prefix at most 16 bytes. */
void sonde_secret_make(const char *prefix, char out[SONDE_SECRET_TEXT]);
void sonde_secret_hash(const char *text, size_t len, uint8_t out[SONDE_HASH_BYTES]);
/* HMAC-SHA256. */
void sonde_secret_sign(const void *key, size_t key_len, const void *text, size_t len,
                       uint8_t out[SONDE_HASH_BYTES]);
/* Constant time in the content. */
bool sonde_secret_equal(const uint8_t a[SONDE_HASH_BYTES], const uint8_t b[SONDE_HASH_BYTES]);
void sonde_secret_wipe(void *, size_t);
