-- SPDX-License-Identifier: Apache-2.0
local function node(name, ok, rtt, spread, seen, more)
  local n = { name = name, past_ok = ok, past_rtt = rtt, past_spread = spread, past_seen = seen }
  for k, v in pairs(more or {}) do n[k] = v end
  return n
end

local known = {
  node("steady", 1, 40, 1, 50),
  node("fast but loses", 0.9, 10, 1, 50),
  node("fast but jumps", 1, 25, 60, 50),
  node("slow", 1, 200, 5, 50),
}
local sure = { explore = 0 }

return {
  { name = "success, time and spread together", given = known, when = { want = 4, params = sure },
    expect = { "steady", "fast but jumps", "slow", "fast but loses" } },
  { name = "a lost answer may cost less", given = known,
    when = { want = 1, params = { explore = 0, penalty = "100ms" } }, expect = { "fast but loses" } },
  { name = "and so may the spread", given = known,
    when = { want = 2, params = { explore = 0, caution = 0 } }, expect = { "fast but jumps", "steady" } },
  { name = "one that never answered is the last",
    given = { { name = "mute", past_ok = 0, past_seen = 9 }, node("slow", 1, 900, 1, 9) },
    when = { want = 2, params = sure }, expect = { "slow", "mute" } },
  { name = "nobody is known: least load",
    given = { { name = "a", load = 0.8 }, { name = "b", load = 0.1 } }, when = { want = 2 },
    expect = { "b", "a", reason = "no history: the least tried, least load" } },
  { name = "a few results are not yet a history",
    given = { node("lucky", 1, 1, 0, 2), node("known", 1, 30, 2, 9) },
    when = { want = 1, params = sure }, expect = { "known" } },
  { name = "who is not known fills what is missing",
    given = { node("known", 1, 30, 2, 9), { name = "new", load = 0.5 }, { name = "idle" } },
    when = { want = 3, params = sure },
    expect = { "known", "idle", "new", reason = "1 of 3 known; 1 by history, 0 explored" } },
  { name = "a tenth of the places explores",
    given = { node("best", 1, 10, 1, 50), { name = "new" } }, when = { want = 1 },
    times = 3000, share = { best = 0.9, new = 0.1 }, within = 0.03 },
  { name = "exploring takes the least tried",
    given = { node("best", 1, 10, 1, 50), node("little", 1, 90, 1, 4), node("much", 1, 80, 1, 40) },
    when = { want = 1, params = { explore = 100 } }, expect = { "little" } },
  { name = "the share is the operator's",
    given = { node("best", 1, 10, 1, 50), { name = "new" } },
    when = { want = 1, params = { explore = 50 } },
    times = 3000, share = { best = 0.5, new = 0.5 }, within = 0.04 },
  { name = "nobody there", given = {}, when = { want = 2 }, expect = {} },
}
