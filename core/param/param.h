/* SPDX-License-Identifier: Apache-2.0 */
/* Typed rows (struct sonde_param): check JSON input, fill a C struct, tell what the rows are. The
 * same rows serve the API, the config file, the CLI and plugins.
 *
 * A dotted name is a member of a group: "query.type" is {"query": {"type": ...}} in JSON; rows of
 * one group stand together. min and max both 0 mean any value (for a string: at most 1024 bytes);
 * min of a string is its shortest length in bytes. Texts of errors are made to stand after the
 * quoted path: "must be an integer", "is required", "is unknown, did you mean \"count\"?". */
#pragma once
#include <jansson.h>
#include <sonde/plugin.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/pool.h"

/* Rows as the host holds them: `stride` is the row size the author's compiler saw. */
struct sonde_rows {
	const struct sonde_param *first;
	uint32_t stride;
};

#define SONDE_ROWS(array) ((struct sonde_rows){ (array), sizeof((array)[0]) })

/* Row i, copied into *out with members the author did not know zeroed; false at the end. */
bool sonde_row_at(struct sonde_rows, unsigned i, struct sonde_param *out);

/* Fill `args` (zeroed by the caller) from a JSON object (NULL = {}): defaults first, then input.
 * Strings and maps are copied into the pool. Numeric strings are converted where a number is asked
 * for, and the text form of a map where a map is.
 * Unknown key, wrong type, out of range, missing required: SONDE_EINVAL with path and sentence
 * (with a suggestion for an unknown key). */
int sonde_rows_fill(struct sonde_rows, const json_t *object, void *args, struct sonde_pool *,
                    struct sonde_error *);
/* The same in two steps, for who fills many structs from the same rows: the defaults once, and then
 * a copy of them for each input. What the copies point to lives in the pool of the defaults. */
int sonde_rows_defaults(struct sonde_rows, void *args, struct sonde_pool *, struct sonde_error *);
int sonde_rows_fill_over(struct sonde_rows, const json_t *object, void *args, struct sonde_pool *,
                         struct sonde_error *);
/* Set one row from text as a user types it (flag, environment variable, YAML scalar, default). */
int sonde_row_set_text(const struct sonde_param *, void *args, const char *text,
                       struct sonde_pool *, struct sonde_error *);
/* Row by name into *out; false when unknown. */
bool sonde_row_find(struct sonde_rows, const char *name, struct sonde_param *out);
/* Check the rows themselves (names, types, offsets within args_size, enum lists, defaults that
 * parse, ends within 256 rows). One sentence on refusal. */
int sonde_rows_check(struct sonde_rows, uint32_t args_size, struct sonde_error *);

/* The rows as a JSON array of {name,type,help,unit,default,enum,min,max,required,secret,internal},
 * written as the value of `key`. */
void sonde_rows_describe(struct sonde_rows, struct sonde_json *, const char *key);

/* Rows read back from sonde_rows_describe's array: owned copies, for the controller and the CLI
 * which never load a plugin. Offsets are laid out by us; *args_size is the size of a struct that
 * holds them all. Bounded: 256 rows, names 64, help 400 bytes. */
int sonde_rows_parse(const json_t *array, struct sonde_pool *, struct sonde_rows *out,
                     uint32_t *args_size, struct sonde_error *);

/* The leaves of args that differ from their defaults, as members of an already open object.
 * Secret rows are left out. */
void sonde_rows_write(struct sonde_rows, const void *args, struct sonde_json *);
/* The same with the secret rows: for a node that is trusted, never for a record or an answer. */
void sonde_rows_write_all(struct sonde_rows, const void *args, struct sonde_json *);
/* The secret rows alone: to be encrypted beside what sonde_rows_write wrote. */
void sonde_rows_write_secret(struct sonde_rows, const void *args, struct sonde_json *);
/* Whether a secret row was given (one that users may give). */
bool sonde_rows_hold_secret(struct sonde_rows, const void *args);

/* "250ms", "2s", "1.5m", "1h", or a plain number of seconds, into nanoseconds (>= 0). */
int sonde_parse_duration(const char *text, int64_t *ns);

/* json_loadb with duplicates refused, depth at most SONDE_JSON_DEPTH and a sentence with the
 * position on error; NULL then. */
json_t *sonde_json_load(const char *text, size_t len, struct sonde_error *);
