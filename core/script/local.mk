# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/script/libscript.a
core_script_libscript_a_SOURCES = \
	core/script/ask.c \
	core/script/binding.c core/script/binding.h \
	core/script/chain.c \
	core/script/choose.c core/script/choose.h \
	core/script/columns.c core/script/columns.h \
	core/script/decide.c \
	core/script/draw.c \
	core/script/facts.c core/script/facts.h \
	core/script/intern.c core/script/intern.h \
	core/script/lb.c \
	core/script/lib.c core/script/lib.h \
	core/script/load.c \
	core/script/names.c core/script/names.h \
	core/script/params.c core/script/params.h \
	core/script/policies.h \
	core/script/policy.c core/script/policy.h \
	core/script/program.c core/script/program.h \
	core/script/question.c \
	core/script/record.c core/script/replay.h \
	core/script/reference.c core/script/reference.h \
	core/script/rule.c \
	core/script/sandbox.c core/script/sandbox.h \
	core/script/scratch.c core/script/scratch.h \
	core/script/shadow.c \
	core/script/simulate.c \
	core/script/spread.c \
	core/script/text.c core/script/text.h \
	core/script/trial.c core/script/trial.h \
	core/script/update.c \
	core/script/verdict.c core/script/verdict.h \
	core/script/window.c core/script/window.h
core_script_libscript_a_SOURCES += core/script/history.c core/script/history.h \
	core/script/keep.c core/script/keep.h \
	core/script/lines.c core/script/lines.h \
	core/script/console.c core/script/console.h
core_script_libscript_a_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS) $(JANSSON_CFLAGS)

SCRIPT_LINK = core/script/libscript.a core/param/libparam.a core/base/libbase.a \
	$(LUA_LIBS) $(JANSSON_LIBS) $(SODIUM_LIBS) -lm

C_TESTS += t/script/choice_test t/script/policy_test t/script/sandbox_test
t_script_choice_test_SOURCES = t/script/choice_test.c t/script/room.h
t_script_choice_test_LDADD = t/libtap.a $(SCRIPT_LINK)
t_script_policy_test_SOURCES = t/script/policy_test.c
t_script_policy_test_LDADD = $(SCRIPT_LINK)
t_script_sandbox_test_SOURCES = t/script/sandbox_test.c t/script/room.h
t_script_sandbox_test_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
t_script_sandbox_test_LDADD = t/libtap.a $(SCRIPT_LINK)

C_TESTS += t/script/entries_test t/script/reference_test
t_script_entries_test_SOURCES = t/script/entries_test.c t/script/room.h
t_script_entries_test_LDADD = t/libtap.a $(SCRIPT_LINK)
t_script_reference_test_SOURCES = t/script/reference_test.c
t_script_reference_test_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
t_script_reference_test_LDADD = t/libtap.a $(SCRIPT_LINK)
C_TESTS += t/script/replay_test
t_script_replay_test_SOURCES = t/script/replay_test.c t/script/room.h
t_script_replay_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_script_replay_test_LDADD = t/libtap.a $(SCRIPT_LINK)
SCRIPT_TESTS += t/script/manual.t
C_TESTS += t/script/keep_test
t_script_keep_test_SOURCES = t/script/keep_test.c t/script/room.h
t_script_keep_test_LDADD = t/libtap.a $(SCRIPT_LINK)
C_TESTS += t/script/lines_test
t_script_lines_test_SOURCES = t/script/lines_test.c t/script/room.h
t_script_lines_test_LDADD = t/libtap.a $(SCRIPT_LINK)
C_TESTS += t/script/history_test
t_script_history_test_SOURCES = t/script/history_test.c t/script/room.h
t_script_history_test_LDADD = t/libtap.a $(SCRIPT_LINK)
C_TESTS += t/script/verdict_test
t_script_verdict_test_SOURCES = t/script/verdict_test.c t/script/room.h
t_script_verdict_test_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS) $(JANSSON_CFLAGS)
t_script_verdict_test_LDADD = t/libtap.a $(SCRIPT_LINK)
core_script_libscript_a_SOURCES += core/script/lb.h core/script/lb_sets.c core/script/lb_texts.c
core_script_libscript_a_SOURCES += core/script/trial_bench.c core/script/trial_case.c core/script/trial_private.h
