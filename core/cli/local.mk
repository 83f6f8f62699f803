# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += sonde
sonde_SOURCES = core/cli/main.c core/cli/cli.h core/cli/table.c core/cli/args.c core/cli/ask.c \
	core/cli/print.c core/cli/measure.c core/cli/show.c core/cli/admin.c
sonde_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS) $(CURL_CFLAGS)
sonde_LDADD = core/fetch/libfetch.a core/base/libbase.a $(CURL_LIBS) $(JANSSON_LIBS)
