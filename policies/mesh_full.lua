-- SPDX-License-Identifier: Apache-2.0
-- Everybody probes everybody. Use it for a mesh of up to some dozens of nodes: n nodes are
-- n * (n - 1) pairs. With half = true each pair is probed from one side only, which is enough for
-- round-trip times. With across set, nodes of the same region (city, country) do not probe each
-- other: what is next door is seldom the question.
return {
  api = 1,
  summary = "a mesh of all pairs",
  params = {
    half = { type = "bool", default = false, help = "each pair from one side only" },
    across = { type = "enum", names = { "none", "region", "country", "city" }, default = "none",
               help = "not within one of these" },
  },

  peers = function(req, set, view)
    local p, out, rest = req.params, {}, set
    local place = p.across ~= "none" and view[p.across]
    for _, node in ipairs(lb.first(set, #set)) do
      if p.half then rest = lb.without(rest, { node }) end
      out[node] = place and lb.without(rest, lb.equal(rest, place, place[node])) or rest
    end
    return out
  end,
}
