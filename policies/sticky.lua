-- SPDX-License-Identifier: Apache-2.0
-- The same target, the same nodes: rendezvous hashing over node names. When a node comes or goes only
-- its own share of the targets moves. Use it for series that shall be comparable, for caches on the
-- way that should stay warm, and for schedules. It looks at no load.
--
-- With key = "type" all measurements of a type share their nodes; `salt` gives another draw. In a
-- schedule the nodes that have it keep it while they are there.
local function key_of(req)
  local what = req.params.key == "type" and req.type or req.target or req.type
  return what .. "\n" .. req.params.salt
end

return {
  api = 1,
  summary = "same target, same nodes; little movement when nodes come and go",
  params = {
    key = { type = "enum", names = { "target", "type" }, default = "target", help = "what sticks" },
    salt = { type = "string", default = "", max = 64, help = "another text, another draw" },
  },

  pick = function(req, set)
    return lb.hash(set, key_of(req), req.want)
  end,

  assign = function(req, set)
    local kept = lb.without(req.current, lb.without(req.current, set))
    local rest = lb.hash(lb.without(set, kept), key_of(req), req.want)
    return lb.join(kept, rest, req.want), string.format("%d kept", #kept)
  end,
}
