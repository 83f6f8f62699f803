/* SPDX-License-Identifier: Apache-2.0 */
/* What policies may call: the rows of `lb`, which are the reference, too, and one helper that is
 * neither about sets nor about texts. */
#include "script/lb.h"

#include <lauxlib.h>
#include <string.h>

#include "script/binding.h"
#include "script/lines.h"
#include "script/verdict.h"

enum { SAID_MAX = 4 };

/* Answers nothing, so that it cannot change a decision. */
static int lb_log(lua_State *L)
{
	struct sonde_binding *b = sonde_sandbox_owner(L);
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	luaL_argcheck(L, len > 0 && strlen(text) == len, 1, "empty, or with a NUL");
	if (b->lines && b->said++ < SAID_MAX)
		sonde_lines_add(b->lines, SONDE_LINE_SAID, text);
	return 0;
}

const struct sonde_lb_row sonde_lb_rows[] = {
	{ "above", sonde_lb_above, NULL, "set: set, column: numbers, limit: number", "set",
	  "Those whose value is above the limit, in the order of the set." },
	{ "below", sonde_lb_below, NULL, "set: set, column: numbers, limit: number", "set",
	  "Those whose value is below the limit, in the order of the set." },
	{ "by_priority", sonde_lb_by_priority, NULL,
	  "set: set, want: integer, fn: fun(group: set, want: integer): set", "set",
	  "Calls fn for the nodes of the highest priority, then for the next, until there "
	  "are enough." },
	{ "cidr_match", sonde_lb_cidr_match, NULL, "address: string, network: string", "boolean",
	  "Whether an address lies in a network such as \"10.0.0.0/8\"; false when either "
	  "is malformed." },
	{ "clear", sonde_lb_clear, NULL, "key: string, text?: string", "nil",
	  "Verdicts: what was raised by this key is over. Nothing happens where nothing was." },
	{ "deepen", sonde_lb_deepen, NULL,
	  "type: string, options?: table<string, any>, nodes?: string[]", "nil",
	  "Verdicts: beside a raise that is new, measure the same target at once with another type, from "
	  "these nodes (or the one of the result), and name that measurement in the event." },
	{ "distance", sonde_lb_distance, NULL, "lat1: number, lon1: number, lat2: number, lon2: number", "number",
	  "Great-circle distance in km." },
	{ "ends_with", sonde_lb_ends_with, NULL, "text: string, suffix: string", "boolean",
	  "Whether the text ends with the suffix." },
	{ "equal", sonde_lb_equal, NULL, "set: set, column: texts, text: string", "set",
	  "Those with this text, in the order of the set." },
	{ "first", sonde_lb_first, NULL, "set: set, n: integer", "set",
	  "The first n of the list." },
	{ "glob", sonde_lb_glob, NULL, "text: string, pattern: string", "boolean",
	  "Whether the whole text fits a pattern with * and ?, of at most 256 bytes." },
	{ "has", sonde_lb_has, NULL, "set: set, column: texts, word: string", "set",
	  "Those with this word in view.tags or view.types, in the order of the set." },
	{ "hash", sonde_lb_hash, "hash", "set: set, key: string, want: integer", "set",
	  "Rendezvous hashing over node names: the same key gets the same nodes, and few "
	  "move when one comes or goes." },
	{ "join", sonde_lb_join, NULL, "a: set, b: set, max?: integer", "set",
	  "The first list, then what the second has besides; at most max." },
	{ "least", sonde_lb_least, NULL, "set: set, column: numbers, want: integer, ties?: numbers", "set",
	  "Smallest values first; equal ones by the column `ties`, then by the seed." },
	{ "leave", sonde_lb_leave, NULL, "member: string, prefix?: string", "string[]",
	  "Verdicts: takes the member's votes out of all tallies whose key begins with the prefix; answers "
	  "the keys where it had one." },
	{ "log", lb_log, NULL, "text: string", "nil",
	  "A line for `sonde policy logs`, cut at 199 bytes; at most 4 a decision, more are dropped." },
	{ "mesh", sonde_lb_mesh, NULL, "set: set, degree: integer", "table<position, set>",
	  "An answer of peers(): each node probes the next one of a ring and others at random, "
	  "`degree` in all." },
	{ "mix", sonde_lb_mix, NULL, "set: set, want: integer, ...: numbers|number", "set",
	  "Least weighted sum: each column is scaled to 0..1 over the set. A negative "
	  "weight makes more better." },
	{ "most", sonde_lb_most, NULL, "set: set, column: numbers, want: integer, ties?: numbers", "set",
	  "Greatest values first; equal ones by the smallest of the column `ties`, then "
	  "by the seed." },
	{ "nearest", sonde_lb_nearest, NULL, "set: set, lat: number, lon: number, want: integer", "set",
	  "Nearest to a place first; nodes without a place are last." },
	{ "random", sonde_lb_random, NULL, "n?: integer", "number",
	  "From the request's seed: 0 <= x < 1, or an integer of 1..n." },
	{ "raise", sonde_lb_raise, NULL,
	  "key: string, severity: \"info\"|\"warning\"|\"error\", text: string", "nil",
	  "Verdicts: something is wrong. One event a key until it is cleared; what is raised again is "
	  "counted." },
	{ "remember", sonde_lb_remember, NULL, "key: string, value?: string|number",
	  "string|number|nil", "Verdicts: what was remembered by this key; then the new value is." },
	{ "round_robin", sonde_lb_round_robin, "round_robin", "set: set, want: integer", "set",
	  "Each node in turn; each kind of request (type, region, set) has a position of "
	  "its own." },
	{ "sample", sonde_lb_sample, "sample", "set: set, want: integer", "set",
	  "At random, all alike." },
	{ "split", sonde_lb_split, NULL, "text: string, separator?: string", "string[]",
	  "The parts of a text, without blanks around them and without empty ones; "
	  "separated by commas when nothing else is given." },
	{ "spread_by", sonde_lb_spread_by, NULL, "set: set, column: texts|numbers, want: integer", "set",
	  "As many different texts as possible: widely spread over cities, regions, "
	  "countries." },
	{ "starts_with", sonde_lb_starts_with, NULL, "text: string, prefix: string", "boolean",
	  "Whether the text begins with the prefix." },
	{ "tally", sonde_lb_tally, NULL,
	  "key: string, member?: string, group?: string, bad?: boolean, max_age?: number", "tally",
	  "Verdicts: the latest vote of each member, at most 512, not older than max_age ms; without "
	  "`bad` the member's vote is taken away. A group is bad when more than half of its members "
	  "are. Answers members, bad, groups, bad_groups, names (of bad members), where (bad groups)." },
	{ "top", sonde_lb_top, NULL, "set: set, column: numbers, k: integer", "set",
	  "The k greatest values, greatest first: a short list to go on with in Lua." },
	{ "two_choices", sonde_lb_two_choices, "two_choices", "set: set, column: numbers, want: integer", "set",
	  "Of two at random the one with the smaller value, `want` times." },
	{ "unique", sonde_lb_unique, NULL, "set: set, column: texts|numbers, by?: numbers", "set",
	  "One node of each value, in the order of the set: the one with the smallest `by`, or the "
	  "first." },
	{ "values", sonde_lb_values, NULL, "set: set, column: texts", "string[]",
	  "The different texts, in the order of their first node." },
	{ "weighted", sonde_lb_weighted, NULL, "set: set, column: numbers, want: integer", "set",
	  "At random, in proportion to the column; never one with 0 or less." },
	{ "window", sonde_lb_window, NULL, "key: string, size: integer, value?: number|boolean",
	  "window",
	  "Verdicts: the last `size` (at most 256) values of a key; a third argument is added, nil as a "
	  "missing one. Answers n, missing, loss (0..1), mean, min, max, last, jitter, p50, p90, p95, "
	  "p99. A key that is not used for long is forgotten first." },
	{ "within", sonde_lb_within, NULL, "set: set, lat: number, lon: number, km: number", "set",
	  "Those at most km away from a place, in the order of the set." },
	{ "without", sonde_lb_without, NULL, "set: set, other: set", "set",
	  "Those of the first list that the second lacks." },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

void sonde_lb_push(lua_State *L)
{
	lua_createtable(L, 0, 32);
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		lua_pushcfunction(L, r->fn);
		lua_setfield(L, -2, r->name);
	}
}
