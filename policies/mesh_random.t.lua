-- SPDX-License-Identifier: Apache-2.0
return {
  { name = "two nodes probe each other", given = { { name = "a" }, { name = "b" } },
    when = { want = 2 }, peers = { a = { "b" }, b = { "a" } } },
  { name = "three, with room for all",
    given = { { name = "a" }, { name = "b" }, { name = "c" } },
    when = { want = 3, params = { degree = 2 }, seed = 1 },
    peers = { a = { "b", "c" }, b = { "c", "a" }, c = { "a", "b" } } },
  { name = "one node is no mesh", given = { { name = "a" } }, when = { want = 1 }, peers = {} },
}
