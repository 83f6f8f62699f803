-- SPDX-License-Identifier: Apache-2.0
-- Limits on what one node sees of one target: loss, round trip (95th percentile) and jitter over the
-- last `window` results of a schedule. Raised when a limit is passed, cleared when the value is below
-- four fifths of it, so that a value at the limit does not flap. Use it for paths that you pay for
-- and know well; for "is it down" verdict_quorum asks several nodes first. A limit of 0 is off.
local function judge(name, key, value, limit, text, deepen)
  if limit <= 0 or value ~= value then return end
  if value > limit then
    lb.raise(name .. " " .. key, "warning", text)
    if deepen ~= "" then lb.deepen(deepen) end
  elseif value <= limit * 0.8 then
    lb.clear(name .. " " .. key)
  end
end

return {
  api = 1,
  summary = "limits on loss, round trip and jitter, per node and schedule",
  params = {
    loss = { type = "number", default = 20, unit = "%", help = "share without an answer" },
    rtt = { type = "duration", default = "0", help = "95th percentile of the round trip" },
    jitter = { type = "duration", default = "0", help = "mean difference of neighbouring values" },
    window = { type = "int", default = 10, min = 1, max = 256, help = "results looked at" },
    least = { type = "int", default = 3, min = 1, max = 256, help = "results needed to judge" },
    deepen = { type = "string", default = "", help = "type to run beside a new event, such as mtr" },
  },

  on_result = function(req, result)
    if not result.measured then return end
    local p, key = req.params, (req.schedule or "") .. " " .. result.node
    local lost = result.loss or (result.ok and 0 or 100)
    local loss = lb.window("loss " .. key, p.window, lost)
    local rtt = lb.window("rtt " .. key, p.window, result.rtt)
    if loss.n < p.least then return end
    local who = result.series .. " from " .. result.node
    judge("loss", key, loss.mean, p.loss,
          string.format("%s: %.0f %% lost in the last %d results", who, loss.mean, loss.n), p.deepen)
    if rtt.n - rtt.missing < p.least then return end
    judge("rtt", key, rtt.p95, p.rtt,
          string.format("%s: %.1f ms round trip (95th percentile)", who, rtt.p95), p.deepen)
    judge("jitter", key, result.jitter or rtt.jitter, p.jitter,
          string.format("%s: %.1f ms jitter", who, result.jitter or rtt.jitter), p.deepen)
  end,
}
