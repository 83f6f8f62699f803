# SPDX-License-Identifier: Apache-2.0
# Delivery: a fleet of nodes without runners, and the checker of what they made.
check_PROGRAMS += t/delivery/fleet t/delivery/dump
t_delivery_fleet_SOURCES = t/delivery/fleet.c
t_delivery_fleet_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_delivery_fleet_LDADD = $(NODE_LIBS)
t_delivery_dump_SOURCES = t/delivery/dump.c
t_delivery_dump_LDADD = $(STORE_LIBS)
SCRIPT_TESTS += t/delivery/delivery.t t/delivery/edges.t t/delivery/partition.t t/delivery/planted.t
EXTRA_DIST += t/delivery/Delivery.pm
if FAULTS
FAULTS_ENV = SONDE_FAULTS=1
endif
SCRIPT_TESTS += t/delivery/reconnect.t
SCRIPT_TESTS += t/delivery/clock.t
SCRIPT_TESTS += t/delivery/full.t
