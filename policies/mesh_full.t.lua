-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "a", region = "europe" }, { name = "b", region = "europe" },
  { name = "c", region = "asia" },
}

return {
  { name = "all pairs", given = nodes, when = { want = 3 },
    peers = { a = { "b", "c" }, b = { "a", "c" }, c = { "a", "b" } } },
  { name = "one side", given = nodes, when = { want = 3, params = { half = true } },
    peers = { a = { "b", "c" }, b = { "c" } } },
  { name = "not within a region", given = nodes, when = { want = 3, params = { across = "region" } },
    peers = { a = { "c" }, b = { "c" }, c = { "a", "b" } } },
  { name = "one node is no mesh", given = { { name = "a" } }, when = { want = 1 }, peers = {} },
}
