---@meta
-- SPDX-License-Identifier: Apache-2.0
-- What a policy can call, for the Lua language server: put the folder of this file into
-- "workspace.library" of .luarc.json. It is never run.

---A position of a node in the columns, from 1 on. Only good within one decision.
---@alias position integer

---A list of positions: the candidates, or what a helper returned. It may be read, changed, sorted;
---it belongs to the one decision.
---@alias set position[]

---A column of numbers, indexed by position. Read-only. An unknown value is not a number: every
---comparison with it is false, and helpers take it for the worst.
---@alias numbers table<position, number>

---A column of texts, indexed by position. Read-only; "" when unknown.
---@alias texts table<position, string>

---@class view
---@field load numbers 0..1 and above
---@field rtt numbers controller to node, ms
---@field error_rate numbers 0..1
---@field response numbers average time of a task, ms
---@field priority numbers 1..100
---@field active numbers tasks now on it
---@field capacity numbers tasks it takes at once
---@field pressure numbers load + active / capacity
---@field capabilities numbers how many tags and types it has
---@field latitude numbers
---@field longitude numbers
---@field asn numbers
---@field region texts
---@field country texts
---@field city texts
---@field name texts
---@field tags texts separated by commas; ask with lb.has
---@field types texts separated by commas; ask with lb.has

---@class request
---@field type string name of the plugin
---@field target string?
---@field region string? the one asked for, nil = anywhere
---@field want integer how many nodes, at most as many as there are candidates
---@field seed integer the only randomness
---@field params table<string, any> the policy's own, checked; durations in ms

---@class param
---@field type "bool"|"int"|"number"|"string"|"enum"|"duration"
---@field default any
---@field help string?
---@field unit string?
---@field min integer?
---@field max integer?
---@field names string[]? of an enum

---What a policy file returns.
---@class policy
---@field api 1
---@field summary string one line
---@field params table<string, param>?
---@field pick string|fun(req: request, set: set, view: view): set|position, string? the second is the reason, at most 159 bytes
---@field route (fun(req: request, view: view): string[])? regions that stand in for req.region

---Helpers in C. Those that choose answer with at most `want` positions of the set.
lb = {}

---Those whose value is above the limit, in the order of the set.
---@param set set
---@param column numbers
---@param limit number
---@return set
function lb.above(set, column, limit) end

---Those whose value is below the limit, in the order of the set.
---@param set set
---@param column numbers
---@param limit number
---@return set
function lb.below(set, column, limit) end

---Calls fn for the nodes of the highest priority, then for the next, until there are enough.
---@param set set
---@param want integer
---@param fn fun(group: set, want: integer): set
---@return set
function lb.by_priority(set, want, fn) end

---Whether an address lies in a network such as "10.0.0.0/8"; false when either is malformed.
---@param address string
---@param network string
---@return boolean
function lb.cidr_match(address, network) end

---Great-circle distance in km.
---@param lat1 number
---@param lon1 number
---@param lat2 number
---@param lon2 number
---@return number
function lb.distance(lat1, lon1, lat2, lon2) end

---@param text string
---@param suffix string
---@return boolean
function lb.ends_with(text, suffix) end

---Those with this text, in the order of the set.
---@param set set
---@param column texts
---@param text string
---@return set
function lb.equal(set, column, text) end

---Whether the whole text fits a pattern with * and ?, of at most 256 bytes.
---@param text string
---@param pattern string
---@return boolean
function lb.glob(text, pattern) end

---Those with this word in view.tags or view.types, in the order of the set.
---@param set set
---@param column texts
---@param word string
---@return set
function lb.has(set, column, word) end

---Rendezvous hashing over node names: the same key gets the same nodes, and few move when one comes or goes.
---@param set set
---@param key string
---@param want integer
---@return set
function lb.hash(set, key, want) end

---The first list, then what the second has besides; at most max.
---@param a set
---@param b set
---@param max? integer
---@return set
function lb.join(a, b, max) end

---Smallest values first; equal ones by the column `ties`, then by the seed.
---@param set set
---@param column numbers
---@param want integer
---@param ties? numbers
---@return set
function lb.least(set, column, want, ties) end

---Least weighted sum: each column is scaled to 0..1 over the set. A negative weight makes more better.
---@param set set
---@param want integer
---@param ... numbers|number column, weight, column, weight, ...
---@return set
function lb.mix(set, want, ...) end

---Greatest values first; equal ones by the smallest of the column `ties`, then by the seed.
---@param set set
---@param column numbers
---@param want integer
---@param ties? numbers
---@return set
function lb.most(set, column, want, ties) end

---Nearest to a place first; nodes without a place are last.
---@param set set
---@param lat number
---@param lon number
---@param want integer
---@return set
function lb.nearest(set, lat, lon, want) end

---From the request's seed: 0 <= x < 1, or an integer of 1..n.
---@param n? integer
---@return number
function lb.random(n) end

---Each node in turn; each kind of request (type, region, set) has a position of its own.
---@param set set
---@param want integer
---@return set
function lb.round_robin(set, want) end

---At random, all alike.
---@param set set
---@param want integer
---@return set
function lb.sample(set, want) end

---The parts of a text, without blanks around them and without empty ones; separated by commas when nothing else is given.
---@param text string
---@param separator? string
---@return string[]
function lb.split(text, separator) end

---As many different texts as possible: widely spread over cities, regions, countries.
---@param set set
---@param column texts
---@param want integer
---@return set
function lb.spread_by(set, column, want) end

---@param text string
---@param prefix string
---@return boolean
function lb.starts_with(text, prefix) end

---The k greatest values, greatest first: a short list to go on with in Lua.
---@param set set
---@param column numbers
---@param k integer
---@return set
function lb.top(set, column, k) end

---Of two at random the one with the smaller value, `want` times.
---@param set set
---@param column numbers
---@param want integer
---@return set
function lb.two_choices(set, column, want) end

---At random, in proportion to the column; never one with 0 or less.
---@param set set
---@param column numbers
---@param want integer
---@return set
function lb.weighted(set, column, want) end

---Those at most km away from a place, in the order of the set.
---@param set set
---@param lat number
---@param lon number
---@param km number
---@return set
function lb.within(set, lat, lon, km) end

---Those of the first list that the second lacks.
---@param set set
---@param other set
---@return set
function lb.without(set, other) end
