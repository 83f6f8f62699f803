-- SPDX-License-Identifier: Apache-2.0
-- A path that changed. Of each traceroute or mtr the routers that answered are compared with those of
-- the path that held before; a change is an event when the new path is seen `times` in a row, so that
-- equal-cost routes and silent hops do not count, and it is over when the old path is back or after
-- `holds` results on the new one, which then is the path. Use it on traceroute schedules of a few
-- minutes, from each node.
local function same(a, b)
  local n = math.min(#a, #b)
  if math.abs(#a - #b) > 1 then return false end
  for i = 1, n do
    if a[i] ~= b[i] and a[i] ~= "*" and b[i] ~= "*" then return false end
  end
  return true
end

local function text_of(hops)
  local out = {}
  for i, hop in ipairs(hops) do out[i] = hop end
  while #out > 24 do table.remove(out) end
  return table.concat(out, " ")
end

return {
  api = 1,
  summary = "the routers on the way to the target changed",
  params = {
    times = { type = "int", default = 3, min = 1, max = 100, help = "results in a row" },
    holds = { type = "int", default = 20, min = 1, max = 10000, help = "results until it is the path" },
  },

  on_result = function(req, result)
    if not result.measured or not result.hops or #result.hops == 0 then return end
    local key = "path " .. req.schedule .. " " .. result.node
    local now = text_of(result.hops)
    local held = lb.remember(key)
    if not held then
      lb.remember(key, now)
      return
    end
    local count = "n " .. key
    if same(lb.split(held, " "), lb.split(now, " ")) then
      lb.remember(count, 0)
      lb.clear(key, result.series .. " from " .. result.node .. ": the path is the former one")
      return
    end
    local seen = (lb.remember(count) or 0) + 1
    lb.remember(count, seen)
    if seen == req.params.times then
      lb.raise(key, "info", string.format("%s from %s: another path, by %s", result.series,
               result.node, string.sub(now, 1, 120)))
    elseif seen >= req.params.holds then
      lb.remember(key, now)
      lb.remember(count, 0)
      lb.clear(key, result.series .. " from " .. result.node .. ": the new path holds")
    end
  end,
}
