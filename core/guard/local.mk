# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/guard/libguard.a
core_guard_libguard_a_SOURCES = core/guard/guard.c core/guard/guard.h \
	core/guard/own.c core/guard/target.c

C_TESTS += t/guard/guard_test
t_guard_guard_test_SOURCES = t/guard/guard_test.c t/guard/spellings.h
t_guard_guard_test_LDADD = t/libtap.a core/guard/libguard.a core/base/libbase.a
