/* SPDX-License-Identifier: Apache-2.0 */
/* The C functions behind `lb`; their arguments and answers stand in the rows of lb.c. Each takes its
 * arguments from the Lua stack and raises where they are wrong. Those of verdicts: verdict.h. */
#pragma once
#include <lua.h>

/* lb_sets.c: only inside a decision, whose sets, columns, seed and scratch memory they use */
int sonde_lb_least(lua_State *);
int sonde_lb_most(lua_State *);
int sonde_lb_top(lua_State *);
int sonde_lb_below(lua_State *);
int sonde_lb_above(lua_State *);
int sonde_lb_equal(lua_State *);
int sonde_lb_has(lua_State *);
int sonde_lb_weighted(lua_State *);
int sonde_lb_two_choices(lua_State *);
int sonde_lb_sample(lua_State *);
int sonde_lb_round_robin(lua_State *);
int sonde_lb_hash(lua_State *);
int sonde_lb_spread_by(lua_State *);
int sonde_lb_mesh(lua_State *);
int sonde_lb_unique(lua_State *);
int sonde_lb_first(lua_State *);
int sonde_lb_values(lua_State *);
int sonde_lb_mix(lua_State *);
int sonde_lb_nearest(lua_State *);
int sonde_lb_within(lua_State *);
int sonde_lb_distance(lua_State *);
int sonde_lb_join(lua_State *);
int sonde_lb_without(lua_State *);
int sonde_lb_by_priority(lua_State *);
int sonde_lb_random(lua_State *);

/* lb_texts.c */
int sonde_lb_starts_with(lua_State *);
int sonde_lb_ends_with(lua_State *);
int sonde_lb_glob(lua_State *);
int sonde_lb_cidr_match(lua_State *);
int sonde_lb_split(lua_State *);
