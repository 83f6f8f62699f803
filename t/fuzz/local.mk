# SPDX-License-Identifier: Apache-2.0

# ICMP
if FUZZERS
noinst_PROGRAMS += t/fuzz/icmp_fuzz
t_fuzz_icmp_fuzz_SOURCES = t/fuzz/icmp_fuzz.c plugins/icmp/packet.c
t_fuzz_icmp_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_fuzz_icmp_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += \
	t/fuzz/seeds/icmp/exceeded6 t/fuzz/seeds/icmp/queued4 t/fuzz/seeds/icmp/queued6 \
	t/fuzz/seeds/icmp/reply4 t/fuzz/seeds/icmp/reply4_raw t/fuzz/seeds/icmp/reply6 \
	t/fuzz/seeds/icmp/toobig6_fragment t/fuzz/seeds/icmp/unreachable4_raw
