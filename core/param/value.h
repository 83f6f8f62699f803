/* SPDX-License-Identifier: Apache-2.0 */
/* Inside param/ only: one value of one row, from text or JSON into its C type and back. */
#pragma once
#include "param/param.h"

enum {
	SONDE_ROWS_MAX = 256,
	SONDE_ROW_NAME = 64,   /* bytes of a name, dots included */
	SONDE_ROW_HELP = 400,
	SONDE_ROW_UNIT = 32,
	SONDE_ROW_CHOICES = 128,
	SONDE_ROW_GROUPS = 4,     /* dots in a name */
	SONDE_ROW_STRING = 1024,  /* bytes of a string row whose max is 0 */
	SONDE_ROW_STRING_MAX = 1 << 20,
	SONDE_ROW_PAIRS = 128,      /* entries of a map */
	SONDE_ROW_PAIR_NAME = 256,  /* bytes */
	SONDE_ROW_PAIR_VALUE = 8192, /* bytes of a value where max is 0 */
};

/* Any value; every member lies at offset 0. */
union sonde_value {
	uint8_t boolean;
	int64_t integer;
	double number;
	const char *string;
	uint32_t choice;
	const struct sonde_pair *pairs;
};

/* Name of a type as describe writes it, NULL for one that parameters cannot have. */
const char *sonde_row_type_name(uint32_t type);
uint32_t sonde_row_type_parse(const char *name); /* SONDE_TYPE_END when unknown */
/* Bytes, and alignment, of the row's C type; 0 for one that parameters cannot have. */
size_t sonde_row_size(const struct sonde_param *);
/* min and max both 0 mean: any value of the type. */
bool sonde_row_has_range(const struct sonde_param *);

int sonde_row_set_json(const struct sonde_param *, void *args, const json_t *, struct sonde_pool *,
                       struct sonde_error *);
/* The row's value in args, as a member named `key`. */
void sonde_row_put(const struct sonde_param *, const void *args, struct sonde_json *,
                   const char *key);
/* Whether the value in args is the row's default. */
bool sonde_row_is_default(const struct sonde_param *, const void *args);

/* jansson holds the UTF-8 rules already; anything it takes can be shown as JSON again. */
bool sonde_is_utf8(const char *text, size_t len);

/* SONDE_TYPE_MAP (pairs.c). The pairs live in the pool. */
int sonde_pairs_text(const struct sonde_param *, void *to, const char *text, struct sonde_pool *,
                       struct sonde_error *);
int sonde_pairs_json(const struct sonde_param *, void *to, const json_t *, struct sonde_pool *,
                       struct sonde_error *);
void sonde_pairs_put(const struct sonde_param *, const void *from, struct sonde_json *,
                       const char *key);

/* ns as the shortest exact text with a unit ("1500ms"); out holds 24 bytes. */
enum { SONDE_DURATION_TEXT = 24 };
size_t sonde_format_duration(char out[SONDE_DURATION_TEXT], int64_t ns);

/* How many leading groups (segments before the last dot) two names share. */
unsigned sonde_name_shared(const char *a, const char *b);
unsigned sonde_name_groups(const char *name);
/* Segment i of a dotted name, 64 bytes at most, copied with NUL into out. */
void sonde_name_segment(const char *name, unsigned i, char out[SONDE_ROW_NAME + 1]);
/* Open and close objects of `j` so that the groups of `from` become those of `to`; either may be
 * "" for none. */
void sonde_name_move(struct sonde_json *j, const char *from, const char *to);
