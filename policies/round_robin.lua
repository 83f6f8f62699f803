-- SPDX-License-Identifier: Apache-2.0
-- Each node in turn. Use it when nodes are alike and every one shall do the same share: steady
-- schedules, comparisons between places, a fleet of equal machines. It looks at no load, so a slow
-- node gets as much as a fast one; take least_load when that matters.
--
-- Nodes of higher priority are served first: those of the highest take turns, and only what they
-- cannot fill goes to the next. With priority = "ignore" all nodes take turns.
return {
  api = 1,
  summary = "each node in turn, highest priority first",
  params = {
    priority = { type = "enum", names = { "first", "ignore" }, default = "first",
                 help = "ignore: all nodes take turns, whatever their priority" },
  },
  pick = "round_robin",
}
