# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/node/libnode.a
core_node_libnode_a_SOURCES = \
	core/node/agenda.c core/node/agenda.h \
	core/node/backoff.c core/node/backoff.h \
	core/node/checks.c core/node/checks.h \
	core/node/child.c core/node/child.h \
	core/node/crashes.c core/node/crashes.h \
	core/node/describe.c \
	core/node/durable.c core/node/durable.h \
	core/node/enrol.c \
	core/node/identity.c core/node/identity.h \
	core/node/jobs.c core/node/jobs.h \
	core/node/journal.c core/node/journal.h \
	core/node/life.c \
	core/node/link.c core/node/link.h core/node/link_private.h \
	core/node/link_send.c \
	core/node/local.c core/node/local.h \
	core/node/local_answers.c \
	core/node/node.c core/node/node.h core/node/node_private.h \
	core/node/options.c core/node/options.h \
	core/node/recent.c core/node/recent.h \
	core/node/own.c core/node/own.h \
	core/node/record.c core/node/record.h \
	core/node/ring.c core/node/ring.h \
	core/node/selftest.c core/node/selftest.h \
	core/node/settings.c core/node/settings.h \
	core/node/schedule.c core/node/schedule.h \
	core/node/spawn.c core/node/spawn.h \
	core/node/spool.c core/node/spool.h core/node/spool_private.h \
	core/node/spool_epoch.c core/node/spool_open.c core/node/spool_read.c \
	core/node/stats.c core/node/stats.h \
	core/node/super.c core/node/super.h core/node/super_private.h \
	core/node/super_runner.c \
	core/node/sync.c core/node/sync.h \
	core/node/types.c core/node/types.h \
	core/node/work.c
core_node_libnode_a_SOURCES += core/node/machine.c core/node/machine.h \
	core/node/netwatch.c core/node/netwatch.h
core_node_libnode_a_SOURCES += core/node/allowance.c core/node/allowance.h
core_node_libnode_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE \
	$(UV_CFLAGS) $(JANSSON_CFLAGS)

NODE_LIBS = core/node/libnode.a core/config/libconfig.a core/guard/libguard.a core/wire/libwire.a \
	core/net/libnet.a core/fetch/libfetch.a core/param/libparam.a core/base/libbase.a \
	$(YAML_LIBS) $(LWS_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(UV_LIBS) $(SODIUM_LIBS) \
	$(CRYPTO_LIBS) -lm

sbin_PROGRAMS += sonde-node
sonde_node_SOURCES = core/node/main.c
sonde_node_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
sonde_node_LDADD = $(NODE_LIBS)

C_TESTS += t/node/spool_test t/node/journal_test
t_node_spool_test_SOURCES = t/node/spool_test.c
t_node_spool_test_LDADD = t/libtap.a core/node/libnode.a core/base/libbase.a $(SODIUM_LIBS)
t_node_journal_test_SOURCES = t/node/journal_test.c
t_node_journal_test_LDADD = t/libtap.a core/node/libnode.a core/base/libbase.a $(SODIUM_LIBS)

C_TESTS += t/node/agenda_test
t_node_agenda_test_SOURCES = t/node/agenda_test.c
t_node_agenda_test_LDADD = t/libtap.a core/node/libnode.a core/base/libbase.a $(SODIUM_LIBS)
C_TESTS += t/node/types_test
t_node_types_test_SOURCES = t/node/types_test.c
t_node_types_test_LDADD = t/libtap.a core/node/libnode.a core/wire/libwire.a core/param/libparam.a \
	core/base/libbase.a $(JANSSON_LIBS) -lm

C_TESTS += t/node/node_test
t_node_node_test_SOURCES = t/node/node_test.c
t_node_node_test_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
t_node_node_test_LDADD = t/libtap.a core/wire/libwire.a core/net/libnet.a core/base/libbase.a \
	$(LWS_LIBS) $(UV_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) -lm
# A node, its runner and their plugins as processes: memcheck would see only the test.
VALGRIND_SKIP += t/node/node_test

C_TESTS += t/node/life_test
t_node_life_test_SOURCES = t/node/life_test.c
t_node_life_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_node_life_test_LDADD = t/libtap.a $(NODE_LIBS)

C_TESTS += t/node/torn_test
t_node_torn_test_SOURCES = t/node/torn_test.c
t_node_torn_test_LDADD = t/libtap.a core/node/libnode.a core/base/libbase.a $(SODIUM_LIBS)
# It opens the spool 80,000 times; spool_test walks the same code under memcheck.
VALGRIND_SKIP += t/node/torn_test
core_node_libnode_a_SOURCES += core/node/doctor.c core/node/doctor.h
SCRIPT_TESTS += t/node/doctor.t
