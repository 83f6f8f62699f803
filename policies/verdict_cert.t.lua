-- SPDX-License-Identifier: Apache-2.0
return {
  { name = "long enough", seen = { { node = "a", days = 60 } },
    actions = { "clear cert sched: s: the certificate is good for 60 days" } },
  { name = "soon", seen = { { node = "a", days = 20 } },
    actions = { "raise cert sched: s: the certificate expires in 20 days" } },
  { name = "over", seen = { { node = "a", days = -2, ok = false } },
    actions = { "raise cert sched: s: the certificate expired 2 days ago" } },
  { name = "no certificate", seen = { { node = "a" } }, actions = {} },
  { name = "another limit", when = { params = { warn = 70 } }, seen = { { node = "a", days = 60 } },
    actions = { "raise cert sched: s: the certificate expires in 60 days" } },
}
