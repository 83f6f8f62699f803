# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += doc/decisions.md
EXTRA_DIST += doc/plugins.md
EXTRA_DIST += doc/performance.md
