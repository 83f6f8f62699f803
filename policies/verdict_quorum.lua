-- SPDX-License-Identifier: Apache-2.0
-- Down, when enough regions say so. Each node's latest result of a schedule is its vote; a region is
-- down when more than half of its nodes see the target fail; the event is raised when at least
-- `regions` of them are (or all, where there are fewer), and cleared when none is. A node on which all
-- targets of late fail, or whose own uplink check fails, has a broken uplink and no vote; a node that
-- goes away loses its votes at once, and if only its votes said so, the event is cleared. A vote older
-- than `max_age` does not count: give it more than the interval of the schedule. Use it for "is it
-- down?", with schedules that run on nodes of several regions. With one target only, a broken uplink
-- cannot be told from a target that is down: `targets` says how many are needed.
local function uplink_failed(req, result)
  local t = lb.tally("uplink " .. result.node, req.target or req.schedule, "", not result.ok,
                     req.params.max_age)
  return t.members >= req.params.targets and t.bad == t.members
end

local function clear(key)
  lb.clear(key, (lb.remember("name " .. key) or "it") .. " is up")
end

local function judge(req, key, series, t)
  lb.remember("name " .. key, series)
  local needed = math.min(req.params.regions, t.groups)
  if t.bad_groups >= needed and t.bad > 0 and t.bad >= req.params.nodes then
    lb.raise(key, "error", string.format("%s is down in %d of %d regions (%s)", series,
             t.bad_groups, t.groups, table.concat(t.where, ", ")))
    if req.params.deepen ~= "" then lb.deepen(req.params.deepen, nil, t.names) end
  elseif t.bad_groups == 0 then
    clear(key)
  end
end

return {
  api = 1,
  summary = "down when enough regions see it fail; broken uplinks have no vote",
  params = {
    regions = { type = "int", default = 2, min = 1, max = 64, help = "regions that must agree" },
    nodes = { type = "int", default = 2, min = 1, max = 512, help = "nodes that must agree" },
    targets = { type = "int", default = 2, min = 2, max = 64,
                help = "failing targets that tell a broken uplink" },
    max_age = { type = "duration", default = "10m", help = "older votes do not count" },
    deepen = { type = "string", default = "", help = "type to run from the nodes that see it fail" },
  },

  on_result = function(req, result)
    if not result.measured and not result.uplink_down then return end
    local bad = not result.ok
    if uplink_failed(req, result) or (bad and result.uplink_down) then bad = nil end
    local t = lb.tally("down " .. req.schedule, result.node, result.region, bad, req.params.max_age)
    if t.members == 0 then return end
    judge(req, "down " .. req.schedule, result.series, t)
  end,

  -- Who is gone accuses nobody; but that it is gone does not accuse anybody either.
  on_node = function(req, node)
    if node.ok and not node.uplink_down then return end
    for _, key in ipairs(lb.leave(node.node, "down ")) do
      local t = lb.tally(key, nil, nil, nil, req.params.max_age)
      if t.members > 0 and t.bad_groups == 0 then clear(key) end
    end
  end,
}
