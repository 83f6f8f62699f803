# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/cli/libcli.a
core_cli_libcli_a_SOURCES = \
	core/cli/admin.c core/cli/args.c core/cli/ask.c core/cli/cli.h core/cli/commands.c \
	core/cli/help.c core/cli/life.c core/cli/measure.c core/cli/print.c core/cli/rows.c core/cli/settings.c \
	core/cli/show.c
core_cli_libcli_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)

bin_PROGRAMS += sonde
sonde_SOURCES = core/cli/main.c
sonde_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
sonde_LDADD = core/cli/libcli.a core/fetch/libfetch.a core/base/libbase.a $(CURL_LIBS) \
	$(JANSSON_LIBS)

SCRIPT_TESTS += t/cli/cli.t
