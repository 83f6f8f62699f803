# SPDX-License-Identifier: Apache-2.0
# The tests of the house itself, and what all tests share.
SCRIPT_TESTS += t/layers.t t/headers.t t/exports.t
EXTRA_DIST += t/lsan.supp t/rules.yml t/lib/House.pm \
	t/stage/distcheck.t t/stage/fuzz.t t/stage/valgrind.t

# End to end, with the real programs.
SCRIPT_TESTS += t/e2e/measure.t t/e2e/bad_input.t t/e2e/crash.t t/e2e/tls.t
SCRIPT_TESTS += t/e2e/bandwidth.t t/e2e/life.t
EXTRA_DIST += t/lib/Sonde.pm
