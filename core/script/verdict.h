/* SPDX-License-Identifier: Apache-2.0 */
/* The helpers of verdicts; rows of them stand in lb.c. */
#pragma once
#include <lua.h>

int sonde_lb_raise(lua_State *);
int sonde_lb_clear(lua_State *);
int sonde_lb_deepen(lua_State *);
int sonde_lb_window(lua_State *);
int sonde_lb_remember(lua_State *);
int sonde_lb_tally(lua_State *);
int sonde_lb_leave(lua_State *);
