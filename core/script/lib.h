/* SPDX-License-Identifier: Apache-2.0 */
/* The allowed part of Lua's own library: what can run long is replaced or wrapped. */
#pragma once
#include <lua.h>

/* Put the names of sonde_sandbox_names into the environment made before. */
void sonde_lib_open(lua_State *);
/* The table behind a frozen stand-in at idx, or the table itself; pushed. */
void sonde_lib_real(lua_State *, int idx);
