# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/config/libconfig.a
core_config_libconfig_a_SOURCES = \
	core/config/config.c core/config/config.h \
	core/config/document.c core/config/document.h \
	core/config/help.c \
	core/config/yaml.c core/config/yaml.h
core_config_libconfig_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS)

C_TESTS += t/config/config_test
t_config_config_test_SOURCES = t/config/config_test.c
t_config_config_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_config_config_test_LDADD = t/libtap.a core/config/libconfig.a core/param/libparam.a \
	core/base/libbase.a $(YAML_LIBS) $(JANSSON_LIBS)
