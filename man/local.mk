# SPDX-License-Identifier: Apache-2.0
# Manual pages. Their lists of options and functions are asked of the programs that were just built, of
# the header and of the policies' meta file (man/make).
MANUALS = man/sonde.1 man/sonde-controller.8 man/sonde-node.8 man/sonde-policy.7 man/sonde-plugin.3
EXTRA_DIST += man/make man/sonde.pod man/sonde-controller.pod man/sonde-node.pod man/sonde-policy.pod \
	man/sonde-plugin.pod
CLEANFILES += $(MANUALS)
if MANUALS
man_MANS = $(MANUALS)
endif
MAKE_MANUAL = $(AM_V_GEN)$(MKDIR_P) man && page=$@ && $(PERL) $(srcdir)/man/make \
	$(srcdir)/$${page%.*}.pod $${page\#\#*.} $(PACKAGE_VERSION) $(srcdir) . >$@.tmp && mv $@.tmp $@
man/sonde.1: $(srcdir)/man/sonde.pod $(srcdir)/man/make sonde$(EXEEXT)
	$(MAKE_MANUAL)
man/sonde-controller.8: $(srcdir)/man/sonde-controller.pod $(srcdir)/man/make sonde-controller$(EXEEXT)
	$(MAKE_MANUAL)
man/sonde-node.8: $(srcdir)/man/sonde-node.pod $(srcdir)/man/make sonde-node$(EXEEXT)
	$(MAKE_MANUAL)
man/sonde-policy.7: $(srcdir)/man/sonde-policy.pod $(srcdir)/man/make $(srcdir)/lua/sonde.meta.lua
	$(MAKE_MANUAL)
man/sonde-plugin.3: $(srcdir)/man/sonde-plugin.pod $(srcdir)/man/make $(srcdir)/core/include/sonde/plugin.h
	$(MAKE_MANUAL)
SCRIPT_TESTS += t/packaging/manuals.t
