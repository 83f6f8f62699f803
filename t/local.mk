# SPDX-License-Identifier: Apache-2.0
# The tests of the house itself, and what all tests share.
SCRIPT_TESTS += t/layers.t t/headers.t t/exports.t
EXTRA_DIST += t/lsan.supp t/rules.yml t/lib/House.pm \
	t/stage/distcheck.t t/stage/fuzz.t t/stage/valgrind.t

# End to end, with the real programs.
SCRIPT_TESTS += t/e2e/measure.t t/e2e/bad_input.t t/e2e/crash.t t/e2e/tls.t t/e2e/policy_author.t t/e2e/verdict.t t/e2e/shadow.t
SCRIPT_TESTS += t/e2e/renew.t
SCRIPT_TESTS += t/e2e/predictive.t
SCRIPT_TESTS += t/e2e/bandwidth.t
SCRIPT_TESTS += t/e2e/schedule.t t/e2e/schedule_policy.t
SCRIPT_TESTS += t/e2e/globalping.t t/e2e/results.t t/e2e/live.t t/e2e/series.t
EXTRA_DIST += t/lib/Sonde.pm t/lib/Live.pm
EXTRA_DIST += t/lib/Terminal.pm
SCRIPT_TESTS += t/e2e/accounts.t t/e2e/roles.t t/e2e/attempts.t
SCRIPT_TESTS += t/e2e/identity.t
EXTRA_DIST += t/lib/Sonde.pm

# Two versions of one plugin, neither installed, for the test of hot reload.
check_LTLIBRARIES += t/e2e/shift/1/shift.la t/e2e/shift/2/shift.la
SHIFT_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(plugindir)
t_e2e_shift_1_shift_la_SOURCES = t/e2e/shift/shift.c
t_e2e_shift_1_shift_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DSHIFT_VERSION=1
t_e2e_shift_1_shift_la_CFLAGS = $(PLUGIN_CFLAGS)
t_e2e_shift_1_shift_la_LDFLAGS = $(SHIFT_LDFLAGS)
t_e2e_shift_2_shift_la_SOURCES = t/e2e/shift/shift.c
t_e2e_shift_2_shift_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DSHIFT_VERSION=2
t_e2e_shift_2_shift_la_CFLAGS = $(PLUGIN_CFLAGS)
t_e2e_shift_2_shift_la_LDFLAGS = $(SHIFT_LDFLAGS)
SCRIPT_TESTS += t/e2e/reload.t t/e2e/contain.t

# A plugin with a secret parameter, not installed either.
check_LTLIBRARIES += t/e2e/keeper/keeper.la
t_e2e_keeper_keeper_la_SOURCES = t/e2e/keeper/keeper.c
t_e2e_keeper_keeper_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
t_e2e_keeper_keeper_la_CFLAGS = $(PLUGIN_CFLAGS)
t_e2e_keeper_keeper_la_LDFLAGS = $(SHIFT_LDFLAGS)
C_TESTS += t/controller/schedules_test
t_controller_schedules_test_SOURCES = t/controller/schedules_test.c
t_controller_schedules_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_schedules_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
# The life of a node.
SCRIPT_TESTS += t/e2e/life.t
# What is sensitive of nodes.
SCRIPT_TESTS += t/e2e/sealed.t
C_TESTS += t/controller/node_store_test
t_controller_node_store_test_SOURCES = t/controller/node_store_test.c
t_controller_node_store_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_node_store_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
SCRIPT_TESTS += t/e2e/tier_schedule.t
SCRIPT_TESTS += t/e2e/limits.t
# The API's own description, held to the route table, a linter and real answers.
SCRIPT_TESTS += t/e2e/spec.t
EXTRA_DIST += t/e2e/spec.mjs
SCRIPT_TESTS += t/e2e/backup.t
SCRIPT_TESTS += t/e2e/stopping.t
SCRIPT_TESTS += t/e2e/mixed.t
SCRIPT_TESTS += t/e2e/full.t
SCRIPT_TESTS += t/e2e/hostile.t
# Whom programs talk to.
SCRIPT_TESTS += t/e2e/pins.t
EXTRA_DIST += t/lib/Certs.pm
SCRIPT_TESTS += t/banned.t
# Secrets at rest and in passing.
SCRIPT_TESTS += t/e2e/secrets.t
SCRIPT_TESTS += t/e2e/schedule_secrets.t
# Every parser has a fuzz target.
SCRIPT_TESTS += t/parsers.t
EXTRA_DIST += t/stage/coverage.t

# What strangers may do to a controller: slow, malformed, without number.
check_PROGRAMS += t/net/strangers
t_net_strangers_SOURCES = t/net/strangers.c t/bench/load.c t/bench/load.h
t_net_strangers_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
t_net_strangers_LDADD = core/base/libbase.a
SCRIPT_TESTS += t/e2e/slow_clients.t
check_PROGRAMS += t/net/smuggler
t_net_smuggler_SOURCES = t/net/smuggler.c t/net/malformed.c t/net/malformed.h t/bench/load.c t/bench/load.h
t_net_smuggler_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(CRYPTO_CFLAGS)
t_net_smuggler_LDADD = core/base/libbase.a $(SSL_LIBS) $(CRYPTO_LIBS)
SCRIPT_TESTS += t/e2e/smuggle.t
SCRIPT_TESTS += t/e2e/cardinality.t
EXTRA_DIST += t/lib/FakeNode.pm t/lib/Findings.pm
EXTRA_DIST += t/e2e/ends.h
# Changed frames and floods, and a websocket client that is not ours.
check_PROGRAMS += t/e2e/storm
t_e2e_storm_SOURCES = t/e2e/storm.c t/bench/load.c t/bench/load.h
t_e2e_storm_LDADD = core/wire/libwire.a core/base/libbase.a $(SODIUM_LIBS)
SCRIPT_TESTS += t/e2e/frames.t t/e2e/foreign_ws.t
EXTRA_DIST += t/e2e/foreign_ws.py
# Families of addresses: nodes in namespaces of their own.
SCRIPT_TESTS += t/e2e/families.t t/e2e/requirements.t
SCRIPT_TESTS += t/e2e/globalping_errors.t t/e2e/globalping_client.t t/e2e/globalping_traps.t
EXTRA_DIST += t/e2e/globalping_client.mjs t/e2e/globalping_redirect.mjs
SCRIPT_TESTS += t/e2e/retention.t
