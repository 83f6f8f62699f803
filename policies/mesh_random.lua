-- SPDX-License-Identifier: Apache-2.0
-- Each node probes some others. Use it for large meshes: n * degree pairs instead of n * n, and still a
-- path between any two nodes for a degree of three or more (almost always). The ring in it makes sure
-- that everybody is probed by at least one other; the rest is drawn by the schedule's seed, so that
-- the mesh stays as it is until nodes come or go.
return {
  api = 1,
  summary = "a mesh in which each node probes some others",
  params = {
    degree = { type = "int", default = 3, min = 1, max = 64, help = "how many others each probes" },
  },

  peers = function(req, set)
    return lb.mesh(set, req.params.degree)
  end,
}
