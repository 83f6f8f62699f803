# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/jail/libjail.a
core_jail_libjail_a_SOURCES = \
	core/jail/caps.c \
	core/jail/jail.c core/jail/jail.h \
	core/jail/landlock.c \
	core/jail/seccomp.c
core_jail_libjail_a_CPPFLAGS = -D_GNU_SOURCE $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
