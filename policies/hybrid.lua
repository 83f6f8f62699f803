-- SPDX-License-Identifier: Apache-2.0
-- A weighted mix: each fact is scaled to 0..1 over the candidates, multiplied by its weight, and
-- the least sum wins. Use it when no single fact is right: near but not overloaded, fast but not
-- failing. A weight of 0 leaves a fact out; only the ratio between weights matters.
--
-- Priority is strict unless it has a weight: with priority = 0 the nodes of highest priority
-- receive first and the mix decides among them; above 0 it is one more part of the mix.
return {
  api = 1,
  summary = "weighted mix of load, rtt, error rate, task time and priority",
  params = {
    load = { type = "number", default = 1, min = 0, max = 1000, help = "weight of load" },
    rtt = { type = "number", default = 1, min = 0, max = 1000, help = "weight of round-trip time" },
    error_rate = { type = "number", default = 2, min = 0, max = 1000, help = "weight of failures" },
    response = { type = "number", default = 0, min = 0, max = 1000, help = "weight of task time" },
    priority = { type = "number", default = 0, min = 0, max = 1000,
                 help = "weight of priority; 0 = higher priority strictly first" },
  },
  pick = function(req, set, view)
    local w = req.params
    local function mix(group, want)
      return lb.mix(group, want, view.pressure, w.load, view.rtt, w.rtt,
                    view.error_rate, w.error_rate, view.response, w.response,
                    view.priority, -w.priority)
    end
    if w.priority > 0 then
      return mix(set, req.want)
    end
    return lb.by_priority(set, req.want, mix)
  end,
}
