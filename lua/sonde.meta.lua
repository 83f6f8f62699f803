---@meta
-- SPDX-License-Identifier: Apache-2.0
-- What a policy can call, for the Lua language server: put the folder of this file into
-- "workspace.library" of .luarc.json. It is never run. Written by `sonde-policy reference meta`.

---A position of a node in the columns, from 1 on. Only good within one decision.
---@alias position integer

---A list of positions: the candidates, or what a helper returned. It may be read, changed,
---sorted; it belongs to the one decision.
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
---@field latitude numbers degrees, north is positive
---@field longitude numbers degrees, east is positive
---@field asn numbers number of its autonomous system, 0 = unknown
---@field spool numbers results that wait on it for the controller
---@field uplink numbers 1 = its uplink check passes, 0 = it fails
---@field draining numbers 1 = it takes no new tasks
---@field ipv4 numbers 1 = it has IPv4, 0 = it has not
---@field ipv6 numbers 1 = it has IPv6, 0 = it has not
---@field cpus numbers processors it may use
---@field memory numbers of its machine, MiB
---@field past_ok numbers share of answers in the node's results for req.target (or its network, or all targets) of req.type, 0..1; new results weigh most
---@field past_rtt numbers their mean time, ms
---@field past_spread numbers standard deviation of that time, ms
---@field past_seen numbers how many results these are from, 0 = none
---@field region texts such as "europe"
---@field continent texts AF, AN, AS, EU, NA, OC or SA
---@field country texts two letters
---@field city texts name
---@field name texts of the node
---@field pressure numbers load + active / capacity
---@field capabilities numbers how many tags and types it has
---@field tags texts separated by commas; ask with lb.has
---@field types texts separated by commas; ask with lb.has

---@class request
---@field type string measurement type, such as "ping"
---@field target string? what is probed, nil when it has none
---@field region string? the one asked for, nil = anywhere
---@field near string[]? regions by the round trip that nodes of meshes measured from req.region, nearest first; nil without a region
---@field tier string? tier of who asks, nil = none
---@field want integer how many nodes; never more than there are candidates
---@field seed integer the only randomness; lb.random draws from it
---@field params table<string, any> the policy's own, checked; durations in ms
---@field schedule string? id of the schedule
---@field current set nodes that run the schedule now
---@field attempt integer how many there were, from 1 on
---@field failure string? why the last one failed, such as "node_lost"
---@field failed position? the node that failed, nil when it is gone

---@class result
---@field node string name of the node that measured
---@field position position? the node in view, nil when it is gone
---@field region string region of the node, "" when unknown
---@field series string what is measured: the schedule's name
---@field at number when it was measured, ms since 1970
---@field ok boolean the target answered as it should
---@field measured boolean false where the node could not measure: it says nothing of the target
---@field uplink_down boolean the node's own uplink check fails: its failures say nothing of the target
---@field status string "finished" or "failed"
---@field failure string? why it failed: "timeout", "refused", ...
---@field address string? of the target
---@field took number? time of the measurement, ms
---@field rtt number? mean round trip, or time of the whole answer, ms
---@field rtt_min number? shortest round trip, ms
---@field rtt_max number? longest round trip, ms
---@field jitter number? mean difference of neighbouring round trips, ms
---@field loss number? share without an answer, %
---@field code number? status code of HTTP or DNS
---@field days number? days until the certificate expires
---@field hops string[]? addresses of the routers in order, "*" for a silent one

---@class node
---@field node string its name
---@field position position? the node in view
---@field region string its region, "" when unknown
---@field status string "online", "stale", "offline", "disabled", "deregistered", "banned"
---@field ok boolean it is online
---@field uplink_down boolean its own uplink check fails
---@field at number when it changed, ms since 1970

---@class window
---@field n integer
---@field missing integer
---@field loss number 
---@field mean number 
---@field min number 
---@field max number 
---@field last number 
---@field jitter number 
---@field p50 number 
---@field p90 number 
---@field p95 number 
---@field p99 number 

---@class tally
---@field members integer
---@field bad integer
---@field groups integer
---@field bad_groups integer
---@field names string[]
---@field where string[]

---@class param
---@field type "bool"|"int"|"number"|"string"|"enum"|"duration" durations are ms in Lua
---@field default any as a user would write it: "80ms"
---@field help string? one line
---@field unit string? shown behind the value
---@field min integer? least value; shortest length of a string
---@field max integer? greatest value; longest length of a string
---@field names string[]? the values of an enum

