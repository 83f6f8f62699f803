-- SPDX-License-Identifier: Apache-2.0
-- As different nodes as possible: no two of the same `by` while there are others (city, asn,
-- region, country, continent). Use it to see a target from many sides, and for quorum checks, where two
-- nodes behind one provider are one voice. With strict = true there are never two of the same, and
-- the answer may be shorter than what was wanted.
--
-- Which of the nodes of one city is taken is decided by load, which cities by the seed.
local function column(req, view)
  return view[req.params.by]
end

-- The idlest node of each value.
local function representatives(req, set, view)
  return lb.unique(set, column(req, view), view.pressure)
end

return {
  api = 1,
  summary = "spread over cities, networks, regions, countries or continents",
  params = {
    by = { type = "enum", names = { "city", "asn", "region", "country", "continent" },
           default = "city", help = "what shall differ" },
    strict = { type = "bool", default = false, help = "never two of the same" },
  },

  pick = function(req, set, view)
    local first = representatives(req, set, view)
    local chosen = lb.sample(first, req.want)
    if #chosen < req.want and not req.params.strict then
      local rest = lb.spread_by(lb.without(set, chosen), column(req, view), req.want - #chosen)
      chosen = lb.join(chosen, rest)
    end
    return chosen, string.format("%d different of %d by %s", #lb.unique(chosen, column(req, view)),
                                 #first, req.params.by)
  end,

  narrow = function(req, set, view)
    local first = representatives(req, set, view)
    return (req.params.strict or #first >= req.want) and first or set
  end,
}
