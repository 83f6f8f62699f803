# SPDX-License-Identifier: Apache-2.0

ICMP_SOURCES = \
	plugins/icmp/packet.c plugins/icmp/packet.h \
	plugins/icmp/socket.c plugins/icmp/socket.h
ICMP_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include -I$(top_srcdir)/plugins

plugin_LTLIBRARIES += plugins/ping/ping.la
plugins_ping_ping_la_SOURCES = $(ICMP_SOURCES) \
	plugins/ping/ping.c plugins/ping/ping.h plugins/ping/read.c plugins/ping/result.c
plugins_ping_ping_la_CPPFLAGS = $(ICMP_CPPFLAGS)
plugins_ping_ping_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
plugins_ping_ping_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
plugins_ping_ping_la_LIBADD = -lm
EXTRA_DIST += plugins/ping/ping.md plugins/sweep/sweep.md

plugin_LTLIBRARIES += plugins/sweep/sweep.la
plugins_sweep_sweep_la_SOURCES = $(ICMP_SOURCES) \
	plugins/sweep/out.c plugins/sweep/result.c plugins/sweep/set.c \
	plugins/sweep/sweep.c plugins/sweep/sweep.h
plugins_sweep_sweep_la_CPPFLAGS = $(ICMP_CPPFLAGS)
plugins_sweep_sweep_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
plugins_sweep_sweep_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared

# A plugin is one shared object with one exported symbol and no library of ours.
PLUGIN_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
PLUGIN_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^sonde_plugin$$'
PLUGIN_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include

plugin_LTLIBRARIES += plugins/echo/echo.la
plugins_echo_echo_la_SOURCES = plugins/echo/echo.c
plugins_echo_echo_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
plugins_echo_echo_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_echo_echo_la_LDFLAGS = $(PLUGIN_LDFLAGS)

plugin_LTLIBRARIES += plugins/faulty/faulty.la
plugins_faulty_faulty_la_SOURCES = \
	plugins/faulty/escape.c \
	plugins/faulty/faulty.c plugins/faulty/faulty.h
plugins_faulty_faulty_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
plugins_faulty_faulty_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_faulty_faulty_la_LDFLAGS = $(PLUGIN_LDFLAGS)

plugin_LTLIBRARIES += plugins/tcp/tcp.la
plugins_tcp_tcp_la_SOURCES = \
	plugins/tcp/report.c \
	plugins/tcp/tcp.c plugins/tcp/tcp.h
plugins_tcp_tcp_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
plugins_tcp_tcp_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_tcp_tcp_la_LDFLAGS = $(PLUGIN_LDFLAGS)

plugin_LTLIBRARIES += plugins/bandwidth/bandwidth.la
plugins_bandwidth_bandwidth_la_SOURCES = \
	plugins/bandwidth/bandwidth.c plugins/bandwidth/bandwidth.h \
	plugins/bandwidth/line.c plugins/bandwidth/meter.c plugins/bandwidth/receive.c \
	plugins/bandwidth/report.c plugins/bandwidth/send.c plugins/bandwidth/stream.c
plugins_bandwidth_bandwidth_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
plugins_bandwidth_bandwidth_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_bandwidth_bandwidth_la_LDFLAGS = $(PLUGIN_LDFLAGS)
EXTRA_DIST += plugins/bandwidth/bandwidth.md

EXTRA_DIST += plugins/echo/echo.md plugins/faulty/faulty.md plugins/tcp/tcp.md
# A host for plugin tests, and a network namespace of their own.
check_LIBRARIES += t/plug/libfakehost.a
t_plug_libfakehost_a_SOURCES = \
	t/plug/fakehost.c t/plug/fakehost.h \
	t/plug/netns.c t/plug/netns.h
t_plug_libfakehost_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
FAKEHOST_LIBS = t/plug/libfakehost.a t/libtap.a core/base/libbase.a $(SODIUM_LIBS) -ldl

C_TESTS += t/plug/icmp_test t/plug/ping_test t/plug/sweep_test
t_plug_icmp_test_SOURCES = t/plug/icmp_test.c plugins/icmp/packet.c
t_plug_icmp_test_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_plug_icmp_test_LDADD = t/libtap.a
t_plug_ping_test_SOURCES = t/plug/ping_test.c
t_plug_ping_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_plug_ping_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS)
t_plug_sweep_test_SOURCES = t/plug/sweep_test.c plugins/sweep/set.c
t_plug_sweep_test_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS) $(JANSSON_CFLAGS)
t_plug_sweep_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS)

