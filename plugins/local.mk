# SPDX-License-Identifier: Apache-2.0

CONTROL_SOURCES = plugins/icmp/control.c plugins/icmp/control.h
ICMP_SOURCES = $(CONTROL_SOURCES) \
	plugins/icmp/packet.c plugins/icmp/packet.h \
	plugins/icmp/socket.c plugins/icmp/socket.h
ICMP_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include -I$(top_srcdir)/plugins

# A plugin is one shared object with one exported symbol and no library of ours.
PLUGIN_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
PLUGIN_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^sonde_plugin$$'
PLUGIN_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include

# What the plugins that connect share.
CONNECT_CPPFLAGS = $(PLUGIN_CPPFLAGS) -I$(top_srcdir)/plugins $(PCRE2_CFLAGS)
CONNECT_SOURCES = \
	plugins/connect/address.c plugins/connect/address.h \
	plugins/connect/errno.c plugins/connect/errno.h \
	plugins/connect/out.c plugins/connect/out.h \
	plugins/connect/say.c plugins/connect/say.h
DATAGRAM_SOURCES = $(CONNECT_SOURCES) $(CONTROL_SOURCES) \
	plugins/connect/datagram.c plugins/connect/datagram.h \
	plugins/connect/rounds.c plugins/connect/rounds.h
STREAM_SOURCES = $(CONNECT_SOURCES) \
	plugins/connect/series.c plugins/connect/series.h \
	plugins/connect/stream.c plugins/connect/stream.h
PATTERN_SOURCES = \
	plugins/connect/bytes.c plugins/connect/bytes.h \
	plugins/connect/pattern.c plugins/connect/pattern.h

plugin_LTLIBRARIES += plugins/ping/ping.la
plugins_ping_ping_la_SOURCES = $(ICMP_SOURCES) \
	plugins/connect/address.c plugins/connect/address.h \
	plugins/connect/errno.c plugins/connect/errno.h \
	plugins/connect/say.c plugins/connect/say.h \
	plugins/connect/series.c plugins/connect/series.h \
	plugins/connect/stream.c plugins/connect/stream.h \
	plugins/ping/ping.c plugins/ping/ping.h plugins/ping/read.c plugins/ping/result.c \
	plugins/ping/tcp.c
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

plugin_LTLIBRARIES += plugins/echo/echo.la
plugins_echo_echo_la_SOURCES = plugins/echo/echo.c
plugins_echo_echo_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
plugins_echo_echo_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_echo_echo_la_LDFLAGS = $(PLUGIN_LDFLAGS)

# For tests only: built beside the others, never installed.
noinst_LTLIBRARIES += plugins/faulty/faulty.la
plugins_faulty_faulty_la_SOURCES = \
	plugins/faulty/escape.c \
	plugins/faulty/faulty.c plugins/faulty/faulty.h
plugins_faulty_faulty_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
plugins_faulty_faulty_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_faulty_faulty_la_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(plugindir)

plugin_LTLIBRARIES += plugins/udp/udp.la
plugins_udp_udp_la_SOURCES = $(DATAGRAM_SOURCES) $(PATTERN_SOURCES) plugins/udp/udp.c
plugins_udp_udp_la_CPPFLAGS = $(CONNECT_CPPFLAGS)
plugins_udp_udp_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_udp_udp_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_udp_udp_la_LIBADD = $(PCRE2_LIBS) -lm

plugin_LTLIBRARIES += plugins/ntp/ntp.la
plugins_ntp_ntp_la_SOURCES = $(DATAGRAM_SOURCES) \
	plugins/ntp/ntp.c plugins/ntp/ntp.h plugins/ntp/packet.c plugins/ntp/packet.h \
	plugins/ntp/result.c
plugins_ntp_ntp_la_CPPFLAGS = $(CONNECT_CPPFLAGS)
plugins_ntp_ntp_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_ntp_ntp_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_ntp_ntp_la_LIBADD = -lm

