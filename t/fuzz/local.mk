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

EXTRA_DIST += \
	t/fuzz/seeds/policy/capability t/fuzz/seeds/policy/hash t/fuzz/seeds/policy/hybrid \
	t/fuzz/seeds/policy/least_load t/fuzz/seeds/policy/pairs t/fuzz/seeds/policy/regional \
	t/fuzz/seeds/policy/round_robin t/fuzz/seeds/policy/scan t/fuzz/seeds/policy/spread
if FUZZERS
noinst_PROGRAMS += t/fuzz/policy_fuzz
t_fuzz_policy_fuzz_SOURCES = t/fuzz/policy_fuzz.c
t_fuzz_policy_fuzz_LDADD = $(SCRIPT_LINK)
t_fuzz_policy_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
