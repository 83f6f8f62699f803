# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/store/libstore.a
core_store_libstore_a_SOURCES = \
	core/store/env.c \
	core/store/internal.h \
	core/store/marks.c \
	core/store/read.c \
	core/store/redo.c \
	core/store/segment.c \
	core/store/store.c core/store/store.h \
	core/store/write.c \
	core/store/writer.c
core_store_libstore_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(LMDB_CFLAGS)

STORE_LIBS = core/store/libstore.a core/base/libbase.a $(LMDB_LIBS) $(SODIUM_LIBS) -lpthread

check_LIBRARIES += t/store/libkit.a
t_store_libkit_a_SOURCES = t/store/kit.c t/store/kit.h

C_TESTS += t/store/tables_test t/store/results_test
t_store_tables_test_SOURCES = t/store/tables_test.c
t_store_tables_test_LDADD = t/store/libkit.a t/libtap.a $(STORE_LIBS)
t_store_results_test_SOURCES = t/store/results_test.c
t_store_results_test_LDADD = t/store/libkit.a t/libtap.a $(STORE_LIBS)

C_TESTS += t/store/crash_test
t_store_crash_test_SOURCES = t/store/crash_test.c
t_store_crash_test_LDADD = t/store/libkit.a t/libtap.a $(STORE_LIBS)

C_TESTS += t/store/redo_test
t_store_redo_test_SOURCES = t/store/redo_test.c
t_store_redo_test_LDADD = t/store/libkit.a t/libtap.a $(STORE_LIBS)

C_TESTS += t/store/fault_test
t_store_fault_test_SOURCES = t/store/fault_test.c
t_store_fault_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
t_store_fault_test_LDADD = t/store/libkit.a t/libtap.a $(STORE_LIBS)

# Its images are rebuilt in memory for minutes under memcheck.
C_TESTS += t/store/power_test
VALGRIND_SKIP += t/store/power_test
t_store_power_test_SOURCES = t/store/power_test.c
t_store_power_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
t_store_power_test_LDADD = t/store/libkit.a t/libtap.a $(STORE_LIBS)

core_store_libstore_a_SOURCES += core/store/backup.c core/store/backup.h core/store/backup_file.h \
	core/store/restore.c
