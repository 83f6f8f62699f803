/* SPDX-License-Identifier: Apache-2.0 */
/* Every name a policy sees, as data. What makes a name work and what is said of it stand in one
 * row: entry points and fields here, request fields in question.c, columns in columns.c, helpers in
 * lb.c, Lua's own names in lib.c. lua/sonde.meta.lua, lua/luacheckrc and the reference in
 * doc/policies.md are written from these rows by reference.c; a test compares. */
#pragma once
#include "script/binding.h"
#include "script/policy.h"
#include "script/reference.h"

struct sonde_entry_row {
	const char *name;
	const char *args;    /* "req: request, set: set" */
	const char *returns; /* types, as LuaLS writes them */
	const char *doc;
};
extern const struct sonde_entry_row sonde_entry_rows[SONDE_ENTRY_COUNT];

/* A field of a table that a policy writes or reads. Ends with a NULL name. */
struct sonde_name_row {
	const char *name, *type, *doc;
};
extern const struct sonde_name_row sonde_policy_fields[]; /* besides the entries */
extern const struct sonde_name_row sonde_param_fields[];

/* One question to a program: what the functions that push a request look at. */
struct sonde_question {
	enum sonde_entry entry;
	const struct sonde_request *req;
	unsigned want;
	int params_ref;
	const struct json_t *facts; /* of ON_RESULT and ON_NODE */
};

#define SONDE_ASKS(entry) (1u << SONDE_ENTRY_##entry)
struct sonde_request_row {
	const char *name, *type, *doc;
	unsigned entries; /* bits of SONDE_ASKS: where the field is there */
	/* Push the value, nil where it is absent. */
	void (*push)(lua_State *, const struct sonde_question *);
};
extern const struct sonde_request_row sonde_request_rows[]; /* ends with a NULL name */
/* Push the request of a question. */
void sonde_question_push(lua_State *, const struct sonde_question *);
