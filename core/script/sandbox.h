/* SPDX-License-Identifier: Apache-2.0 */
/* One Lua state in which foreign text may run: an allow-list of names, and limits on bytes,
 * instructions and wall time. The state belongs to one policy.
 *
 * Lua's own hook does not see C functions, so three things keep a C function short: the names that
 * could run long are not there, those that walk a list say how long it is before they walk it
 * (sonde_sandbox_charge), and the allocator looks at the clock. A text is at most
 * SONDE_SANDBOX_STRING bytes, so that comparing two is nothing. */
#pragma once
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { SONDE_SANDBOX_STRING = 65536, SONDE_SANDBOX_TEXT = 256 * 1024 };

enum sonde_stop {
	SONDE_STOP_NONE,
	SONDE_STOP_MEMORY,
	SONDE_STOP_INSTRUCTIONS,
	SONDE_STOP_TIME,
};

struct sonde_sandbox {
	lua_State *L;
	void *owner;              /* for the functions of the embedder */
	size_t memory, memory_max; /* a decision ends at half of it */
	uint64_t spent, spent_max; /* instructions, and what C functions charged */
	int64_t deadline_ns;       /* wall; late only when the thread also ran that long */
	int64_t wall_ns, cpu_end_ns; /* cpu_end_ns: 0 = not looked at yet */
	uint32_t unseen;           /* bytes and charges since the last look at the clock */
	enum sonde_stop stop;
	bool armed, sealed;
};

/* A state with the allowed names; `owner` comes back from sonde_sandbox_owner. */
int sonde_sandbox_init(struct sonde_sandbox *, size_t memory_max, void *owner);
void sonde_sandbox_deinit(struct sonde_sandbox *);
void *sonde_sandbox_owner(lua_State *);

/* Limits hold from arm to disarm. Time in which this thread did not run is not counted: a busy
 * machine is not the policy's fault. */
void sonde_sandbox_arm(struct sonde_sandbox *, uint64_t instructions, int64_t wall_ns);
void sonde_sandbox_disarm(struct sonde_sandbox *);
/* Run a C function with one light pointer under the limits armed before; a Lua error becomes one
 * sentence in `why`. The stack is empty afterwards. */
int sonde_sandbox_call(struct sonde_sandbox *, lua_CFunction, void *arg, char *why, size_t room);

/* Time since start_ns (boottime) was not the policy's own. */
void sonde_sandbox_forgive(lua_State *, int64_t start_ns);
/* Collect garbage for about a millisecond; false when there is more to do. */
bool sonde_sandbox_sweep(struct sonde_sandbox *);

/* For functions called from Lua: n units of work are about to be done; raises when that is over
 * a limit. */
void sonde_sandbox_charge(lua_State *, size_t n);

/* Leave the compiled chunk on the stack, or an error message (status as lua_load). Source text
 * only. The chunk's globals are the allowed names; assignment makes new ones until sealed. */
int sonde_sandbox_compile(lua_State *, const char *chunkname, const char *text, size_t len);

/* Make the table on top read-only: it is replaced by a stand-in that reads through. An unknown
 * name in it raises "<label>.<name> ...". `label` must outlive the state. */
void sonde_sandbox_freeze(lua_State *, const char *label);
/* A global for policies; value on top, popped. For sonde_sandbox_init's caller, before compile. */
void sonde_sandbox_global(lua_State *, const char *name);

/* The allowed names ("type", "string", "string.sub", ...), NULL-terminated. Without what the
 * embedder adds. */
extern const char *const sonde_sandbox_names[];
