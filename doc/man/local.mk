# SPDX-License-Identifier: Apache-2.0
# Manual pages. Their lists of options and functions are asked of the programs that were just built, of
# the header and of the policies' meta file (doc/man/make).
MANUALS = doc/man/sonde.1 doc/man/sonde-controller.8 doc/man/sonde-node.8 doc/man/sonde-policy.7 doc/man/sonde-plugin.3
EXTRA_DIST += doc/man/make doc/man/sonde.pod doc/man/sonde-controller.pod doc/man/sonde-node.pod doc/man/sonde-policy.pod \
	doc/man/sonde-plugin.pod
CLEANFILES += $(MANUALS)
if MANUALS
man_MANS = $(MANUALS)
endif
MAKE_MANUAL = $(AM_V_GEN)$(MKDIR_P) doc/man && page=$@ && $(PERL) $(srcdir)/doc/man/make \
	$(srcdir)/$${page%.*}.pod $${page\#\#*.} $(PACKAGE_VERSION) $(srcdir) . >$@.tmp && mv $@.tmp $@
doc/man/sonde.1: $(srcdir)/doc/man/sonde.pod $(srcdir)/doc/man/make sonde$(EXEEXT)
	$(MAKE_MANUAL)
doc/man/sonde-controller.8: $(srcdir)/doc/man/sonde-controller.pod $(srcdir)/doc/man/make sonde-controller$(EXEEXT)
	$(MAKE_MANUAL)
doc/man/sonde-node.8: $(srcdir)/doc/man/sonde-node.pod $(srcdir)/doc/man/make sonde-node$(EXEEXT)
	$(MAKE_MANUAL)
doc/man/sonde-policy.7: $(srcdir)/doc/man/sonde-policy.pod $(srcdir)/doc/man/make $(srcdir)/lua/sonde.meta.lua
	$(MAKE_MANUAL)
doc/man/sonde-plugin.3: $(srcdir)/doc/man/sonde-plugin.pod $(srcdir)/doc/man/make $(srcdir)/core/include/sonde/plugin.h
	$(MAKE_MANUAL)
SCRIPT_TESTS += t/packaging/manuals.t
