-- SPDX-License-Identifier: Apache-2.0
local nodes = {
  { name = "p1", priority = 90, load = 0.5 },
  { name = "p2", priority = 70, load = 0.1 },
  { name = "c1", priority = 50, load = 0.3 },
  { name = "c2", priority = 69, load = 0.9 },
}

return {
  { name = "premium gets premium nodes", given = nodes, when = { want = 2, tier = "premium" },
    expect = { "p2", "p1" } },
  { name = "premium falls back", given = nodes, when = { want = 3, tier = "premium" },
    expect = { "p2", "p1", "c1", reason = "tier 'premium': 2 bound, 1 fallen back" } },
  { name = "the others get the others", given = nodes, when = { want = 2, tier = "free" },
    expect = { "c1", "c2" } },
  { name = "and what is left", given = nodes, when = { want = 3 }, expect = { "c1", "c2", "p2" } },
  { name = "unless it is not shared", given = nodes, when = { want = 3, params = { share = false } },
    expect = { "c1", "c2" } },
  { name = "several premium tiers", given = nodes,
    when = { want = 1, tier = "gold", params = { premium = "premium, gold" } }, expect = { "p2" } },
  { name = "no tier can count as one", given = nodes,
    when = { want = 1, params = { otherwise = "premium" } }, expect = { "p2" } },
  { name = "narrow binds", given = nodes, when = { want = 2, tier = "premium" },
    narrow = { "p1", "p2" } },
  { name = "narrow falls back", given = nodes, when = { want = 3, tier = "premium" },
    narrow = { "p1", "p2", "c1", "c2" } },
}
