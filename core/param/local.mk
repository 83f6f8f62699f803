# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/param/libparam.a
core_param_libparam_a_SOURCES = \
	core/param/duration.c \
	core/param/fill.c \
	core/param/json.c \
	core/param/pairs.c \
	core/param/param.h \
	core/param/parse.c \
	core/param/rows.c \
	core/param/told.c \
	core/param/value.c core/param/value.h
core_param_libparam_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
PARAM_LIBS = core/param/libparam.a core/base/libbase.a $(JANSSON_LIBS)
C_TESTS += t/param/map_test t/param/param_test t/param/text_test t/param/told_test

t_param_map_test_SOURCES = t/param/map_test.c t/param/room.h
t_param_map_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_param_map_test_LDADD = t/libtap.a $(PARAM_LIBS)

t_param_param_test_SOURCES = t/param/param_test.c t/param/room.h
t_param_param_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_param_param_test_LDADD = t/libtap.a $(PARAM_LIBS)

t_param_text_test_SOURCES = t/param/text_test.c t/param/room.h
t_param_text_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_param_text_test_LDADD = t/libtap.a $(PARAM_LIBS)

t_param_told_test_SOURCES = t/param/told_test.c t/param/room.h
t_param_told_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_param_told_test_LDADD = t/libtap.a $(PARAM_LIBS)
