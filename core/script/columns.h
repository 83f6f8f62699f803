/* SPDX-License-Identifier: Apache-2.0 */
/* The node columns: one array a fact, one row a node, the same for all policies. Besides the
 * columns of policy.h there are derived ones, kept right on every change. Knows no Lua. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "script/intern.h"
#include "script/keep.h"
#include "script/policy.h"

enum {
	SONDE_COL_PRESSURE = SONDE_COL_COUNT, /* load + active / capacity */
	SONDE_COL_CAPABILITIES,               /* number of tags and types */
	SONDE_COL_TAGS,                       /* lists from here on */
	SONDE_COL_TYPES,
	SONDE_COL_ALL,
};

enum sonde_column_kind { SONDE_KIND_NUMBER, SONDE_KIND_TEXT, SONDE_KIND_LIST };

struct sonde_column_info {
	const char *name; /* in view */
	enum sonde_column_kind kind;
	unsigned slot;    /* in the arrays of its kind */
	double unset;     /* value of a number in a row that was cleared or never set */
	const char *doc;
};
extern const struct sonde_column_info sonde_column_infos[SONDE_COL_ALL];

enum { SONDE_NUMBERS = 23, SONDE_TEXTS = 5, SONDE_LISTS = 2, SONDE_PRIORITIES = 101 };

struct sonde_id_list {
	uint32_t n, joined; /* joined: interned "a,b" */
	uint32_t *ids;
};

struct sonde_columns {
	unsigned rows, cap;
	double *number[SONDE_NUMBERS];
	uint32_t *text[SONDE_TEXTS];
	struct sonde_id_list *list[SONDE_LISTS];
	double *place[3];    /* unit vector of latitude and longitude; NaN when unknown */
	uint64_t *identity;  /* hash of the name: the same in every process */
	uint8_t *used;
	unsigned priorities[SONDE_PRIORITIES]; /* used rows with this priority */
	uint64_t version;    /* counts up when the priority of any row changes */
	struct sonde_intern intern;
	struct sonde_keeps *keeps; /* NULL: out of memory, nothing is kept */
};

void sonde_columns_init(struct sonde_columns *);
void sonde_columns_deinit(struct sonde_columns *);
/* Rows 0..at exist afterwards. */
int sonde_columns_grow(struct sonde_columns *, unsigned at);
int sonde_columns_number(struct sonde_columns *, unsigned at, enum sonde_column, double);
int sonde_columns_text(struct sonde_columns *, unsigned at, enum sonde_column, const char *);
int sonde_columns_list(struct sonde_columns *, unsigned at, unsigned column,
                       const char *const *words, unsigned n);
void sonde_columns_clear(struct sonde_columns *, unsigned at);
static inline bool sonde_column_is_past(unsigned column)
{
	return column >= SONDE_COL_PAST_OK && column <= SONDE_COL_PAST_SEEN;
}
/* A cell of a used row in a past column; and all of them as never set. */
void sonde_columns_past(struct sonde_columns *, unsigned at, unsigned column, double);
void sonde_columns_blank_past(struct sonde_columns *);
/* All used rows have one priority. */
bool sonde_columns_one_priority(const struct sonde_columns *);

const double *sonde_columns_numbers(const struct sonde_columns *, unsigned column);
const uint32_t *sonde_columns_texts(const struct sonde_columns *, unsigned column);

uint64_t sonde_hash_text(const char *, size_t len); /* FNV-1a, finished; not seeded */
uint64_t sonde_hash_mix(uint64_t);
