-- SPDX-License-Identifier: Apache-2.0
local nodes = {}
local function add(continent, countries)
  for i, country in ipairs(countries) do
    table.insert(nodes, { name = continent .. i, continent = continent, country = country })
  end
end
add("AF", { "ZA", "EG", "KE" })
add("AS", { "JP", "IN", "SG", "CN" })
add("EU", { "DE", "FR", "DE", "DE", "NL", "ES", "DE", "DE" })
add("NA", { "US", "CA", "US", "MX" })
add("OC", { "AU", "NZ" })
add("SA", { "BR", "AR" })

return {
  { name = "shares of twenty", given = nodes, when = { want = 20 },
    expect = { count = 20, reason = "AF 1, AS 4, EU 7, NA 4, OC 2, SA 2" } },
  { name = "one is drawn by weight", given = nodes, when = { want = 1 }, times = 3000,
    share = { AF1 = 0.05 / 3, OC1 = 0.05, SA1 = 0.05 }, within = 0.02 },
  { name = "a continent can be left out", given = nodes,
    when = { want = 4, params = { AF = 0, AS = 0, EU = 1, NA = 0, OC = 0, SA = 0 } },
    expect = { count = 4, reason = "EU 4",
               any = { "EU1", "EU2", "EU3", "EU4", "EU5", "EU6", "EU7", "EU8" } } },
  { name = "what one cannot fill goes to the others",
    given = { { name = "a", continent = "EU" }, { name = "b", continent = "AF" },
              { name = "c", continent = "AF" } },
    when = { want = 3 }, expect = { count = 3 } },
  { name = "nodes without a continent come last",
    given = { { name = "lost" }, { name = "a", continent = "EU" } },
    when = { want = 2 }, expect = { "a", "lost" } },
  { name = "nobody knows where they are", given = { { name = "x" } }, when = { want = 1 },
    expect = { "x" } },
}
