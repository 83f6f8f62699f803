# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/fakehost/libfakehost.a
core_fakehost_libfakehost_a_SOURCES = \
	core/fakehost/internal.h \
	core/fakehost/net.c \
	core/fakehost/run.c \
	core/fakehost/setup.c \
	core/fakehost/table.c
core_fakehost_libfakehost_a_CPPFLAGS = -D_GNU_SOURCE $(AM_CPPFLAGS) $(JANSSON_CFLAGS)

C_TESTS += t/fakehost/fakehost_test
t_fakehost_fakehost_test_SOURCES = t/fakehost/fakehost_test.c
t_fakehost_fakehost_test_LDADD = $(FAKEHOST_LIBS)
