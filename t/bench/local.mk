# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += t/bench/run

# store
noinst_PROGRAMS += t/bench/store_bench
BENCHES += t/bench/store_bench
t_bench_store_bench_SOURCES = t/bench/store_bench.c
t_bench_store_bench_LDADD = $(STORE_LIBS)
