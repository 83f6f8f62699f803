# SPDX-License-Identifier: Apache-2.0

# Runs a plugin without node and runner; the scripts beside it use it.
noinst_PROGRAMS += t/bench/plugrun
t_bench_plugrun_SOURCES = t/bench/plugrun.c t/plug/fakehost.c t/plug/fakehost.h
t_bench_plugrun_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
t_bench_plugrun_LDADD = core/base/libbase.a $(SODIUM_LIBS) -ldl
EXTRA_DIST += t/bench/rtt_truth t/bench/sweep_plugin
