# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/cli/libcli.a
core_cli_libcli_a_SOURCES = \
	core/cli/admin.c core/cli/args.c core/cli/ask.c core/cli/cli.h core/cli/commands.c core/cli/event.c \
	core/cli/explain.c core/cli/help.c core/cli/measure.c core/cli/policy.c core/cli/print.c \
	core/cli/reload.c core/cli/rows.c core/cli/settings.c core/cli/show.c
core_cli_libcli_a_SOURCES += core/cli/apply.c core/cli/schedule.c
core_cli_libcli_a_SOURCES += core/cli/contexts.c core/cli/users.c
core_cli_libcli_a_SOURCES += core/cli/url.c
core_cli_libcli_a_SOURCES += core/cli/results.c
core_cli_libcli_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS) $(UV_CFLAGS)

# `sonde plugin new` brings its files along: each becomes a string.
core_cli_libcli_a_SOURCES += core/cli/plugin_sdk.c core/cli/template.h
TEMPLATE = sdk/template/plugin.c sdk/template/plugin_test.c sdk/template/plugin.md \
	sdk/template/makefile
EXTRA_DIST += $(TEMPLATE)
CLEANFILES += core/cli/template.c
nodist_core_cli_libcli_a_SOURCES = core/cli/template.c
core/cli/template.c: $(TEMPLATE)
	$(AM_V_GEN)$(MKDIR_P) core/cli && { \
	echo '#include "cli/template.h"'; \
	echo 'const struct cli_template cli_templates[] = {'; \
	for file in $(TEMPLATE); do \
		echo "$$file" | sed -e 's,.*/,,' -e 's/^plugin/@name@/' -e 's/^makefile/Makefile/' \
			-e 's/.*/{ "&",/'; \
		sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $(srcdir)/$$file; echo '},'; \
	done; \
	echo '{ 0, 0 } };'; } >$@.tmp && mv $@.tmp $@

bin_PROGRAMS += sonde
sonde_SOURCES = core/cli/main.c
sonde_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
sonde_LDADD = core/cli/libcli.a core/fetch/libfetch.a core/config/libconfig.a core/net/libnet.a \
	core/param/libparam.a core/base/libbase.a $(CURL_LIBS) $(YAML_LIBS) $(LWS_LIBS) \
	$(JANSSON_LIBS) $(UV_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) -lm

SCRIPT_TESTS += t/cli/cli.t t/cli/login.t t/cli/schedule.t
core_cli_libcli_a_SOURCES += core/cli/life.c

core_cli_libcli_a_SOURCES += core/cli/backup.c
core_cli_libcli_a_CPPFLAGS += -DSONDE_SBINDIR='"$(sbindir)"'
core_cli_libcli_a_SOURCES += core/cli/completion.c core/cli/doctor.c
SCRIPT_TESTS += t/cli/completion.t
SCRIPT_TESTS += t/cli/doctor.t

core_cli_libcli_a_SOURCES += core/cli/top.c core/cli/top.h core/cli/top_draw.c core/cli/top_grid.c \
	core/cli/top_model.c core/cli/top_plain.c core/cli/top_terminal.c
SCRIPT_TESTS += t/cli/top.t
core_cli_libcli_a_SOURCES += core/cli/wait.c
SCRIPT_TESTS += t/cli/manual.t
SCRIPT_TESTS += t/cli/listings.t

C_TESTS += t/cli/top_test
t_cli_top_test_SOURCES = t/cli/top_test.c
t_cli_top_test_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_cli_top_test_LDADD = t/libtap.a $(sonde_LDADD)
core_cli_libcli_a_SOURCES += core/cli/top_contact.c core/cli/top_loop.h
core_cli_libcli_a_SOURCES += core/cli/top_keys.c
SCRIPT_TESTS += t/cli/console.t
core_cli_libcli_a_SOURCES += core/cli/policy.h core/cli/policy_author.c
