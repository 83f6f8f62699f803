# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/plug/libplug.a
core_plug_libplug_a_SOURCES = \
	core/plug/describe.c \
	core/plug/open.c \
	core/plug/plugset.c core/plug/plugset.h
core_plug_libplug_a_CPPFLAGS = -D_GNU_SOURCE $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
core_plug_libplug_a_SOURCES += \
	core/plug/result.c core/plug/result.h \
	core/plug/socket.c core/plug/socket.h

SCRIPT_TESTS += t/plug/load.t
