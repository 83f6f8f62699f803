-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "near", load = 0.9, rtt = 10, error_rate = 0 },
  { name = "idle", load = 0.1, rtt = 100, error_rate = 0 },
  { name = "both", load = 0.2, rtt = 20, error_rate = 0 },
  { name = "bad", load = 0.1, rtt = 10, error_rate = 0.5 },
}

return {
  { name = "good in all before best in one", given = nodes, when = { want = 1 }, expect = { "both" } },
  { name = "failures weigh most", given = nodes, when = { want = 4 }, expect = { [4] = "bad" } },
  { name = "only rtt", given = nodes,
    when = { want = 3, params = { load = 0, error_rate = 0, rtt = 1 } },
    expect = { any = { "near", "bad", "both" }, [3] = "both" } },
  { name = "only load", given = nodes, when = { want = 2, params = { rtt = 0, error_rate = 1 } },
    expect = { "idle", "both" } },
  { name = "an unknown rtt is the worst one",
    given = { { name = "a", rtt = 50 }, { name = "b" }, { name = "c", rtt = 80 } },
    when = { want = 2, params = { load = 0, error_rate = 0 } }, expect = { "a", "c" } },
  { name = "priority is strict without a weight", when = { want = 1 },
    given = { { name = "a", load = 0.1, priority = 40 }, { name = "b", load = 0.9, priority = 60 } },
    expect = { "b" } },
  { name = "and a part of the mix with one", when = { want = 1, params = { priority = 0.5 } },
    given = { { name = "a", load = 0.1, priority = 40 }, { name = "b", load = 0.9, priority = 60 } },
    expect = { "a" } },
  { name = "a heavy one decides", when = { want = 1, params = { priority = 5 } },
    given = { { name = "a", load = 0.1, priority = 40 }, { name = "b", load = 0.9, priority = 60 } },
    expect = { "b" } },
  { name = "wrong params fall back", given = nodes, when = { want = 1, params = { speed = 1 } },
    expect = { count = 1, fallback = true } },
}
