-- SPDX-License-Identifier: Apache-2.0
-- Nodes that can do something: all words of `require` must be among a node's tags or types
-- (require = "ipv6, datacenter"). Use it for measurements that need special nodes, and as the
-- default in a fleet with few special nodes: among those that qualify, the ones that can do least
-- besides are taken first, so that the special ones stay free for who needs them.
--
-- Never answers with a node that lacks a word: with too few of them the answer is shorter, or
-- empty. Higher priority receives first, then fewer capabilities, then less load.
local function qualified(set, view, words)
  for _, word in ipairs(words) do
    local typed = lb.has(set, view.types, word)
    set = lb.join(lb.has(set, view.tags, word), typed)
  end
  return set
end

return {
  api = 1,
  summary = "nodes that have what is required, the least special first",
  params = {
    require = { type = "string", default = "", help = "tags or types, separated by commas" },
  },
  pick = function(req, set, view)
    local able = qualified(set, view, lb.split(req.params.require))
    local chosen = lb.by_priority(able, req.want, function(group, want)
      return lb.least(group, view.capabilities, want, view.pressure)
    end)
    if req.params.require == "" then
      return chosen, "nothing was required: the least special"
    end
    return chosen, string.format("%d of %d have %s", #able, #set, req.params.require)
  end,

  narrow = function(req, set, view)
    return qualified(set, view, lb.split(req.params.require))
  end,
}
