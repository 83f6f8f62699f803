-- SPDX-License-Identifier: Apache-2.0
local three = { { name = "a" }, { name = "b" }, { name = "c" } }
local tiers = { { name = "a", priority = 10 }, { name = "b", priority = 90 },
                { name = "c", priority = 90 }, { name = "d", priority = 10 } }

return {
  { name = "one after the other", given = three,
    picks = { { when = { want = 1 }, expect = { "a" } }, { when = { want = 1 }, expect = { "b" } },
              { when = { want = 1 }, expect = { "c" } }, { when = { want = 1 }, expect = { "a" } } } },
  { name = "goes on where it ended", given = three,
    picks = { { when = { want = 2 }, expect = { "a", "b" } },
              { when = { want = 2 }, expect = { "c", "a" } } } },
  { name = "more wanted than there are", given = three, when = { want = 9 }, expect = { count = 3 } },
  { name = "higher priority first", given = tiers,
    picks = { { when = { want = 3 }, expect = { "b", "c", count = 3 } },
              { when = { want = 1 }, expect = { any = { "b", "c" } } } } },
  { name = "even shares", given = three, when = { want = 1 }, times = 3000,
    share = { a = 1 / 3, b = 1 / 3, c = 1 / 3 }, within = 0.001 },
  { name = "even shares, two at a time of five",
    given = { { name = "a" }, { name = "b" }, { name = "c" }, { name = "d" }, { name = "e" } },
    when = { want = 2 }, times = 1000, within = 0.001,
    share = { a = 0.2, b = 0.2, c = 0.2, d = 0.2, e = 0.2 } },
  { name = "only the highest priority has a share", given = tiers, when = { want = 1 },
    times = 1000, share = { a = 0, b = 0.5, c = 0.5, d = 0 }, within = 0.002 },
  { name = "priority can be ignored", given = tiers, times = 1000, within = 0.002,
    when = { want = 1, params = { priority = "ignore" } },
    share = { a = 0.25, b = 0.25, c = 0.25, d = 0.25 } },
}
