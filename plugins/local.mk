# SPDX-License-Identifier: Apache-2.0

ICMP_SOURCES = \
	plugins/icmp/packet.c plugins/icmp/packet.h \
	plugins/icmp/socket.c plugins/icmp/socket.h
ICMP_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include -I$(top_srcdir)/plugins

plugin_LTLIBRARIES += plugins/ping/ping.la
plugins_ping_ping_la_SOURCES = $(ICMP_SOURCES) \
	plugins/ping/ping.c plugins/ping/ping.h plugins/ping/result.c
plugins_ping_ping_la_CPPFLAGS = $(ICMP_CPPFLAGS)
plugins_ping_ping_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
plugins_ping_ping_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
plugins_ping_ping_la_LIBADD = -lm

plugin_LTLIBRARIES += plugins/sweep/sweep.la
plugins_sweep_sweep_la_SOURCES = $(ICMP_SOURCES) \
	plugins/sweep/out.c plugins/sweep/result.c plugins/sweep/set.c \
	plugins/sweep/sweep.c plugins/sweep/sweep.h
plugins_sweep_sweep_la_CPPFLAGS = $(ICMP_CPPFLAGS)
plugins_sweep_sweep_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
plugins_sweep_sweep_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