# The path engine, and the two plugins over it.
PATH_SOURCES = $(ICMP_SOURCES) \
	plugins/path/begin.c plugins/path/engine.c plugins/path/facts.c plugins/path/match.c \
	plugins/path/path.h plugins/path/socket.c plugins/path/wire.c plugins/path/wire.h

plugin_LTLIBRARIES += plugins/traceroute/traceroute.la plugins/mtr/mtr.la
plugins_traceroute_traceroute_la_SOURCES = $(PATH_SOURCES) plugins/traceroute/traceroute.c
plugins_traceroute_traceroute_la_CPPFLAGS = $(ICMP_CPPFLAGS)
plugins_traceroute_traceroute_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_traceroute_traceroute_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_mtr_mtr_la_SOURCES = $(PATH_SOURCES) plugins/mtr/asn.c plugins/mtr/asn.h \
	plugins/mtr/mtr.c
plugins_mtr_mtr_la_CPPFLAGS = $(ICMP_CPPFLAGS) $(MAXMINDDB_CFLAGS)
plugins_mtr_mtr_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_mtr_mtr_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_mtr_mtr_la_LIBADD = $(MAXMINDDB_LIBS) -lm
EXTRA_DIST += plugins/mtr/mtr.md plugins/traceroute/traceroute.md

PATHKIT_SOURCES = t/plug/pathkit.c t/plug/pathkit.h t/plug/pathsim.c t/plug/pathsim.h
C_TESTS += t/plug/mtr_test t/plug/traceroute_test
t_plug_mtr_test_SOURCES = t/plug/mtr_test.c $(PATHKIT_SOURCES)
t_plug_mtr_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_plug_mtr_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS) -lpthread
t_plug_traceroute_test_SOURCES = t/plug/traceroute_test.c $(PATHKIT_SOURCES)
t_plug_traceroute_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_plug_traceroute_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS) -lpthread
EXTRA_DIST += t/plug/asn_database
CLEANFILES += t/plug/mtr_test.mmdb
C_TESTS += t/plug/path_wire_test
t_plug_path_wire_test_SOURCES = t/plug/path_wire_test.c plugins/path/wire.c plugins/icmp/packet.c
t_plug_path_wire_test_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_plug_path_wire_test_LDADD = t/libtap.a
# Debian's libldns needs libcrypto; libssl is for DNS over TLS and HTTPS.
DNS_PARSERS = \
	plugins/dns/http.c plugins/dns/http.h \
	plugins/dns/message.c plugins/dns/message.h \
	plugins/dns/query.c plugins/dns/query.h \
	plugins/dns/rare.c plugins/dns/record.c plugins/dns/record.h plugins/dns/svcb.c \
	plugins/dns/text.c plugins/dns/text.h
DNS_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include -I$(top_srcdir)/plugins $(LDNS_CFLAGS) \
	$(SSL_CFLAGS)
plugin_LTLIBRARIES += plugins/dns/dns.la
plugins_dns_dns_la_SOURCES = $(DNS_PARSERS) \
	plugins/dns/ask.c plugins/dns/dns.c plugins/dns/dns.h plugins/dns/edns.c \
	plugins/dns/own.c plugins/dns/params.c \
	plugins/dns/report.c plugins/dns/rows.c plugins/dns/stream.c \
	plugins/dns/tls.c plugins/dns/tls.h plugins/dns/trace.c
plugins_dns_dns_la_CPPFLAGS = $(DNS_CPPFLAGS)
plugins_dns_dns_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_dns_dns_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_dns_dns_la_LIBADD = $(LDNS_LIBS) $(SSL_LIBS)
EXTRA_DIST += plugins/dns/dns.md

SCRIPT_TESTS += t/runner/dns.t
C_TESTS += t/plug/dns_test
t_plug_dns_test_SOURCES = t/plug/dns_test.c $(DNS_PARSERS)
t_plug_dns_test_CPPFLAGS = $(AM_CPPFLAGS) $(DNS_CPPFLAGS) $(JANSSON_CFLAGS)
t_plug_dns_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS) $(LDNS_LIBS)
BENCHES += t/bench/dns
EXTRA_DIST += t/bench/dns

C_TESTS += t/plug/bandwidth_test
t_plug_bandwidth_test_SOURCES = t/plug/bandwidth_test.c \
	plugins/bandwidth/line.c plugins/bandwidth/meter.c
t_plug_bandwidth_test_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_plug_bandwidth_test_LDADD = t/libtap.a
