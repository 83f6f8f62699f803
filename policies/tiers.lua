-- SPDX-License-Identifier: Apache-2.0
-- Good nodes for those who pay for them. Requests of a premium tier get nodes of priority `from`
-- and above while there are enough, and fall back to the others; everybody else gets the others
-- first and a premium node only when `share` allows it. Use it where accounts have tiers. A
-- request without a tier counts as `otherwise`.
local function is_premium(req)
  local tier = req.tier or req.params.otherwise
  for _, name in ipairs(lb.split(req.params.premium)) do
    if name == tier then return true, tier end
  end
  return false, tier
end

local function halves(req, set, view)
  local best = lb.above(set, view.priority, req.params.from - 1)
  return best, lb.without(set, best)
end

local function idlest(set, view, want)
  return lb.least(set, view.pressure, want)
end

return {
  api = 1,
  summary = "premium tiers on nodes of high priority, the others elsewhere",
  params = {
    premium = { type = "string", default = "premium", help = "tiers that get them, by commas" },
    otherwise = { type = "string", default = "", help = "tier of a request that has none" },
    from = { type = "int", default = 70, min = 1, max = 100, help = "priority of a premium node" },
    share = { type = "bool", default = true,
              help = "the others may use premium nodes when theirs are not enough" },
  },

  pick = function(req, set, view)
    local best, rest = halves(req, set, view)
    local premium, tier = is_premium(req)
    local first, second = best, rest
    if not premium then first, second = rest, req.params.share and best or {} end
    local chosen = idlest(first, view, req.want)
    local bound = #chosen
    if bound < req.want then
      chosen = lb.join(chosen, idlest(second, view, req.want - bound))
    end
    return chosen, string.format("tier '%s': %d bound, %d fallen back", tier, bound, #chosen - bound)
  end,

  narrow = function(req, set, view)
    local best, rest = halves(req, set, view)
    local premium = is_premium(req)
    local mine, other = best, rest
    if not premium then mine, other = rest, req.params.share and best or {} end
    return #mine >= req.want and mine or lb.join(mine, other)
  end,
}
