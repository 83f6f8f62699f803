# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += t/bench/run

# store
noinst_PROGRAMS += t/bench/store_bench
BENCHES += t/bench/store_bench
t_bench_store_bench_SOURCES = t/bench/store_bench.c
t_bench_store_bench_LDADD = $(STORE_LIBS)

# Runs a plugin without node and runner; the scripts beside it use it.
noinst_PROGRAMS += t/bench/plugrun
t_bench_plugrun_SOURCES = t/bench/plugrun.c
t_bench_plugrun_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
t_bench_plugrun_LDADD = $(FAKEHOST_LIBS)

# The API and the node link under load: generators, and the scripts that drive real programs.
noinst_PROGRAMS += t/bench/fdatasync t/bench/http_load t/bench/nodes_bench
BENCHES += t/bench/api t/bench/nodes t/bench/sweep_e2e t/bench/sweep_plugin t/bench/rtt_truth t/bench/trace
BENCHES += t/bench/bandwidth
EXTRA_DIST += t/bench/bandwidth
EXTRA_DIST += t/bench/Bench.pm t/bench/api t/bench/nodes t/bench/sweep_e2e
t_bench_fdatasync_SOURCES = t/bench/fdatasync.c t/bench/load.c t/bench/load.h
t_bench_http_load_SOURCES = t/bench/http_load.c t/bench/load.c t/bench/load.h
t_bench_http_load_LDADD = core/base/libbase.a
t_bench_nodes_bench_SOURCES = t/bench/nodes_bench.c t/bench/load.c t/bench/load.h \
	t/bench/ws.c t/bench/ws.h
t_bench_nodes_bench_LDADD = core/wire/libwire.a core/base/libbase.a $(SODIUM_LIBS)
noinst_PROGRAMS += t/bench/policy_bench
BENCHES += t/bench/policy_bench
t_bench_policy_bench_SOURCES = t/bench/policy_bench.c
t_bench_policy_bench_LDADD = $(SCRIPT_LINK)

BENCHES += t/bench/tcp
EXTRA_DIST += t/bench/tcp
EXTRA_DIST += t/bench/rtt_truth t/bench/sweep_plugin

# http beside libcurl and blackbox_exporter
noinst_PROGRAMS += t/bench/curl_floor
BENCHES += t/bench/http
EXTRA_DIST += t/bench/http
t_bench_curl_floor_SOURCES = t/bench/curl_floor.c
t_bench_curl_floor_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
t_bench_curl_floor_LDADD = core/base/libbase.a $(SODIUM_LIBS) $(CURL_LIBS)
EXTRA_DIST += t/bench/rtt_truth t/bench/sweep_plugin t/bench/trace

# Log-ins beside the pure hash, and what others feel meanwhile
noinst_PROGRAMS += t/bench/hash_bench
BENCHES += t/bench/login
EXTRA_DIST += t/bench/login
t_bench_hash_bench_SOURCES = t/bench/hash_bench.c
t_bench_hash_bench_LDADD = core/base/libbase.a $(SODIUM_LIBS)

# What others feel while websockets are flooded
noinst_PROGRAMS += t/bench/flood_bench
BENCHES += t/bench/flood
EXTRA_DIST += t/bench/flood
t_bench_flood_bench_SOURCES = t/bench/flood_bench.c t/bench/load.c t/bench/load.h t/bench/ws.c \
	t/bench/ws.h
t_bench_flood_bench_LDADD = core/base/libbase.a $(SODIUM_LIBS)
# Guesses at passwords: what others feel, and what their times tell.
BENCHES += t/bench/guesses
EXTRA_DIST += t/bench/guesses
