-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "p1", city = "Paris", asn = 1, region = "europe", load = 0.1 },
  { name = "p2", city = "Paris", asn = 2, region = "europe", load = 0.5 },
  { name = "p3", city = "Paris", asn = 2, region = "europe", load = 0.9 },
  { name = "b1", city = "Berlin", asn = 1, region = "europe" },
  { name = "t1", city = "Tokyo", asn = 3, region = "asia" },
}

return {
  { name = "three cities", given = nodes, when = { want = 3 },
    expect = { any = { "p1", "b1", "t1" }, count = 3, reason = "3 different of 3 by city" } },
  { name = "two of one city only when there is no other", given = nodes, when = { want = 4 },
    expect = { any = { "p1", "p2", "p3", "b1", "t1" }, count = 4, reason = "3 different of 3 by city" } },
  { name = "never two of one city", given = nodes, when = { want = 5, params = { strict = true } },
    expect = { count = 3, any = { "p1", "b1", "t1" } } },
  { name = "by network", given = nodes, when = { want = 3, params = { by = "asn" } },
    expect = { count = 3, reason = "3 different of 3 by asn" } },
  { name = "by region", given = nodes, when = { want = 2, params = { by = "region" } },
    expect = { count = 2, reason = "2 different of 2 by region" } },
  { name = "cities have even shares, however many nodes", given = nodes, when = { want = 1 },
    times = 2000, share = { p1 = 1 / 3, b1 = 1 / 3, t1 = 1 / 3 }, within = 0.04 },
  { name = "narrow leaves one of each", given = nodes, when = { want = 3, params = { by = "region" } },
    narrow = { "p1", "p2", "p3", "b1", "t1" } },
  { name = "narrow, strictly", given = { nodes[1], nodes[2] }, when = { want = 2,
    params = { strict = true } }, narrow = { "p1" } },
}
