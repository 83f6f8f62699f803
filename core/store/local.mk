# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/store/libstore.a
core_store_libstore_a_SOURCES = \
	core/store/env.c \
	core/store/internal.h \
	core/store/marks.c \
	core/store/read.c \
	core/store/segment.c \
	core/store/store.c core/store/store.h \
	core/store/write.c \
	core/store/writer.c
core_store_libstore_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(LMDB_CFLAGS)

STORE_LIBS = core/store/libstore.a core/base/libbase.a $(LMDB_LIBS) $(SODIUM_LIBS) -lpthread
