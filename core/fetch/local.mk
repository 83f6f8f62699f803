# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/fetch/libfetch.a
core_fetch_libfetch_a_SOURCES = core/fetch/fetch.c core/fetch/fetch.h core/fetch/mail.c core/fetch/mail.h
core_fetch_libfetch_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS)

C_TESTS += t/fetch/fetch_test
t_fetch_fetch_test_SOURCES = t/fetch/fetch_test.c
t_fetch_fetch_test_LDADD = t/libtap.a core/fetch/libfetch.a core/base/libbase.a $(CURL_LIBS) $(CRYPTO_LIBS)
