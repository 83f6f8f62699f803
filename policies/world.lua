-- SPDX-License-Identifier: Apache-2.0
-- A view of the world: each continent gets its share of the places, whatever the number of nodes
-- there. Use it for `world` measurements; an unweighted draw would show the continent that hosts
-- most nodes. The shares are those of Globalping and can be changed; what a continent cannot fill
-- goes to the others by their shares. Within a continent countries are spread, then the idlest is
-- taken.
local codes = { "AF", "AS", "EU", "NA", "OC", "SA" }

local function groups(set, view)
  local by = {}
  for _, code in ipairs(codes) do
    by[code] = lb.equal(set, view.continent, code)
  end
  return by
end

-- How many places each continent gets: the largest remainder, then the largest share.
local function quotas(req, by, want)
  local quota, sum, left = {}, 0, want
  for _, code in ipairs(codes) do
    quota[code] = 0
    if #by[code] > 0 then sum = sum + req.params[code] end
  end
  if sum == 0 then return quota end
  local part = {}
  for _, code in ipairs(codes) do
    if #by[code] > 0 and req.params[code] > 0 then
      local exact = want * req.params[code] / sum
      quota[code] = math.min(#by[code], math.floor(exact))
      left = left - quota[code]
      table.insert(part, { code = code, rest = exact - math.floor(exact) + req.params[code] * 1e-6 })
    end
  end
  table.sort(part, function(a, b) return a.rest > b.rest end)
  for _ = 1, want do
    for _, p in ipairs(part) do
      if left > 0 and quota[p.code] < #by[p.code] then
        quota[p.code] = quota[p.code] + 1
        left = left - 1
      end
    end
    if left == 0 then break end
  end
  return quota
end

-- A single place has no shares to divide: it is drawn.
local function draw_one(req, by)
  local sum = 0
  for _, code in ipairs(codes) do
    if #by[code] > 0 then sum = sum + req.params[code] end
  end
  local at = lb.random() * sum
  for _, code in ipairs(codes) do
    if #by[code] > 0 then
      at = at - req.params[code]
      if at < 0 then return code end
    end
  end
end

local function weight(default)
  return { type = "int", default = default, min = 0, max = 1000, help = "share of the continent" }
end

return {
  api = 1,
  summary = "the world by weighted continents, as Globalping does",
  params = { AF = weight(5), AS = weight(15), EU = weight(30), NA = weight(30), OC = weight(10),
             SA = weight(10) },

  pick = function(req, set, view)
    local by = groups(set, view)
    local quota = {}
    if req.want == 1 then
      local code = draw_one(req, by)
      if code then quota[code] = 1 end
    else
      quota = quotas(req, by, req.want)
    end
    local chosen, said = {}, {}
    for _, code in ipairs(codes) do
      local n = quota[code] or 0
      if n > 0 then
        local spread = lb.spread_by(by[code], view.country, math.min(#by[code], n * 3))
        local idle = lb.unique(spread, view.country, view.pressure)
        local part = lb.first(lb.join(idle, spread), n)
        chosen = lb.join(chosen, part)
        table.insert(said, code .. " " .. #part)
      end
    end
    if #chosen < req.want then
      chosen = lb.join(chosen, lb.least(lb.without(set, chosen), view.pressure, req.want - #chosen))
    end
    return chosen, table.concat(said, ", ")
  end,
}
