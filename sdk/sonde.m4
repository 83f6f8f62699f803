# SPDX-License-Identifier: Apache-2.0
# SONDE_PLUGIN([MINIMUM-VERSION], [IF-FOUND], [IF-NOT-FOUND])
#
# For a package that builds a probe plugin. Without IF-NOT-FOUND a missing Sonde is an error. Sets
#	SONDE_PLUGIN_CFLAGS   to compile a plugin (header, only sonde_plugin visible)
#	SONDE_PLUGIN_LDFLAGS  to link it as a libtool module
#	SONDE_FAKEHOST_CFLAGS, SONDE_FAKEHOST_LIBS  for its tests
#	sondeplugindir        where it is installed
AC_DEFUN([SONDE_PLUGIN], [
  AC_REQUIRE([PKG_PROG_PKG_CONFIG])
  PKG_CHECK_MODULES([SONDE], [sonde m4_ifval([$1], [>= $1]) sonde-fakehost], [
    SONDE_PLUGIN_CFLAGS="`$PKG_CONFIG --cflags sonde` -fPIC -fvisibility=hidden"
    SONDE_PLUGIN_LDFLAGS="-module -avoid-version -shared"
    SONDE_FAKEHOST_CFLAGS="`$PKG_CONFIG --cflags sonde-fakehost`"
    SONDE_FAKEHOST_LIBS="`$PKG_CONFIG --libs sonde-fakehost`"
    AC_ARG_WITH([sonde-plugindir],
      [AS_HELP_STRING([--with-sonde-plugindir=DIR], [where the plugin is installed])],
      [sondeplugindir=$withval],
      [sondeplugindir=`$PKG_CONFIG --variable=plugindir sonde`])
    $2
  ], m4_default([$3], [AC_MSG_ERROR([Sonde's plugin header is missing: install sonde-dev])]))
  AC_SUBST([SONDE_PLUGIN_CFLAGS])
  AC_SUBST([SONDE_PLUGIN_LDFLAGS])
  AC_SUBST([SONDE_FAKEHOST_CFLAGS])
  AC_SUBST([SONDE_FAKEHOST_LIBS])
  AC_SUBST([sondeplugindir])
])
