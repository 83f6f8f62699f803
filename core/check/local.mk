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

if FUZZERS
noinst_PROGRAMS += t/fuzz/elf_fuzz
t_fuzz_elf_fuzz_SOURCES = t/fuzz/elf_fuzz.c core/check/elf.c
t_fuzz_elf_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_fuzz_elf_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/elf/small
