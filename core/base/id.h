/* SPDX-License-Identifier: Apache-2.0 */
/* 128-bit ids of nodes, measurements and tokens: 48 bits of wall milliseconds, 80 random bits
 * that count up within one millisecond, so that ids made by one process sort in the order they
 * were made, as bytes and as text. Text: 26 letters of lower-case Crockford base32. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sonde_id {
	uint8_t b[16];
};

enum { SONDE_ID_TEXT = 27 };

struct sonde_id_maker {
	int64_t last_ms;
	struct sonde_id last;
};

void sonde_id_make(struct sonde_id_maker *, struct sonde_id *out);
void sonde_id_format(const struct sonde_id *, char out[SONDE_ID_TEXT]);
/* 26 letters exactly, either case; false when not an id. */
bool sonde_id_parse(const char *text, size_t len, struct sonde_id *out);
bool sonde_id_equal(const struct sonde_id *, const struct sonde_id *);
bool sonde_id_is_zero(const struct sonde_id *);
int64_t sonde_id_wall_ms(const struct sonde_id *);
