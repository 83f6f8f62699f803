-- SPDX-License-Identifier: Apache-2.0
local three = { { name = "a" }, { name = "b" }, { name = "c" } }
local four = { { name = "d" }, { name = "a" }, { name = "b" }, { name = "c" } }

return {
  { name = "the seed does not matter", given = three,
    picks = { { when = { want = 1, target = "example.com", seed = 1 }, expect = { "a" } },
              { when = { want = 1, target = "example.com", seed = 99 }, expect = { "a" } } } },
  { name = "nor does the order, and another node does not move it", given = four,
    when = { want = 1, target = "example.com" }, expect = { "a" } },
  { name = "another salt, another draw", given = three,
    when = { want = 3, target = "example.com", params = { salt = "2" } }, expect = { count = 3 } },
  { name = "without a target the type sticks", given = three, when = { want = 1, type = "echo" },
    expect = { count = 1 } },
  { name = "load does not matter", given = { { name = "a", load = 9 }, { name = "b" }, { name = "c" } },
    when = { want = 1, target = "example.com" }, expect = { "a" } },
  { name = "a schedule keeps its nodes", given = four,
    when = { want = 2, target = "example.com", current = { "d" } }, assign = { "d", "a" } },
}
