-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "gold", priority = 90, load = 0.9 },
  { name = "gold2", priority = 90, load = 0.2 },
  { name = "silver", priority = 50, load = 0.1 },
  { name = "tin", priority = 10 },
}

return {
  { name = "highest first, then load", given = nodes, when = { want = 3 },
    expect = { "gold2", "gold", "silver" } },
  { name = "busy ones are passed over", given = nodes, when = { want = 2, params = { busy = 0.8 } },
    expect = { "gold2", "silver" } },
  { name = "until there is nobody else", given = nodes, when = { want = 4, params = { busy = 0.8 } },
    expect = { "gold2", "silver", "tin", "gold" } },
  { name = "never below the least", given = nodes, when = { want = 4, params = { least = 50 } },
    expect = { "gold2", "gold", "silver" } },
  { name = "narrow leaves as few groups as fill the request", given = nodes, when = { want = 1 },
    narrow = { "gold", "gold2" } },
  { name = "narrow goes on where one group is too small", given = nodes, when = { want = 3 },
    narrow = { "gold", "gold2", "silver" } },
}
