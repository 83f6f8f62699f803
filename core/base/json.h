/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writing into a sonde_buf: fast, ordered, no tree. Commas and quotes are the writer's.
 * Reading of hot messages is wire/'s (jsmn); config and REST use jansson. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { SONDE_JSON_DEPTH = 32 };

struct sonde_json {
	struct sonde_buf *buf;
	uint8_t depth;
	char close[SONDE_JSON_DEPTH]; /* bracket that ends each open level */
	bool comma;                   /* the next value needs one */
};

void sonde_json_init(struct sonde_json *, struct sonde_buf *);
/* key is NULL inside an array or for the outermost value. bracket is '{' or '['. Too deep sets
 * buf->failed. */
void sonde_json_open(struct sonde_json *, const char *key, char bracket);
void sonde_json_close(struct sonde_json *);
void sonde_json_int(struct sonde_json *, const char *key, int64_t);
/* At most `digits` (0..6) decimals, trailing zeros dropped; null when not finite. */
void sonde_json_number(struct sonde_json *, const char *key, double, int digits);
/* len bytes of UTF-8; control characters are escaped, NUL (which no reader of ours takes) and
 * broken UTF-8 become U+FFFD. */
void sonde_json_text(struct sonde_json *, const char *key, const char *, size_t len);
/* NUL-terminated text, or null for NULL. */
void sonde_json_str(struct sonde_json *, const char *key, const char *);
void sonde_json_bool(struct sonde_json *, const char *key, bool);
void sonde_json_null(struct sonde_json *, const char *key);
/* One JSON value written by somebody else. */
void sonde_json_raw(struct sonde_json *, const char *key, const char *, size_t len);
/* The escaped text with quotes, without key or comma. */
void sonde_json_quote(struct sonde_buf *, const char *, size_t len);
/* Decimal digits of v into out (21 bytes hold any value); returns the length. */
size_t sonde_format_int(char *out, int64_t v);
/* v with at most `digits` decimals into out (40 bytes hold any value); returns the length. */
size_t sonde_format_number(char *out, double v, int digits);

/* Strict RFC 8259 check of one JSON value (an object when `object`), depth at most
 * SONDE_JSON_DEPTH, valid UTF-8, no NUL escapes. */
bool sonde_json_valid(const char *text, size_t len, bool object);
