# SPDX-License-Identifier: Apache-2.0
# What a plugin's author gets: pkg-config files, an m4 macro, the fake host as a library. The
# template of `sonde plugin new` is built into the client (core/cli/local.mk).
pkgconfig_DATA = sdk/sonde.pc sdk/sonde-fakehost.pc
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = sdk/sonde.m4

# The fake host with what it stands on, as one archive. Only static: a test is linked once.
sdklibdir = $(libdir)
sdklib_DATA = libsonde-fakehost.a
CLEANFILES += libsonde-fakehost.a
FAKEHOST_OBJECTS = $(core_fakehost_libfakehost_a_OBJECTS) $(core_plug_libplug_a_OBJECTS) \
	$(core_param_libparam_a_OBJECTS) $(core_base_libbase_a_OBJECTS)
libsonde-fakehost.a: $(FAKEHOST_OBJECTS)
	$(AM_V_AR)rm -f $@ && $(AR) cr $@ $(FAKEHOST_OBJECTS) && $(RANLIB) $@

SCRIPT_TESTS += t/sdk/new.t t/sdk/check.t t/sdk/abi.t t/sdk/install.t
EXTRA_DIST += t/sdk/Sdk.pm

# Plugins of other times than ours, for the ABI law. -rpath makes libtool build a shared object.
ABI_CPPFLAGS = -D_GNU_SOURCE
ABI_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(abs_builddir)
EXTRA_DIST += t/sdk/abi/first/sonde/plugin.h
check_LTLIBRARIES += t/sdk/abi/old.la
t_sdk_abi_old_la_SOURCES = t/sdk/abi/old.c
t_sdk_abi_old_la_CPPFLAGS = $(ABI_CPPFLAGS) -I$(srcdir)/t/sdk/abi/first
t_sdk_abi_old_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_old_la_LDFLAGS = $(ABI_LDFLAGS)
check_LTLIBRARIES += t/sdk/abi/newer.la
t_sdk_abi_newer_la_SOURCES = t/sdk/abi/newer.c
t_sdk_abi_newer_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DNAME='"newer"'
t_sdk_abi_newer_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_newer_la_LDFLAGS = $(ABI_LDFLAGS)
check_LTLIBRARIES += t/sdk/abi/newer_abi.la
t_sdk_abi_newer_abi_la_SOURCES = t/sdk/abi/newer.c
t_sdk_abi_newer_abi_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DNAME='"newer_abi"' -DWITH_ABI
t_sdk_abi_newer_abi_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_newer_abi_la_LDFLAGS = $(ABI_LDFLAGS)
check_LTLIBRARIES += t/sdk/abi/newer_need.la
t_sdk_abi_newer_need_la_SOURCES = t/sdk/abi/newer.c
t_sdk_abi_newer_need_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DNAME='"newer_need"' -DWITH_NEED
t_sdk_abi_newer_need_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_newer_need_la_LDFLAGS = $(ABI_LDFLAGS)
check_LTLIBRARIES += t/sdk/abi/newer_target.la
t_sdk_abi_newer_target_la_SOURCES = t/sdk/abi/newer.c
t_sdk_abi_newer_target_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DNAME='"newer_target"' -DWITH_TARGET
t_sdk_abi_newer_target_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_newer_target_la_LDFLAGS = $(ABI_LDFLAGS)
check_LTLIBRARIES += t/sdk/abi/newer_param.la
t_sdk_abi_newer_param_la_SOURCES = t/sdk/abi/newer.c
t_sdk_abi_newer_param_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DNAME='"newer_param"' -DWITH_PARAM
t_sdk_abi_newer_param_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_newer_param_la_LDFLAGS = $(ABI_LDFLAGS)
check_LTLIBRARIES += t/sdk/abi/newer_field.la
t_sdk_abi_newer_field_la_SOURCES = t/sdk/abi/newer.c
t_sdk_abi_newer_field_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -DNAME='"newer_field"' -DWITH_FIELD
t_sdk_abi_newer_field_la_CFLAGS = $(PLUGIN_CFLAGS)
t_sdk_abi_newer_field_la_LDFLAGS = $(ABI_LDFLAGS)
