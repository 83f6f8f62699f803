-- SPDX-License-Identifier: Apache-2.0
local function seen(list, field)
  local out = {}
  for i, v in ipairs(list) do out[i] = { node = "a", [field] = v } end
  return out
end

return {
  { name = "too few results say nothing", seen = seen({ 100, 100 }, "loss"), actions = {} },
  { name = "loss is raised", seen = seen({ 50, 50, 50 }, "loss"),
    actions = { "raise loss sched a: s from a: 50 % lost in the last 3 results" } },
  { name = "and cleared well below the limit",
    when = { params = { window = 3 } }, seen = seen({ 50, 50, 50, 0, 0, 0 }, "loss"),
    last = { "clear loss sched a" } },
  { name = "between the two nothing changes", when = { params = { window = 3 } },
    seen = seen({ 18, 18, 18 }, "loss"), actions = {} },
  { name = "a failed result is a lost one", when = { params = { window = 3 } },
    seen = { { node = "a", ok = false }, { node = "a", ok = false }, { node = "a", ok = false } },
    last = { "raise loss sched a: s from a: 100 % lost in the last 3 results" } },
  { name = "what could not be measured is none",
    seen = { { node = "a", ok = false, measured = false }, { node = "a", ok = false, measured = false },
             { node = "a", ok = false, measured = false } }, actions = {} },
  { name = "nodes are judged apart",
    seen = { { node = "a", loss = 100 }, { node = "b", loss = 0 }, { node = "a", loss = 100 },
             { node = "b", loss = 0 }, { node = "a", loss = 100 }, { node = "b", loss = 0 } },
    last = { "clear loss sched b" } },
  { name = "round trip", when = { params = { rtt = "50ms", loss = 0 } },
    seen = seen({ 10, 10, 10, 60 }, "rtt"),
    last = { "raise rtt sched a: s from a: 60.0 ms round trip (95th percentile)" } },
  { name = "jitter", when = { params = { jitter = "5ms", loss = 0 } },
    seen = seen({ 10, 20, 10 }, "rtt"), last = { "raise jitter sched a: s from a: 10.0 ms jitter" } },
  { name = "another type beside it", when = { params = { deepen = "mtr" } },
    seen = seen({ 50, 50, 50 }, "loss"),
    last = { "raise loss sched a: s from a: 50 % lost in the last 3 results", "deepen mtr" } },
}
