-- SPDX-License-Identifier: Apache-2.0
-- The nodes of the highest priority, and lower ones only for what they cannot fill. Use it where
-- priority is what you pay for or trust: own machines before rented ones, wired before wireless.
-- It goes on to a lower priority when a node is busier than `busy` (load plus the share of its
-- capacity in use), so that the best ones are not crowded; busy = 0 never does.
--
-- Before another policy of a chain it leaves the fewest groups of priority that have enough nodes.
local function free(set, view, busy)
  return busy > 0 and lb.below(set, view.pressure, busy) or set
end

return {
  api = 1,
  summary = "highest priority first, lower ones when those are busy",
  params = {
    least = { type = "int", default = 1, min = 1, max = 100, help = "nodes below it are never used" },
    busy = { type = "number", default = 0, min = 0, max = 100,
             help = "go on to a lower priority from this pressure on; 0 = never" },
  },

  pick = function(req, set, view)
    local p = req.params
    local able = lb.above(set, view.priority, p.least - 1)
    local function by_load(group, want)
      return lb.least(group, view.pressure, want)
    end
    local chosen = lb.by_priority(free(able, view, p.busy), req.want, by_load)
    if #chosen < req.want then
      local rest = lb.without(able, chosen)
      chosen = lb.join(chosen, lb.by_priority(rest, req.want - #chosen, by_load))
    end
    return chosen
  end,

  narrow = function(req, set, view)
    local able = lb.above(set, view.priority, req.params.least - 1)
    local open = free(able, view, req.params.busy)
    if #open < req.want then open = able end
    local last = lb.by_priority(open, req.want, lb.first)
    if #last == 0 then return last end
    return lb.above(open, view.priority, view.priority[last[#last]] - 1)
  end,
}
