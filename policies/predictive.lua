-- SPDX-License-Identifier: Apache-2.0
-- Each node's own history decides: how often it got an answer from this target (or, where it has not
-- been there, from the target's network, else from anywhere), how fast, and how steadily. Use it when
-- nodes differ in how well they reach a target and the best are wanted: monitoring of slow or far
-- targets, nodes behind links that lose.
--
-- A node's cost is the time it will take: the mean, `caution` times its spread, and for the share of
-- answers that will be missing the time that is lost with them (`penalty`). Least cost first. So that a
-- node that became good is found again, `explore` percent of the places go to the nodes least tried.
-- Nodes with fewer than `known` results take part only there, or where nobody is known.
local function cost(p, view, params)
  local rtt, spread = view.past_rtt[p], view.past_spread[p]
  local missing = 1 - view.past_ok[p]
  if rtt ~= rtt then return missing * params.penalty + params.penalty end
  return (rtt + params.caution * spread) * (1 - missing) + missing * params.penalty
end

local function by_cost(set, view, params, want)
  local costs = {}
  -- A short list first, so that the whole set is never walked in Lua.
  local short = lb.mix(set, math.max(48, want * 2), view.past_rtt, 1, view.past_spread, params.caution,
                       view.past_ok, -4)
  for _, p in ipairs(short) do costs[p] = cost(p, view, params) end
  table.sort(short, function(a, b)
    if costs[a] ~= costs[b] then return costs[a] < costs[b] end
    return a < b
  end)
  return lb.first(short, want)
end

local function places_to_explore(want, percent)
  local n = 0
  for _ = 1, want do
    if lb.random() * 100 < percent then n = n + 1 end
  end
  return n
end

return {
  api = 1,
  summary = "by each node's history with the target: success, time, spread",
  params = {
    explore = { type = "number", default = 10, min = 0, max = 100, unit = "%",
                help = "share of the places for nodes that were little tried" },
    caution = { type = "number", default = 1, min = 0, max = 10, help = "weight of the spread" },
    penalty = { type = "duration", default = "2s", help = "what a missing answer costs" },
    known = { type = "int", default = 3, min = 1, max = 1000,
              help = "results from which on a history counts" },
  },
  pick = function(req, set, view)
    local known = lb.above(set, view.past_seen, req.params.known - 1)
    if #known == 0 then
      return lb.least(set, view.past_seen, req.want, view.pressure), "no history: the least tried, least load"
    end
    local n = places_to_explore(req.want, req.params.explore)
    local best = by_cost(known, view, req.params, req.want)
    local sure = lb.first(best, req.want - n)
    local tried = lb.least(lb.without(set, sure), view.past_seen, n, view.pressure)
    local chosen = lb.join(sure, tried)
    -- What is still missing: too few nodes are known.
    local rest = lb.without(set, chosen)
    local filled = lb.join(chosen, lb.least(rest, view.pressure, req.want - #chosen), req.want)
    return filled, string.format("%d of %d known; %d by history, %d explored", #known, #set, #sure, #tried)
  end,
}
