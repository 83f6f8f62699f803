-- SPDX-License-Identifier: Apache-2.0
-- The nodes with most room: load plus the share of their capacity that is in use. The right
-- choice when nothing speaks for another one; measurements start soonest and slow nodes are
-- spared. Equal nodes are chosen by the request's seed.
--
-- Priority comes before load: a node of higher priority receives first, however busy. With
-- priority = "ignore" only load decides.
return {
  api = 1,
  summary = "least load and most free capacity, highest priority first",
  params = {
    priority = { type = "enum", names = { "first", "ignore" }, default = "first",
                 help = "ignore: only load decides" },
  },
  pick = "least_load",
}
