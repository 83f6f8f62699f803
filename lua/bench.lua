-- SPDX-License-Identifier: Apache-2.0
-- The test bench of policies. A test file returns a list of cases:
--
--   { name = "what it shows",
--     given = { { name = "a", load = 0.2, tags = { "x" } }, ... },     -- the nodes
--     when = { want = 2, region = "europe", params = { ... } },        -- the request
--     expect = { "a", "b" } }                                          -- names in order
--
-- expect may also have: count = n, any = { names the answer must lie in }, reason = "text",
-- fallback = true (the built-in decided; otherwise that is a failure), and [3] = "c" alone.
-- `picks = { { when, expect }, ... }` makes several decisions on one policy, in order.
-- `times = n, share = { a = 0.5 }, within = 0.05` decides n times with seeds 1..n and compares
-- each node's share of all places.
--
-- Instead of expect, the answers of the other entries:
--   route = { "r1", "r2" }, narrow = { names }, assign = { names }, retry = { names },
--   admit = false or a number of nodes, peers = { a = { "b", "c" }, ... }
-- where `when` may have tier, schedule, current = { names }, near = { regions }, attempt, failure, failed = "name".
--
-- A verdict is shown what happens, in order, and what it calls for is compared:
--   seen = { { node = "a", ok = false, loss = 40 }, ... }, actions = { "raise KEY: text", "clear KEY" }
-- each of `seen` is a result with the fields of `result`; what it leaves out is taken from
-- `when.result`, then (`target` and `schedule` are those of the request) series = "s", region = "",
-- ok = measured = true, uplink_down = false, at = 1000, 2000, ... It is a change of a node where it has
-- `change = "offline"` (and `uplink_down = true` where that is what changed). `last` instead of `actions` compares only what the last one called for.
--
-- C gives: bench.new(nodes), bench.ok(passed, name, why), and for each entry a function of the
-- request: pick, narrow, assign and retry answer names, reason, fallback; route regions; admit a
-- number or false; peers a table of lists. A case never sees another's state.