EXTRA_DIST += plugins/ntp/ntp.md plugins/udp/udp.md

plugin_LTLIBRARIES += plugins/tcp/tcp.la
plugins_tcp_tcp_la_SOURCES = $(STREAM_SOURCES) $(PATTERN_SOURCES) \
	plugins/tcp/dialogue.c plugins/tcp/dialogue.h \
	plugins/tcp/report.c plugins/tcp/talk.c \
	plugins/tcp/tcp.c plugins/tcp/tcp.h \
	plugins/tcp/tls.c plugins/tcp/tls.h
plugins_tcp_tcp_la_CPPFLAGS = $(CONNECT_CPPFLAGS) $(SSL_CFLAGS)
plugins_tcp_tcp_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_tcp_tcp_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_tcp_tcp_la_LIBADD = $(PCRE2_LIBS) $(SSL_LIBS) -lm

plugin_LTLIBRARIES += plugins/bandwidth/bandwidth.la
plugins_bandwidth_bandwidth_la_SOURCES = plugins/connect/say.c plugins/connect/say.h \
	plugins/bandwidth/bandwidth.c plugins/bandwidth/bandwidth.h \
	plugins/bandwidth/line.c plugins/bandwidth/receive.c plugins/bandwidth/report.c \
	plugins/bandwidth/send.c plugins/bandwidth/stream.c \
	plugins/rate/meter.c plugins/rate/meter.h
plugins_bandwidth_bandwidth_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -I$(top_srcdir)/plugins
plugins_bandwidth_bandwidth_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_bandwidth_bandwidth_la_LDFLAGS = $(PLUGIN_LDFLAGS)
EXTRA_DIST += plugins/bandwidth/bandwidth.md

EXTRA_DIST += plugins/echo/echo.md plugins/faulty/faulty.md plugins/tcp/tcp.md
# A host for plugin tests, and a network namespace of their own.
check_LIBRARIES += t/plug/libfakehost.a
t_plug_libfakehost_a_SOURCES = \
	t/plug/fakehost.h \
	t/plug/netns.c t/plug/netns.h
t_plug_libfakehost_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
FAKEHOST_LIBS = t/plug/libfakehost.a t/libtap.a core/fakehost/libfakehost.a \
	core/plug/libplug.a core/param/libparam.a core/base/libbase.a $(JANSSON_LIBS) \
	$(SODIUM_LIBS) -ldl

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

C_TESTS += t/plug/connect_test
t_plug_connect_test_SOURCES = t/plug/connect_test.c plugins/connect/address.c plugins/connect/errno.c \
	plugins/connect/bytes.c plugins/connect/pattern.c plugins/ntp/packet.c plugins/tcp/dialogue.c
t_plug_connect_test_CPPFLAGS = $(AM_CPPFLAGS) $(CONNECT_CPPFLAGS)
t_plug_connect_test_LDADD = t/libtap.a $(PCRE2_LIBS)

SCRIPT_TESTS += t/runner/connect.t
EXTRA_DIST += t/lib/Peers.pm

C_TESTS += t/plug/peers_test
t_plug_peers_test_SOURCES = t/plug/peers_test.c
t_plug_peers_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_plug_peers_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS)
# What is said of certificates, shared by http and tls.
CERT_SOURCES = \
	plugins/cert/facts.c plugins/cert/facts.h \
	plugins/cert/show.c plugins/cert/show.h \
	plugins/cert/staple.c plugins/cert/staple.h \
	plugins/cert/trust.c plugins/cert/trust.h
CERT_CPPFLAGS = $(PLUGIN_CPPFLAGS) -I$(top_srcdir)/plugins $(SSL_CFLAGS)

HTTP_PURE_SOURCES = \
	plugins/http/expect.c plugins/http/expect.h \
	plugins/http/json.c plugins/http/json.h \
	plugins/http/match.c plugins/http/match.h \
	plugins/http/reply.c plugins/http/reply.h
