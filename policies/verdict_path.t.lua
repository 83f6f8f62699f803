-- SPDX-License-Identifier: Apache-2.0
local function via(...) return { node = "a", hops = { ... } } end
local one, other, silent = via("r1", "r2", "t"), via("r1", "r9", "t"), via("r1", "*", "t")

return {
  { name = "the first path is the path", seen = { one }, actions = {} },
  { name = "another one twice is no change", seen = { one, other, other }, actions = {} },
  { name = "three times is", seen = { one, other, other, other },
    actions = { "raise path sched a: s from a: another path, by r1 r9 t" } },
  { name = "a silent hop is no change", when = { params = { times = 1 } }, seen = { one, silent },
    last = { "clear path sched a: s from a: the path is the former one" } },
  { name = "the former one is back", when = { params = { times = 1 } }, seen = { one, other, one },
    last = { "clear path sched a: s from a: the path is the former one" } },
  { name = "or the new one holds", when = { params = { times = 1, holds = 3 } },
    seen = { one, other, other, other }, last = { "clear path sched a: s from a: the new path holds" } },
  { name = "nodes have paths of their own", when = { params = { times = 1 } },
    seen = { one, { node = "b", hops = { "r9", "t" } } }, actions = {} },
}
