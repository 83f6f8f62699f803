# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += doc/decisions.md doc/policies.md
EXTRA_DIST += doc/decisions.md doc/schedules.md
EXTRA_DIST += doc/decisions.md
EXTRA_DIST += doc/plugins.md
EXTRA_DIST += doc/performance.md
EXTRA_DIST += doc/probes.md
EXTRA_DIST += doc/accounts.md
EXTRA_DIST += doc/api.md
EXTRA_DIST += doc/nodes.md
EXTRA_DIST += doc/cli.md
EXTRA_DIST += doc/dashboard.md doc/img
EXTRA_DIST += doc/testing.md
