/* SPDX-License-Identifier: Apache-2.0 */
/* What on_result and on_node see, as flat fields. The rows say each name, its type, and where in a
 * result's JSON it stands. */
#pragma once
#include <jansson.h>

struct lua_State;

struct sonde_fact_row {
	const char *name, *type, *doc;
	const char *paths[4]; /* the first that is there; none: the caller sets it */
};
extern const struct sonde_fact_row sonde_result_rows[]; /* end with a NULL name */
extern const struct sonde_fact_row sonde_change_rows[];

enum { SONDE_FACT_ITEMS = 128 };

/* The rows that have paths, read from a result's JSON: a new flat object, NULL when out of memory.
 * A path is members with dots; "x[].y" is a list of texts ("*" where it is missing), "x[-1].y" is of
 * the last one. */
json_t *sonde_result_facts(const json_t *result);
/* Push them as a table; fields that the rows do not name are left out. */
void sonde_facts_push(struct lua_State *, const struct sonde_fact_row *, const json_t *facts);
