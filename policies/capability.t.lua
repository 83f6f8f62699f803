-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "plain", tags = {}, types = { "ping" } },
  { name = "six", tags = { "ipv6" }, types = { "ping" } },
  { name = "all", tags = { "ipv6", "gpu" }, types = { "ping", "mtr" } },
}

return {
  { name = "nothing required: the least special first", given = nodes, when = { want = 3 },
    expect = { "plain", "six", "all" } },
  { name = "a tag", given = nodes, when = { want = 2, params = { require = "ipv6" } },
    expect = { "six", "all" } },
  { name = "a type", given = nodes, when = { want = 2, params = { require = "mtr" } },
    expect = { "all" } },
  { name = "all of several", given = nodes, when = { want = 3, params = { require = "ipv6, gpu" } },
    expect = { "all" } },
  { name = "never one that lacks it", given = nodes,
    when = { want = 1, params = { require = "satellite" } }, expect = {} },
  { name = "a part of a word is not the word", given = nodes,
    when = { want = 1, params = { require = "ipv" } }, expect = {} },
  { name = "equally able: less load", when = { want = 1, params = { require = "x" } },
    given = { { name = "a", tags = { "x" }, load = 0.8 }, { name = "b", tags = { "x" }, load = 0.2 } },
    expect = { "b" } },
  { name = "higher priority before less special",
    given = { { name = "a", tags = { "x" }, priority = 10 },
              { name = "b", tags = { "x", "y" }, priority = 60 } },
    when = { want = 1, params = { require = "x" } }, expect = { "b" } },
  { name = "says how many qualify", given = nodes, when = { want = 1, params = { require = "ipv6" } },
    expect = { "six", reason = "2 of 3 have ipv6" } },
  { name = "narrow leaves those that qualify", given = nodes,
    when = { want = 1, params = { require = "ipv6" } }, narrow = { "six", "all" } },
}
