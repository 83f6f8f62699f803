# SPDX-License-Identifier: Apache-2.0
pkglibexec_PROGRAMS += sonde-policy
sonde_policy_SOURCES = \
	core/author/author.h \
	core/author/check.c \
	core/author/files.c \
	core/author/lint.c \
	core/author/main.c \
	core/author/new.c \
	core/author/simulate.c
sonde_policy_SOURCES += core/author/console.c
sonde_policy_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
sonde_policy_LDADD = $(SCRIPT_LINK)
sonde_policy_SOURCES += core/author/prompt.c core/author/prompt.h
if EDIT
sonde_policy_CPPFLAGS += -DSONDE_LIBEDIT $(EDIT_CFLAGS)
sonde_policy_LDADD += $(EDIT_LIBS)
endif