local function show(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = tostring(v) end
  return "{" .. table.concat(out, ", ") .. "}"
end

local function contains(list, wanted)
  for _, v in ipairs(list) do
    if v == wanted then return true end
  end
  return false
end

local function highest_index(t)
  local n = 0
  for k in pairs(t) do
    if math.type(k) == "integer" and k > n then n = k end
  end
  return n
end

local known = { count = true, any = true, reason = true, fallback = true }

-- Why the answer is not what was expected, or nil.
local function mismatch(expect, got, reason, fallback)
  for k in pairs(expect) do
    if math.type(k) ~= "integer" and not known[k] then return "expect has an unknown field " .. k end
  end
  if fallback and not expect.fallback then return "fell back: " .. reason end
  if expect.fallback and not fallback then return "did not fall back" end
  if expect.count and #got ~= expect.count then
    return string.format("%d nodes, expected %d: %s", #got, expect.count, show(got))
  end
  if expect.any then
    for _, name in ipairs(got) do
      if not contains(expect.any, name) then return name .. " was not expected" end
    end
  end
  for k, name in pairs(expect) do
    if math.type(k) == "integer" and got[k] ~= name then
      return string.format("place %d is %s, expected %s: %s", k, tostring(got[k]), name, show(got))
    end
  end
  local exact = not expect.count and not expect.any and not expect.fallback
  local places = highest_index(expect)
  if exact and #got ~= places then
    return string.format("%d nodes, expected %d: %s", #got, places, show(got))
  end
  if expect.reason and reason ~= expect.reason then
    return string.format("the reason is '%s', expected '%s'", reason, expect.reason)
  end
end

local function with_seed(when, seed)
  local copy = {}
  for k, v in pairs(when) do copy[k] = v end
  copy.seed = when.seed or seed
  return copy
end

local function check_shares(case)
  local count, places = {}, 0
  for seed = 1, case.times do
    local got, reason, fallback = bench.pick(with_seed(case.when, seed))
    if fallback then return "fell back: " .. reason end
    for _, name in ipairs(got) do
      count[name] = (count[name] or 0) + 1
      places = places + 1
    end
  end
  for name, wanted in pairs(case.share) do
    local share = places > 0 and (count[name] or 0) / places or 0
    if math.abs(share - wanted) > case.within then
      return string.format("the share of %s is %.4f, expected %.4f within %g", name, share, wanted,
                           case.within)
    end
  end
end

local function check_route(case)
  local got = bench.route(with_seed(case.when, 1))
  if show(got) ~= show(case.route) then
    return string.format("route is %s, expected %s", show(got), show(case.route))
  end
end

local function check_admit(case)
  local got, reason = bench.admit(with_seed(case.when, 1))
  local wanted = case.admit == true and (case.when.want or 1) or case.admit
  if got ~= wanted then
    return string.format("admit is %s, expected %s: %s", tostring(got), tostring(wanted), reason)
  end
end

local function show_peers(t)
  local out = {}
  for name, list in pairs(t) do table.insert(out, name .. " -> " .. show(list)) end
  return table.concat(out, ", ")
end

local function check_peers(case)
  local got, reason, fallback = bench.peers(with_seed(case.when, 1))
  if fallback then return "fell back: " .. reason end
  if show_peers(got) ~= show_peers(case.peers) then
    return string.format("peers are %s, expected %s", show_peers(got), show_peers(case.peers))
  end
end

-- The entries that answer with nodes, each asked through the function of its name.
local function check_nodes(case)
  for _, entry in ipairs({ "narrow", "assign", "retry" }) do
    if case[entry] then
      local got, reason, fallback = bench[entry](with_seed(case.when, 1))
      if fallback then return "fell back: " .. reason end
      if show(got) ~= show(case[entry]) then
        return string.format("%s is %s, expected %s", entry, show(got), show(case[entry]))
      end
    end
  end
end

local function check_picks(picks)
  for i, step in ipairs(picks) do
    local why = mismatch(step.expect, bench.pick(with_seed(step.when, i)))
    if why then return string.format("pick %d: %s", i, why) end
  end
end

local function shown(case, i, at)
  local out = { series = "s", region = "", ok = true, measured = true, uplink_down = false,
                status = "finished", at = at }
  for k, v in pairs(case.when and case.when.result or {}) do out[k] = v end
  for k, v in pairs(case.seen[i]) do out[k] = v end
  if out.change then
    return { node = out.node, region = out.region, status = out.change, ok = out.change == "online",
             uplink_down = out.uplink_down, at = at }
  end
  return out
end

local function check_seen(case)
  local all, last = {}, {}
  local req = { type = "ping", target = "t", schedule = "sched" }
  for k, v in pairs(case.when or {}) do req[k] = v end
  local target, schedule = req.target, req.schedule
  for i = 1, #case.seen do
    req.target, req.schedule = case.seen[i].target or target, case.seen[i].schedule or schedule
    last = bench.observe(with_seed(req, i), shown(case, i, i * 1000))
    for _, action in ipairs(last) do table.insert(all, action) end
  end
  local got, wanted = case.last and last or all, case.last or case.actions
  if show(got) ~= show(wanted) then
    return string.format("it called for %s, expected %s", show(got), show(wanted))
  end
end

local fields = { name = true, given = true, when = true, expect = true, picks = true, times = true,
                 share = true, within = true, route = true, admit = true, narrow = true,
                 assign = true, retry = true, peers = true, seen = true, actions = true, last = true }

local function check(case)
  for k in pairs(case) do
    if not fields[k] then return "the case has an unknown field " .. k end
  end
  if case.seen then return check_seen(case) end
  if case.picks then return check_picks(case.picks) end
  if case.share then return check_shares(case) end
  if case.route then return check_route(case) end
  if case.admit ~= nil then return check_admit(case) end
  if case.peers then return check_peers(case) end
  if not case.expect then return check_nodes(case) end
  return check_picks({ { when = case.when, expect = case.expect } })
end

return function(cases)
  for _, case in ipairs(cases) do
    bench.new(case.given or {})
    local why = check(case)
    bench.ok(not why, case.name or "a case without a name", why or "")
  end
end
