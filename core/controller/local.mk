# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/controller/libcontroller.a
core_controller_libcontroller_a_SOURCES = core/controller/machine.c \
	core/controller/needs.c core/controller/needs.h \
	core/controller/api/api.h \
	core/controller/api/enrol.c \
	core/controller/api/life.c \
	core/controller/api/explain.c \
	core/controller/api/locations.c \
	core/controller/api/measurement_list.c \
	core/controller/api/measurement_view.c \
	core/controller/api/measurements.c \
	core/controller/api/nodes.c \
	core/controller/api/answer.c \
	core/controller/api/policies.c \
	core/controller/api/problems.c \
	core/controller/api/schedules.c core/controller/api/schedule_view.c \
	core/controller/api/schedule_change.c core/controller/api/schedule_change.h \
	core/controller/api/reading.h \
	core/controller/api/request.c core/controller/api/request.h \
	core/controller/api/query.c \
	core/controller/api/results.c core/controller/api/results.h \
	core/controller/api/route.c \
	core/controller/api/series.c \
	core/controller/api/stats.c \
	core/controller/api/system.c \
	core/controller/api/timeout.c \
	core/controller/api/tokens.c \
	core/controller/api/wait.c core/controller/api/wait.h \
	core/controller/bus.c core/controller/bus.h \
	core/controller/change.c core/controller/change.h \
	core/controller/commands.c core/controller/commands.h \
	core/controller/controller.c core/controller/controller.h \
	core/controller/decisions.c core/controller/decisions.h \
	core/controller/events.c core/controller/events.h \
	core/controller/describe.c core/controller/describe.h \
	core/controller/histogram.c core/controller/histogram.h \
	core/controller/ingest.c core/controller/ingest.h \
	core/controller/ageing.c core/controller/ageing.h \
	core/controller/life.c core/controller/life.h \
	core/controller/link.c core/controller/link.h \
	core/controller/live.c core/controller/live.h \
	core/controller/magic.c core/controller/magic.h \
	core/controller/node_plugins.c core/controller/node_plugins.h \
	core/controller/sealed.c core/controller/sealed.h core/controller/schedule_secrets.c \
	core/controller/node_store.c core/controller/node_view.c \
	core/controller/nodes.c core/controller/nodes.h \
	core/controller/options.c core/controller/options.h \
	core/controller/places.c core/controller/places.h \
	core/controller/placement.c core/controller/placement.h \
	core/controller/policies.c core/controller/policies.h \
	core/controller/notify.c core/controller/notify.h \
	core/controller/notify_send.c core/controller/notify_private.h \
	core/controller/problems.c core/controller/problems.h \
	core/controller/quarantine.c core/controller/quarantine.h \
	core/controller/record.c core/controller/record.h \
	core/controller/retain.c core/controller/retain.h \
	core/controller/result_facts.c core/controller/result_facts.h \
	core/controller/rollup.c core/controller/rollup.h core/controller/rollup_private.h \
	core/controller/rollup_row.c core/controller/rollup_prune.c core/controller/rollup_read.c \
	core/controller/schedule.c core/controller/schedule.h \
	core/controller/schedule_booked.c core/controller/schedule_mesh.c core/controller/schedule_nodes.c core/controller/schedule_push.c \
	core/controller/schedule_runs.c core/controller/schedule_store.c \
	core/controller/schedules.c core/controller/schedules.h \
	core/controller/slots.c core/controller/slots.h \
	core/controller/tasks.c core/controller/tasks.h core/controller/tasks_private.h \
	core/controller/tokens.c core/controller/tokens.h \
	core/controller/types.c core/controller/types.h \
	core/controller/verdicts.c core/controller/verdicts.h
# Accounts
core_controller_libcontroller_a_SOURCES += \
	core/controller/accounts.c core/controller/accounts.h \
	core/controller/api/account.c \
	core/controller/api/account.h \
	core/controller/api/audit.c \
	core/controller/api/auth.c \
	core/controller/api/register.c \
	core/controller/api/sign.c core/controller/api/sign.h \
	core/controller/api/credits.c \
	core/controller/api/quota.c core/controller/api/quota.h \
	core/controller/api/tiers.c \
	core/controller/api/users.c \
	core/controller/audit.c core/controller/audit.h \
	core/controller/jwt.c core/controller/jwt.h \
	core/controller/keys.c core/controller/keys.h \
	core/controller/ledger.c core/controller/ledger.h \
	core/controller/limits.c core/controller/limits.h \
	core/controller/passwords.c core/controller/passwords.h \
	core/controller/puts.c core/controller/puts.h \
	core/controller/sessions.c core/controller/sessions.h \
	core/controller/tiers.c core/controller/tiers.h \
	core/controller/users.c core/controller/users.h
core_controller_libcontroller_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS) \
	$(JWT_CFLAGS)

