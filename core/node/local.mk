# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/node/libnode.a
core_node_libnode_a_SOURCES = \
	core/node/journal.c core/node/journal.h \
	core/node/record.c core/node/record.h \
	core/node/spool.c core/node/spool.h core/node/spool_private.h \
	core/node/spool_epoch.c core/node/spool_open.c core/node/spool_read.c
core_node_libnode_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)

C_TESTS += t/node/spool_test t/node/journal_test
t_node_spool_test_SOURCES = t/node/spool_test.c
t_node_spool_test_LDADD = t/libtap.a core/node/libnode.a core/base/libbase.a $(SODIUM_LIBS)
t_node_journal_test_SOURCES = t/node/journal_test.c
t_node_journal_test_LDADD = t/libtap.a core/node/libnode.a core/base/libbase.a $(SODIUM_LIBS)
