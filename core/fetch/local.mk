# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/fetch/libfetch.a
core_fetch_libfetch_a_SOURCES = core/fetch/fetch.c core/fetch/fetch.h
core_fetch_libfetch_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
