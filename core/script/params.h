/* SPDX-License-Identifier: Apache-2.0 */
/* A policy's own parameters: rows read from its `params` table, values read from a request's JSON,
 * given back to Lua as a read-only table. Durations are milliseconds in Lua, like the columns. */
#pragma once
#include <lua.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/pool.h"
#include "param/param.h"

enum { SONDE_PARAMS_MAX = 32 };

struct sonde_params {
	struct sonde_pool pool;
	struct sonde_param row[SONDE_PARAMS_MAX + 1];
	unsigned count;
	uint32_t args_size;
};

void sonde_params_init(struct sonde_params *);
void sonde_params_deinit(struct sonde_params *);
/* Rows of the table at idx (nil = none). Raises nothing; must run in a protected call because
 * Lua may raise for memory. */
int sonde_params_read(lua_State *, int idx, struct sonde_params *, struct sonde_error *);
/* Push the read-only table of values for `json` (NULL = {}). Reads of enum rows named "priority"
 * with the value "ignore" set *ignore_priority. On error nothing is pushed. */
int sonde_params_push(lua_State *, const struct sonde_params *, const char *json,
                      bool *ignore_priority, struct sonde_error *);
/* The key at -2 and the value at -1 as a member of the open object; both stay on the stack. Raises
 * when the value is no boolean, number or text. */
void sonde_params_put(lua_State *, struct sonde_json *);
