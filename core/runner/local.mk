# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/runner/librunner.a
core_runner_librunner_a_SOURCES = \
	core/runner/channel.c core/runner/given.c \
	core/runner/host.c \
	core/runner/options.c core/runner/options.h \
	core/runner/poller.c core/runner/poller.h \
	core/runner/probe.c core/runner/probe.h \
	core/runner/rehearse.c core/runner/rehearse.h \
	core/runner/resolve.c core/runner/resolve.h \
	core/runner/runner.c core/runner/runner.h
core_runner_librunner_a_SOURCES += core/runner/names.c core/runner/names.h
core_runner_librunner_a_SOURCES += core/runner/moved.c core/runner/pace.c core/runner/pace.h
core_runner_librunner_a_CPPFLAGS = -D_GNU_SOURCE $(AM_CPPFLAGS) $(UV_CFLAGS) $(CARES_CFLAGS) $(JANSSON_CFLAGS)

RUNNER_LIBS = core/runner/librunner.a core/check/libcheck.a core/fakehost/libfakehost.a \
	core/plug/libplug.a core/jail/libjail.a \
	core/guard/libguard.a core/wire/libwire.a core/param/libparam.a core/base/libbase.a \
	$(UV_LIBS) $(CARES_LIBS) $(JANSSON_LIBS) $(SECCOMP_LIBS) -ldl

pkglibexec_PROGRAMS += sonde-runner
sonde_runner_SOURCES = core/runner/main.c
sonde_runner_CPPFLAGS = $(core_runner_librunner_a_CPPFLAGS)
sonde_runner_LDADD = $(RUNNER_LIBS)

SCRIPT_TESTS += t/runner/contain.t t/runner/guard.t t/runner/runner.t t/runner/tcp.t
SCRIPT_TESTS += t/runner/names.t
EXTRA_DIST += t/runner/RunnerDriver.pm

C_TESTS += t/runner/result_test
t_runner_result_test_SOURCES = t/runner/result_test.c
t_runner_result_test_LDADD = t/libtap.a core/runner/librunner.a core/plug/libplug.a \
	core/base/libbase.a
