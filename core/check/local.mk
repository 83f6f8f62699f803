# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/check/libcheck.a
core_check_libcheck_a_SOURCES = \
	core/check/check.c core/check/check.h \
	core/check/child.c \
	core/check/contain.c \
	core/check/elf.c \
	core/check/fields.c \
	core/check/internal.h \
	core/check/page.c \
	core/check/values.c
core_check_libcheck_a_CPPFLAGS = -D_GNU_SOURCE $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
