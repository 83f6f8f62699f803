-- SPDX-License-Identifier: Apache-2.0
-- The region that was asked for, then its neighbours. Use it when the place matters but an answer
-- from next door is better than none: the nodes of the region are taken while there are enough;
-- what is missing comes from its neighbours in their order, and after those from whatever has the least
-- round-trip time. Neighbours are first the regions that nodes have measured from there, nearest first
-- (req.near, of mesh schedules; `measured` = false leaves them out), then those of the table. With
-- strict = true nothing but the region itself is taken. A request without a region takes the least
-- loaded.
--
-- Within one region higher priority receives first, then less load. route() gives the
-- neighbours to whoever has to look for candidates: edit the table for regions of your own.
local neighbours = {
  africa            = { "europe", "middle-east" },
  asia              = { "oceania", "middle-east", "europe" },
  europe            = { "middle-east", "africa", "north-america" },
  ["middle-east"]   = { "europe", "africa", "asia" },
  ["north-america"] = { "south-america", "europe" },
  oceania           = { "asia", "north-america" },
  ["south-america"] = { "north-america", "europe" },
}

local function stand_ins(req)
  local out, seen = {}, {}
  local function add(list)
    for _, region in ipairs(list or {}) do
      if not seen[region] then table.insert(out, region) end
      seen[region] = true
    end
  end
  if req.params.measured then add(req.near) end
  add(neighbours[req.region or ""])
  return out
end

local function by_load(set, want, view)
  return lb.by_priority(set, want, function(group, n)
    return lb.least(group, view.pressure, n)
  end)
end

return {
  api = 1,
  summary = "the region asked for, then its neighbours, then the nearest by rtt",
  params = {
    strict = { type = "bool", default = false, help = "only the region itself" },
    measured = { type = "bool", default = true, help = "neighbours by measured round trips first" },
  },

  pick = function(req, set, view)
    if not req.region then
      return by_load(set, req.want, view), "no region was asked for: least load"
    end
    local chosen = by_load(lb.equal(set, view.region, req.region), req.want, view)
    local at_home = #chosen
    if req.params.strict or at_home >= req.want then
      return chosen, string.format("%d in %s", at_home, req.region)
    end
    for _, region in ipairs(stand_ins(req)) do
      local more = by_load(lb.equal(set, view.region, region), req.want - #chosen, view)
      chosen = lb.join(chosen, more)
      if #chosen >= req.want then break end
    end
    local near = #chosen - at_home
    if #chosen < req.want then
      local rest = lb.without(set, chosen)
      chosen = lb.join(chosen, lb.by_priority(rest, req.want - #chosen, function(group, n)
        return lb.least(group, view.rtt, n, view.pressure)
      end))
    end
    return chosen, string.format("%d in %s, %d in its neighbours, %d by rtt", at_home, req.region,
                                 near, #chosen - at_home - near)
  end,

  -- The region alone where it has enough nodes, else with as many neighbours as it takes.
  narrow = function(req, set, view)
    if not req.region then return set, "no region was asked for" end
    local near = lb.equal(set, view.region, req.region)
    if req.params.strict or #near >= req.want then return near, #near .. " in " .. req.region end
    for _, region in ipairs(stand_ins(req)) do
      near = lb.join(near, lb.equal(set, view.region, region))
      if #near >= req.want then return near, "with neighbours" end
    end
    return set, "everywhere"
  end,

  route = function(req)
    return stand_ins(req)
  end,
}