CONTROLLER_LIBS = core/controller/libcontroller.a core/script/libscript.a core/net/libnet.a core/fetch/libfetch.a \
	core/store/libstore.a core/guard/libguard.a core/config/libconfig.a core/wire/libwire.a \
	core/param/libparam.a core/base/libbase.a \
	$(LUA_LIBS) $(CURL_LIBS) $(LWS_LIBS) $(UV_LIBS) $(LMDB_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(SODIUM_LIBS) \
	$(JWT_LIBS) $(CRYPTO_LIBS) -lpthread -lm

sbin_PROGRAMS += sonde-controller
sonde_controller_SOURCES = core/controller/main.c
sonde_controller_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
sonde_controller_LDADD = $(CONTROLLER_LIBS)

C_TESTS += t/controller/facts_test
t_controller_facts_test_SOURCES = t/controller/facts_test.c
t_controller_facts_test_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_facts_test_LDADD = t/libtap.a core/controller/libcontroller.a core/base/libbase.a \
	$(SODIUM_LIBS) -lm
C_TESTS += t/controller/life_test
t_controller_life_test_SOURCES = t/controller/life_test.c
t_controller_life_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_life_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
core_controller_libcontroller_a_SOURCES += core/controller/past.c core/controller/past.h

C_TESTS += t/controller/jwt_test
t_controller_jwt_test_SOURCES = t/controller/jwt_test.c
t_controller_jwt_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS) $(JWT_CFLAGS)
t_controller_jwt_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
C_TESTS += t/controller/limits_test
t_controller_limits_test_SOURCES = t/controller/limits_test.c
t_controller_limits_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_limits_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
C_TESTS += t/controller/passwords_test
t_controller_passwords_test_SOURCES = t/controller/passwords_test.c
t_controller_passwords_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_passwords_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
# The OpenAPI document goes into the program as its lines.
core_controller_libcontroller_a_SOURCES += core/controller/api/spec.c core/controller/api/spec.h
EXTRA_DIST += core/controller/api/spec.yaml
CLEANFILES += core/controller/api/spec_lines.c
nodist_core_controller_libcontroller_a_SOURCES = core/controller/api/spec_lines.c
core/controller/api/spec_lines.c: core/controller/api/spec.yaml
	$(AM_V_GEN)$(MKDIR_P) core/controller/api && { \
	echo '#include "controller/api/spec.h"'; \
	echo 'const char *const api_spec_lines[] = {'; \
	sed -e 's/[\\"]/\\&/g' -e 's/PACKAGE_VERSION/$(PACKAGE_VERSION)/' -e 's/.*/"&\\n",/' \
		$(srcdir)/core/controller/api/spec.yaml; \
	echo '0 };'; } >$@.tmp && mv $@.tmp $@
core_controller_libcontroller_a_SOURCES += core/controller/regions.c core/controller/regions.h
core_controller_libcontroller_a_SOURCES += core/controller/api/backup.c core/controller/archive.c \
	core/controller/archive.h
core_controller_libcontroller_a_SOURCES += core/controller/doctor.c core/controller/doctor.h
# The passwords that are tried first go into the program as a sorted table.
core_controller_libcontroller_a_SOURCES += core/controller/common_passwords.h
EXTRA_DIST += core/controller/common_passwords.txt
CLEANFILES += core/controller/common_passwords.c
nodist_core_controller_libcontroller_a_SOURCES += core/controller/common_passwords.c
core/controller/common_passwords.c: core/controller/common_passwords.txt
	$(AM_V_GEN)$(MKDIR_P) core/controller && { \
	echo '#include "controller/common_passwords.h"'; \
	echo 'const char *const common_passwords[] = {'; \
	sed -e '/^# /d' -e 's/[\\"]/\\&/g' -e 's/.*/"&",/' \
		$(srcdir)/core/controller/common_passwords.txt; \
	echo '};'; \
	echo 'const size_t common_password_count ='; \
	echo '	sizeof(common_passwords) / sizeof(common_passwords[0]);'; } >$@.tmp && mv $@.tmp $@
core_controller_libcontroller_a_SOURCES += core/controller/own_files.c core/controller/own_files.h
core_controller_libcontroller_a_SOURCES += core/controller/result_body.c core/controller/result_body.h
core_controller_libcontroller_a_SOURCES += core/controller/candidates.c core/controller/candidates.h \
	core/controller/placement_trace.c core/controller/placement_private.h
core_controller_libcontroller_a_SOURCES += core/controller/live_feed.c core/controller/live_private.h \
	core/controller/live_topics.c
core_controller_libcontroller_a_SOURCES += core/controller/first_token.c core/controller/first_token.h \
	core/controller/resume.c core/controller/resume.h
core_controller_libcontroller_a_SOURCES += core/controller/policies_private.h \
	core/controller/policy_files.c core/controller/policy_versions.c \
	core/controller/api/policy.h core/controller/api/policy_simulate.c
C_TESTS += t/controller/needs_test
t_controller_needs_test_SOURCES = t/controller/needs_test.c
t_controller_needs_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_controller_needs_test_LDADD = t/libtap.a $(CONTROLLER_LIBS)
core_controller_libcontroller_a_SOURCES += core/controller/api/metrics.c
core_controller_libcontroller_a_SOURCES += core/controller/members.c core/controller/members.h
core_controller_libcontroller_a_SOURCES += core/controller/api/request_rules.c
core_controller_libcontroller_a_SOURCES += core/controller/node_look.c
core_controller_libcontroller_a_SOURCES += core/controller/api/making.c core/controller/api/making.h
core_controller_libcontroller_a_SOURCES += core/controller/problems_json.c core/controller/problems_private.h
