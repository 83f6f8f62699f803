# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/wire/libwire.a
core_wire_libwire_a_SOURCES = \
	core/wire/failure.c \
	core/wire/frame.c \
	core/wire/msg.c \
	core/wire/scan.c core/wire/scan.h \
	core/wire/settings.c core/wire/settings.h \
	core/wire/wire.h

core_wire_libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)

C_TESTS += t/wire/settings_test
t_wire_settings_test_SOURCES = t/wire/settings_test.c
t_wire_settings_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_wire_settings_test_LDADD = t/libtap.a core/wire/libwire.a core/param/libparam.a core/base/libbase.a \
	$(JANSSON_LIBS) -lm

C_TESTS += t/wire/wire_test
t_wire_wire_test_SOURCES = t/wire/wire_test.c
t_wire_wire_test_LDADD = t/libtap.a core/wire/libwire.a core/base/libbase.a
