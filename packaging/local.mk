# SPDX-License-Identifier: Apache-2.0
# What runs the daemons as services: units, their users, first configurations. The last are installed
# only where none is there, since they are the operator's.
UNITS = packaging/systemd/sonde-controller.service packaging/systemd/sonde-node.service
EXTRA_DIST += $(UNITS:=.in)
CLEANFILES += $(UNITS)
$(UNITS): Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's,[@]sbindir[@],$(sbindir),g' \
		-e 's,[@]sysconfdir[@],$(sysconfdir),g' -e 's,[@]docdir[@],$(docdir),g' $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
packaging/systemd/sonde-controller.service: packaging/systemd/sonde-controller.service.in
packaging/systemd/sonde-node.service: packaging/systemd/sonde-node.service.in
SYSUSERS = packaging/sysusers/sonde-controller.conf packaging/sysusers/sonde-node.conf
EXTRA_DIST += $(SYSUSERS)
if SYSTEMD
systemdsystemunit_DATA = $(UNITS)
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = $(SYSUSERS)
else
noinst_DATA = $(UNITS)
endif

FIRST_CONFIG = packaging/config/controller.yaml packaging/config/node.yaml
EXTRA_DIST += $(FIRST_CONFIG)
sondeconfdir = $(sysconfdir)/sonde
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(sondeconfdir)"
	for file in $(FIRST_CONFIG); do \
		to="$(DESTDIR)$(sondeconfdir)/$${file##*/}"; \
		test -e "$$to" || $(INSTALL_DATA) "$(srcdir)/$$file" "$$to" || exit 1; \
	done
uninstall-local:
	for file in $(FIRST_CONFIG); do \
		to="$(DESTDIR)$(sondeconfdir)/$${file##*/}"; \
		! cmp -s "$(srcdir)/$$file" "$$to" || rm -f "$$to"; \
	done

SCRIPT_TESTS += t/packaging/service.t t/packaging/doctor.t t/packaging/files.t

EXTRA_DIST += packaging/build-deb packaging/try-deb packaging/debian

# What completes commands, as `sonde completion` prints it.
COMPLETIONS = packaging/completion/sonde packaging/completion/_sonde packaging/completion/sonde.fish
CLEANFILES += $(COMPLETIONS)
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
nodist_bashcompletion_DATA = packaging/completion/sonde
nodist_zshcompletion_DATA = packaging/completion/_sonde
nodist_fishcompletion_DATA = packaging/completion/sonde.fish
packaging/completion/sonde: sonde$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./sonde completion bash >$@.tmp && mv $@.tmp $@
packaging/completion/_sonde: sonde$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./sonde completion zsh >$@.tmp && mv $@.tmp $@
packaging/completion/sonde.fish: sonde$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./sonde completion fish >$@.tmp && mv $@.tmp $@

# The manuals, for people who have the package and not the tree.
doc_DATA = README.md doc/accounts.md doc/api.md doc/cli.md doc/dashboard.md doc/decisions.md \
	doc/install.md doc/nodes.md doc/performance.md doc/plugins.md doc/policies.md doc/probes.md \
	doc/schedules.md doc/testing.md
EXTRA_DIST += doc/install.md
