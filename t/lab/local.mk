# SPDX-License-Identifier: Apache-2.0
# The lab: a small internet of network namespaces on one machine.
check_PROGRAMS += t/lab/delayline
t_lab_delayline_SOURCES = t/lab/delayline.c
t_lab_delayline_LDADD = core/base/libbase.a

SCRIPT_TESTS += t/lab/lab.t t/lab/measure.t t/lab/connect.t t/lab/path.t
SCRIPT_TESTS += t/lab/http.t
EXTRA_DIST += t/lab/lab t/lab/hostile
EXTRA_DIST += t/lab/lab
SCRIPT_TESTS += t/lab/dns.t
EXTRA_DIST += t/lab/signed.test.zone t/lab/lab
SCRIPT_TESTS += t/lab/bandwidth.t
SCRIPT_TESTS += t/lab/deepen.t
EXTRA_DIST += t/lib/Lab.pm
