# SPDX-License-Identifier: Apache-2.0

if FUZZERS
noinst_PROGRAMS += t/fuzz/wire_fuzz
t_fuzz_wire_fuzz_SOURCES = t/fuzz/wire_fuzz.c
t_fuzz_wire_fuzz_LDADD = core/wire/libwire.a core/base/libbase.a
t_fuzz_wire_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif

if FUZZERS
noinst_PROGRAMS += t/fuzz/spool_fuzz
t_fuzz_spool_fuzz_SOURCES = t/fuzz/spool_fuzz.c
t_fuzz_spool_fuzz_LDADD = core/node/libnode.a core/base/libbase.a
t_fuzz_spool_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/spool/damaged t/fuzz/seeds/spool/journal t/fuzz/seeds/spool/payload \
	t/fuzz/seeds/spool/results