---What a policy file returns.
---@class policy
---@field api 1 version of this contract
---@field summary string one line, shown in lists
---@field params table<string, param>? what a request may set; see param
---@field pick (string|fun(req: request, set: set, view: view): set|position, string?)? Which nodes take the measurement: at most req.want of the set, best first. May also be the name of a rule ("least_load"): then it never enters Lua. The second answer is the reason, at most 159 bytes. Without it the built-in decides among what the other entries left: highest priority, then least load.
---@field narrow (fun(req: request, set: set, view: view): set, string?)? Which candidates the next policy of a chain shall see. Answer with at least req.want where there are so many. Only a policy with narrow can stand before another one.
---@field route (fun(req: request, view: view): string[])? Which regions stand in for req.region when it has too few nodes, best first.
---@field admit (fun(req: request, view: view): boolean|integer, string?)? Whether the measurement is taken: true, false, or a number of nodes that is less than req.want. It can only narrow. When it fails the measurement is refused.
---@field retry (fun(req: request, set: set, view: view): position|set|false, string?)? Which node takes a task whose node failed; false gives up. The node that failed is not in the set. Asked only for causes on the node's side, at most twice a task. Without it pick is asked for one node.
---@field assign (fun(req: request, set: set, view: view): set, string?)? Which nodes run a schedule. req.current are those that run it now: keep them where you can, each change costs a gap. Without it pick is asked.
---@field peers (fun(req: request, set: set, view: view): table<position, set>, string?)? Who probes whom in a mesh: from each node to a list of others. A node never probes itself. Without it everybody probes everybody.
---@field on_result (fun(req: request, result: result, view: view): nil)? Called after a result of a schedule is stored, when the policy is one of the controller's `verdicts`. It looks, remembers (lb.window, lb.tally, lb.remember) and calls lb.raise, lb.clear or lb.deepen.
---@field on_node (fun(req: request, node: node, view: view): nil)? Called when a node's status changed; as on_result.

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

---Verdicts: what was raised by this key is over. Nothing happens where nothing was.
---@param key string
---@param text? string
---@return nil
function lb.clear(key, text) end

---Verdicts: beside a raise that is new, measure the same target at once with another type, from these nodes (or the one of the result), and name that measurement in the event.
---@param type string
---@param options? table<string, any>
---@param nodes? string[]
---@return nil
function lb.deepen(type, options, nodes) end

---Great-circle distance in km.
---@param lat1 number
---@param lon1 number
---@param lat2 number
---@param lon2 number
---@return number
function lb.distance(lat1, lon1, lat2, lon2) end

---Whether the text ends with the suffix.
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

---The first n of the list.
---@param set set
---@param n integer
---@return set
function lb.first(set, n) end

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

---Verdicts: takes the member's votes out of all tallies whose key begins with the prefix; answers the keys where it had one.
---@param member string
---@param prefix? string
---@return string[]
function lb.leave(member, prefix) end

---A line for `sonde policy logs`, cut at 199 bytes; at most 4 a decision, more are dropped.
---@param text string
---@return nil
function lb.log(text) end

---An answer of peers(): each node probes the next one of a ring and others at random, `degree` in all.
---@param set set
---@param degree integer
---@return table<position, set>
function lb.mesh(set, degree) end

---Least weighted sum: each column is scaled to 0..1 over the set. A negative weight makes more better.
---@param set set
---@param want integer
---@param ... numbers|number
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

---Verdicts: something is wrong. One event a key until it is cleared; what is raised again is counted.
---@param key string
---@param severity "info"|"warning"|"error"
---@param text string
---@return nil
function lb.raise(key, severity, text) end

---Verdicts: what was remembered by this key; then the new value is.
---@param key string
---@param value? string|number
---@return string|number|nil
function lb.remember(key, value) end

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
---@param column texts|numbers
---@param want integer
---@return set
function lb.spread_by(set, column, want) end

---Whether the text begins with the prefix.
---@param text string
---@param prefix string
---@return boolean
function lb.starts_with(text, prefix) end

---Verdicts: the latest vote of each member, at most 512, not older than max_age ms; without `bad` the member's vote is taken away. A group is bad when more than half of its members are. Answers members, bad, groups, bad_groups, names (of bad members), where (bad groups).
---@param key string
---@param member? string
---@param group? string
---@param bad? boolean
---@param max_age? number
---@return tally
function lb.tally(key, member, group, bad, max_age) end

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

---One node of each value, in the order of the set: the one with the smallest `by`, or the first.
---@param set set
---@param column texts|numbers
---@param by? numbers
---@return set
function lb.unique(set, column, by) end

---The different texts, in the order of their first node.
---@param set set
---@param column texts
---@return string[]
function lb.values(set, column) end

---At random, in proportion to the column; never one with 0 or less.
---@param set set
---@param column numbers
---@param want integer
---@return set
function lb.weighted(set, column, want) end

---Verdicts: the last `size` (at most 256) values of a key; a third argument is added, nil as a missing one. Answers n, missing, loss (0..1), mean, min, max, last, jitter, p50, p90, p95, p99. A key that is not used for long is forgotten first.
---@param key string
---@param size integer
---@param value? number|boolean
---@return window
function lb.window(key, size, value) end

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
