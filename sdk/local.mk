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
