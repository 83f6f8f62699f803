# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/net/libnet.a
core_net_libnet_a_SOURCES = \
	core/net/frame.h core/net/net.h core/net/private.h \
	core/net/admit.c \
	core/net/cert.c \
	core/net/dial.c \
	core/net/frame.c \
	core/net/gzip.c \
	core/net/head.c \
	core/net/http.c \
	core/net/listen.c \
	core/net/net.c \
	core/net/patience.c \
	core/net/raw.c \
	core/net/reader.c \
	core/net/reply.c \
	core/net/static.c \
	core/net/stream.c \
	core/net/trust.c \
	core/net/unread.c \
	core/net/upgrade.c \
	core/net/ws.c
core_net_libnet_a_CPPFLAGS = $(AM_CPPFLAGS) $(LWS_CFLAGS) $(UV_CFLAGS) $(ZLIB_CFLAGS) $(SSL_CFLAGS)

noinst_PROGRAMS += t/net/http_bench
BENCHES += t/net/http_bench
t_net_http_bench_SOURCES = t/net/http_bench.c
t_net_http_bench_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
t_net_http_bench_LDADD = core/net/libnet.a core/base/libbase.a $(LWS_LIBS) $(UV_LIBS) \
	$(SODIUM_LIBS) $(CRYPTO_LIBS)

check_LIBRARIES += t/net/libworld.a
t_net_libworld_a_SOURCES = t/net/world.c t/net/world.h
t_net_libworld_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)

C_TESTS += t/net/http_test
t_net_http_test_SOURCES = t/net/http_test.c t/net/http_server.c t/net/http_server.h
t_net_http_test_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
t_net_http_test_LDADD = t/net/libworld.a t/libtap.a core/net/libnet.a core/base/libbase.a \
	$(LWS_LIBS) $(UV_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS)

C_TESTS += t/net/pipeline_test
t_net_pipeline_test_SOURCES = t/net/pipeline_test.c t/net/malformed.c t/net/malformed.h \
	t/net/http_server.c t/net/http_server.h
t_net_pipeline_test_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
t_net_pipeline_test_LDADD = $(t_net_http_test_LDADD)

C_TESTS += t/net/ws_test
t_net_ws_test_SOURCES = t/net/ws_test.c
t_net_ws_test_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
t_net_ws_test_LDADD = t/net/libworld.a t/libtap.a core/net/libnet.a core/base/libbase.a \
	$(LWS_LIBS) $(UV_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS)

C_TESTS += t/net/frames_test
t_net_frames_test_SOURCES = t/net/frames_test.c t/net/frames_cases.c t/net/frames_cases.h
t_net_frames_test_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
t_net_frames_test_LDADD = t/net/libworld.a t/libtap.a core/net/libnet.a core/base/libbase.a \
	$(LWS_LIBS) $(UV_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS)