HTTP_CPPFLAGS = $(CERT_CPPFLAGS) $(CURL_CFLAGS) $(PCRE2_CFLAGS)
plugin_LTLIBRARIES += plugins/http/http.la
plugins_http_http_la_SOURCES = $(CERT_SOURCES) $(HTTP_PURE_SOURCES) \
	plugins/connect/errno.c plugins/connect/errno.h \
	plugins/http/failure.c \
	plugins/http/http.c plugins/http/http.h \
	plugins/http/move.c \
	plugins/http/place.c \
	plugins/http/report.c \
	plugins/rate/meter.c plugins/rate/meter.h
plugins_http_http_la_CPPFLAGS = $(HTTP_CPPFLAGS)
plugins_http_http_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_http_http_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_http_http_la_LIBADD = $(CURL_LIBS) $(PCRE2_LIBS) $(SSL_LIBS)

plugin_LTLIBRARIES += plugins/tls/tls.la
plugins_tls_tls_la_SOURCES = $(CERT_SOURCES) \
	plugins/connect/errno.c plugins/connect/errno.h \
	plugins/tls/offer.c \
	plugins/tls/report.c \
	plugins/tls/tls.c plugins/tls/tls.h \
	plugins/tls/try.c
plugins_tls_tls_la_CPPFLAGS = $(CERT_CPPFLAGS)
plugins_tls_tls_la_CFLAGS = $(PLUGIN_CFLAGS)
plugins_tls_tls_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_tls_tls_la_LIBADD = $(SSL_LIBS)

C_TESTS += t/plug/cert_test t/plug/http_test t/plug/tls_test
t_plug_cert_test_SOURCES = t/plug/cert_test.c $(CERT_SOURCES)
t_plug_cert_test_CPPFLAGS = $(AM_CPPFLAGS) $(CERT_CPPFLAGS)
t_plug_cert_test_LDADD = t/libtap.a $(SSL_LIBS)
t_plug_http_test_SOURCES = t/plug/http_test.c $(HTTP_PURE_SOURCES)
t_plug_http_test_CPPFLAGS = $(AM_CPPFLAGS) $(HTTP_CPPFLAGS) $(JANSSON_CFLAGS)
t_plug_http_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS) $(PCRE2_LIBS)
EXTRA_DIST += plugins/http/http.md plugins/tls/tls.md
t_plug_tls_test_SOURCES = t/plug/tls_test.c
t_plug_tls_test_CPPFLAGS = $(AM_CPPFLAGS) $(SSL_CFLAGS) $(JANSSON_CFLAGS)
t_plug_tls_test_LDADD = $(FAKEHOST_LIBS) $(JANSSON_LIBS) $(SSL_LIBS)
# The path engine, and the two plugins over it.
PATH_SOURCES = $(ICMP_SOURCES) plugins/connect/say.c plugins/connect/say.h \
	plugins/path/begin.c plugins/path/engine.c plugins/path/facts.c plugins/path/match.c \
	plugins/path/path.h plugins/path/socket.c plugins/path/wire.c plugins/path/wire.h

PATH_SOURCES += plugins/path/args.c plugins/path/args.h plugins/path/names.c

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
	plugins/connect/errno.c plugins/connect/errno.h \
	plugins/dns/ask.c plugins/dns/dns.c plugins/dns/dns.h plugins/dns/edns.c \
	plugins/dns/own.c plugins/dns/params.c \
	plugins/dns/report.c plugins/dns/rows.c plugins/dns/stream.c \
	plugins/dns/tls.c plugins/dns/tls.h plugins/dns/trace.c \
	plugins/cert/trust.c plugins/cert/trust.h
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
	plugins/bandwidth/line.c plugins/rate/meter.c
t_plug_bandwidth_test_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_plug_bandwidth_test_LDADD = t/libtap.a
plugins_dns_dns_la_SOURCES += plugins/connect/address.c plugins/connect/address.h \
	plugins/connect/say.c plugins/connect/say.h
