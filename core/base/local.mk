# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/base/libbase.a
core_base_libbase_a_SOURCES = \
	core/base/buf.c core/base/buf.h \
	core/base/clock.c core/base/clock.h \
	core/base/cron.c core/base/cron.h \
	core/base/error.c core/base/error.h \
	core/base/fault.c core/base/fault.h \
	core/base/heap.c core/base/heap.h \
	core/base/id.c core/base/id.h \
	core/base/json.c core/base/json.h \
	core/base/log.c core/base/log.h \
	core/base/map.c core/base/map.h \
	core/base/plan.c core/base/plan.h \
	core/base/pool.c core/base/pool.h \
	core/base/rng.c core/base/rng.h \
	core/base/secret.c core/base/secret.h \
	core/base/spans.c core/base/spans.h \
	core/base/status.c core/base/status.h
core_base_libbase_a_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS)
core_base_libbase_a_SOURCES += core/base/valid.c

check_LIBRARIES += t/libtap.a
t_libtap_a_SOURCES = t/tap.c t/tap.h

C_TESTS += t/base/base_test
t_base_base_test_SOURCES = t/base/base_test.c
t_base_base_test_LDADD = t/libtap.a core/base/libbase.a $(SODIUM_LIBS)

C_TESTS += t/base/plan_test
t_base_plan_test_SOURCES = t/base/plan_test.c
t_base_plan_test_LDADD = t/libtap.a core/base/libbase.a $(SODIUM_LIBS)
C_TESTS += t/base/spans_test
t_base_spans_test_SOURCES = t/base/spans_test.c
t_base_spans_test_LDADD = t/libtap.a core/base/libbase.a $(SODIUM_LIBS)
# Pins link libcrypto, but only into programs that call them.
core_base_libbase_a_SOURCES += core/base/trust.c core/base/trust.h core/base/pins.c
core_base_libbase_a_CPPFLAGS += $(CRYPTO_CFLAGS)
C_TESTS += t/base/trust_test
t_base_trust_test_SOURCES = t/base/trust_test.c
t_base_trust_test_LDADD = t/libtap.a core/base/libbase.a $(CRYPTO_LIBS) $(SODIUM_LIBS)
core_base_libbase_a_SOURCES += core/base/private.c core/base/private.h
core_base_libbase_a_SOURCES += core/base/finding.c core/base/finding.h
core_base_libbase_a_SOURCES += core/base/sanitized.h
