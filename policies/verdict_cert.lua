-- SPDX-License-Identifier: Apache-2.0
-- Certificates that run out. Any schedule of type tls or http tells the days that are left; one event
-- a schedule, a warning below `warn` days and an error below `alarm`, cleared when a new certificate
-- is seen by the node that last said so. Use it on every TLS service: once an hour from one node is
-- enough.
return {
  api = 1,
  summary = "a certificate that runs out soon",
  params = {
    warn = { type = "int", default = 21, min = 1, max = 3650, unit = "days", help = "warning below" },
    alarm = { type = "int", default = 7, min = 0, max = 3650, unit = "days", help = "error below" },
  },

  on_result = function(req, result)
    local days = result.days
    if not days then return end
    local key = "cert " .. req.schedule
    if days >= req.params.warn then
      lb.clear(key, string.format("%s: the certificate is good for %d days", result.series, days))
      return
    end
    local text = string.format("%s: the certificate expires in %d days", result.series, days)
    if days < 0 then text = string.format("%s: the certificate expired %d days ago", result.series, -days) end
    lb.raise(key, days < req.params.alarm and "error" or "warning", text)
  end,
}
