# SPDX-License-Identifier: Apache-2.0
sondeincludedir = $(includedir)/sonde
sondeinclude_HEADERS = core/include/sonde/fakehost.h core/include/sonde/plugin.h
