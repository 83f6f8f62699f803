-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "busy", load = 0.9, capacity = 10 },
  { name = "idle", load = 0.1, capacity = 10 },
  { name = "half", load = 0.5, capacity = 10 },
}

return {
  { name = "the idlest", given = nodes, when = { want = 1 }, expect = { "idle" } },
  { name = "in order of load", given = nodes, when = { want = 3 },
    expect = { "idle", "half", "busy" } },
  { name = "running tasks count, by capacity",
    given = { { name = "small", active = 4, capacity = 5 }, { name = "large", active = 10, capacity = 100 } },
    when = { want = 1 }, expect = { "large" } },
  { name = "priority before load",
    given = { { name = "idle", load = 0.1, priority = 20 }, { name = "vip", load = 2, priority = 80 } },
    when = { want = 1 }, expect = { "vip" } },
  { name = "priority first, then load",
    given = { { name = "c", load = 0.1, priority = 20 }, { name = "b", load = 2, priority = 80 },
              { name = "a", load = 1, priority = 80 } },
    when = { want = 3 }, expect = { "a", "b", "c" } },
  { name = "unless told otherwise",
    given = { { name = "idle", load = 0.1, priority = 20 }, { name = "vip", load = 2, priority = 80 } },
    when = { want = 1, params = { priority = "ignore" } }, expect = { "idle" } },
  { name = "equal nodes share by seed", given = { { name = "a" }, { name = "b" } },
    when = { want = 1 }, times = 2000, share = { a = 0.5, b = 0.5 }, within = 0.05 },
  { name = "nobody there", given = {}, when = { want = 2 }, expect = {} },
}
