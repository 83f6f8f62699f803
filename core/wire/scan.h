/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that say where a member of a JSON object belongs in a struct; private to wire/. One table
 * serves reading and writing. */
#pragma once
#include "wire/wire.h"

enum field_kind {
	FIELD_ID,      /* struct sonde_id */
	FIELD_U64,     /* uint64_t, at most 2^53 */
	FIELD_I64,     /* int64_t */
	FIELD_U32,     /* uint32_t */
	FIELD_FAILURE, /* uint8_t, by name */
	FIELD_NUMBER,  /* double, finite */
	FIELD_BOOL,    /* bool */
	FIELD_TEXT,    /* struct sonde_text, at most max bytes */
	FIELD_OBJECT,  /* struct sonde_text, a raw object, checked strictly; at most max bytes */
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	size_t max;
	bool optional; /* absent = zero; not written when zero or empty */
};

struct scan;
int scan_new(struct scan **);
void scan_free(struct scan *);
/* Tokenise; the outermost value must be an object. */
int scan_text(struct scan *, char *text, size_t len, struct sonde_error *);
/* Token of a member's value by name in the object at token `at`, -1 when absent. */
int scan_member(const struct scan *, int at, const char *name);
bool scan_text_is(const struct scan *, int at, const char *word);
/* Array at token `at`: number of elements (-1 when not an array), first element, next element. */
int scan_count(const struct scan *, int at);
int scan_first(const struct scan *, int at);
int scan_next(const struct scan *, int at);
/* Fill *out from the object at token `at`. rows end with a NULL name. */
int scan_fields(struct scan *, int at, const struct field *rows, void *out, struct sonde_error *);
