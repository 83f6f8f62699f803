# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/wire/libwire.a
core_wire_libwire_a_SOURCES = \
	core/wire/failure.c \
	core/wire/frame.c \
	core/wire/msg.c \
	core/wire/scan.c core/wire/scan.h \
	core/wire/wire.h

C_TESTS += t/wire/wire_test
t_wire_wire_test_SOURCES = t/wire/wire_test.c
t_wire_wire_test_LDADD = t/libtap.a core/wire/libwire.a core/base/libbase.a
