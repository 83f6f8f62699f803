# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += t/fuzz/seeds/cron/alias t/fuzz/seeds/cron/list t/fuzz/seeds/cron/windows \
	t/fuzz/seeds/wire/escapes t/fuzz/seeds/wire/scheduled t/fuzz/seeds/wire/schedules

if FUZZERS
noinst_PROGRAMS += t/fuzz/wire_fuzz
t_fuzz_wire_fuzz_SOURCES = t/fuzz/wire_fuzz.c
t_fuzz_wire_fuzz_LDADD = core/wire/libwire.a core/base/libbase.a
t_fuzz_wire_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

# Schedules: cron expressions and windows; the seeds of wire are their messages.
noinst_PROGRAMS += t/fuzz/cron_fuzz
t_fuzz_cron_fuzz_SOURCES = t/fuzz/cron_fuzz.c
t_fuzz_cron_fuzz_LDADD = core/base/libbase.a
t_fuzz_cron_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif

if FUZZERS
noinst_PROGRAMS += t/fuzz/spool_fuzz
t_fuzz_spool_fuzz_SOURCES = t/fuzz/spool_fuzz.c
t_fuzz_spool_fuzz_LDADD = core/node/libnode.a core/base/libbase.a
t_fuzz_spool_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/spool/damaged t/fuzz/seeds/spool/journal t/fuzz/seeds/spool/payload \
	t/fuzz/seeds/spool/results

if FUZZERS
noinst_PROGRAMS += t/fuzz/config_fuzz t/fuzz/target_fuzz t/fuzz/measurement_fuzz
t_fuzz_config_fuzz_SOURCES = t/fuzz/config_fuzz.c
t_fuzz_config_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_fuzz_config_fuzz_LDADD = core/config/libconfig.a core/param/libparam.a core/base/libbase.a \
	$(YAML_LIBS) $(JANSSON_LIBS)
t_fuzz_config_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_target_fuzz_SOURCES = t/fuzz/target_fuzz.c
t_fuzz_target_fuzz_LDADD = core/guard/libguard.a core/base/libbase.a
t_fuzz_target_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_measurement_fuzz_SOURCES = t/fuzz/measurement_fuzz.c
t_fuzz_measurement_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_fuzz_measurement_fuzz_LDADD = core/param/libparam.a core/base/libbase.a $(JANSSON_LIBS)
t_fuzz_measurement_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += \
	t/fuzz/seeds/config/odd.yaml \
	t/fuzz/seeds/config/plain.yaml \
	t/fuzz/seeds/measurement/map.json \
	t/fuzz/seeds/measurement/odd-names.json \
	t/fuzz/seeds/measurement/options.json \
	t/fuzz/seeds/measurement/rows.json \
	t/fuzz/seeds/measurement/twice.json \
	t/fuzz/seeds/measurement/zero.json \
	t/fuzz/seeds/target/carried \
	t/fuzz/seeds/target/list \
	t/fuzz/seeds/target/name \
	t/fuzz/seeds/target/prefix
EXTRA_DIST += \
	t/fuzz/seeds/policy/capability t/fuzz/seeds/policy/hash t/fuzz/seeds/policy/hybrid \
	t/fuzz/seeds/policy/least_load t/fuzz/seeds/policy/pairs t/fuzz/seeds/policy/regional \
	t/fuzz/seeds/policy/round_robin t/fuzz/seeds/policy/scan t/fuzz/seeds/policy/spread
if FUZZERS
noinst_PROGRAMS += t/fuzz/policy_fuzz
t_fuzz_policy_fuzz_SOURCES = t/fuzz/policy_fuzz.c
t_fuzz_policy_fuzz_LDADD = $(SCRIPT_LINK)
t_fuzz_policy_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
# ICMP
if FUZZERS
noinst_PROGRAMS += t/fuzz/icmp_fuzz
t_fuzz_icmp_fuzz_SOURCES = t/fuzz/icmp_fuzz.c plugins/icmp/packet.c
t_fuzz_icmp_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_fuzz_icmp_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += \
	t/fuzz/seeds/icmp/exceeded6 t/fuzz/seeds/icmp/queued4 t/fuzz/seeds/icmp/queued6 \
	t/fuzz/seeds/icmp/reply4 t/fuzz/seeds/icmp/reply4_raw t/fuzz/seeds/icmp/reply6 \
	t/fuzz/seeds/icmp/toobig6_fragment t/fuzz/seeds/icmp/unreachable4_raw

if FUZZERS
noinst_PROGRAMS += t/fuzz/request_fuzz
t_fuzz_request_fuzz_SOURCES = t/fuzz/request_fuzz.c
t_fuzz_request_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_fuzz_request_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_request_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/request/ping.json t/fuzz/seeds/request/sweep.json
# Paths
if FUZZERS
noinst_PROGRAMS += t/fuzz/path_fuzz
t_fuzz_path_fuzz_SOURCES = t/fuzz/path_fuzz.c plugins/path/wire.c plugins/icmp/packet.c
t_fuzz_path_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(ICMP_CPPFLAGS)
t_fuzz_path_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += \
	t/fuzz/seeds/path/exceeded4_mpls t/fuzz/seeds/path/exceeded6_mpls \
	t/fuzz/seeds/path/queued4_mpls t/fuzz/seeds/path/queued4_short \
	t/fuzz/seeds/path/reply4 t/fuzz/seeds/path/udp

# Dialogue and NTP
if FUZZERS
noinst_PROGRAMS += t/fuzz/dialogue_fuzz t/fuzz/ntp_fuzz
t_fuzz_dialogue_fuzz_SOURCES = t/fuzz/dialogue_fuzz.c plugins/connect/bytes.c \
	plugins/connect/pattern.c plugins/tcp/dialogue.c
t_fuzz_dialogue_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(CONNECT_CPPFLAGS)
t_fuzz_dialogue_fuzz_LDADD = $(PCRE2_LIBS)
t_fuzz_dialogue_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_ntp_fuzz_SOURCES = t/fuzz/ntp_fuzz.c plugins/ntp/packet.c
t_fuzz_ntp_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(CONNECT_CPPFLAGS)
t_fuzz_ntp_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/dialogue/bytes t/fuzz/seeds/dialogue/hard t/fuzz/seeds/dialogue/smtp \
	t/fuzz/seeds/dialogue/ssh t/fuzz/seeds/ntp/good t/fuzz/seeds/ntp/kiss t/fuzz/seeds/ntp/short \
	t/fuzz/seeds/ntp/unsynchronised
if FUZZERS
noinst_PROGRAMS += t/fuzz/dns_fuzz
t_fuzz_dns_fuzz_SOURCES = t/fuzz/dns_fuzz.c $(DNS_PARSERS)
t_fuzz_dns_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(DNS_CPPFLAGS)
t_fuzz_dns_fuzz_LDADD = $(LDNS_LIBS)
t_fuzz_dns_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/dns/any t/fuzz/seeds/dns/dnskey t/fuzz/seeds/dns/http \
	t/fuzz/seeds/dns/http_chunked t/fuzz/seeds/dns/https t/fuzz/seeds/dns/loop \
	t/fuzz/seeds/dns/name t/fuzz/seeds/dns/nsid t/fuzz/seeds/dns/referral

# Answers of HTTP servers and certificates
if FUZZERS
noinst_PROGRAMS += t/fuzz/http_fuzz t/fuzz/cert_fuzz
t_fuzz_http_fuzz_SOURCES = t/fuzz/http_fuzz.c $(HTTP_PURE_SOURCES)
t_fuzz_http_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(HTTP_CPPFLAGS)
t_fuzz_http_fuzz_LDADD = $(PCRE2_LIBS)
t_fuzz_http_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_cert_fuzz_SOURCES = t/fuzz/cert_fuzz.c $(CERT_SOURCES)
t_fuzz_cert_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(CERT_CPPFLAGS)
t_fuzz_cert_fuzz_LDADD = $(SSL_LIBS)
t_fuzz_cert_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += \
	t/fuzz/seeds/cert/leaf t/fuzz/seeds/cert/root_ocsp t/fuzz/seeds/cert/rsa \
	t/fuzz/seeds/http/interim t/fuzz/seeds/http/json
if FUZZERS
noinst_PROGRAMS += t/fuzz/bandwidth_fuzz
t_fuzz_bandwidth_fuzz_SOURCES = t/fuzz/bandwidth_fuzz.c plugins/bandwidth/line.c
t_fuzz_bandwidth_fuzz_CPPFLAGS = -I$(top_srcdir)/core/include -I$(top_srcdir)/plugins
t_fuzz_bandwidth_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/bandwidth/control t/fuzz/seeds/bandwidth/data t/fuzz/seeds/bandwidth/got

if FUZZERS
noinst_PROGRAMS += t/fuzz/types_fuzz
t_fuzz_types_fuzz_SOURCES = t/fuzz/types_fuzz.c
t_fuzz_types_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_fuzz_types_fuzz_LDADD = core/controller/libcontroller.a core/node/libnode.a core/wire/libwire.a \
	core/param/libparam.a core/base/libbase.a $(JANSSON_LIBS) $(SODIUM_LIBS) -lm
t_fuzz_types_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/types/refused.json t/fuzz/seeds/types/two.json

# Access and refresh tokens, scopes, names
if FUZZERS
noinst_PROGRAMS += t/fuzz/credential_fuzz
t_fuzz_credential_fuzz_SOURCES = t/fuzz/credential_fuzz.c
t_fuzz_credential_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_fuzz_credential_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_credential_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/credential/access t/fuzz/seeds/credential/refresh \
	t/fuzz/seeds/credential/scopes
if FUZZERS
noinst_PROGRAMS += t/fuzz/facts_fuzz
t_fuzz_facts_fuzz_SOURCES = t/fuzz/facts_fuzz.c
t_fuzz_facts_fuzz_LDADD = core/controller/libcontroller.a core/base/libbase.a $(SODIUM_LIBS)
t_fuzz_facts_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/facts/ping
EXTRA_DIST += t/fuzz/seeds/facts/twice
EXTRA_DIST += t/fuzz/seeds/wire/answer t/fuzz/seeds/wire/beat t/fuzz/seeds/wire/command \
	t/fuzz/seeds/wire/config t/fuzz/seeds/wire/configured t/fuzz/seeds/wire/health \
	t/fuzz/seeds/wire/hello t/fuzz/seeds/wire/key t/fuzz/seeds/wire/keyed t/fuzz/seeds/wire/welcome
# Results as verdicts see them
if FUZZERS
noinst_PROGRAMS += t/fuzz/observe_fuzz
t_fuzz_observe_fuzz_SOURCES = t/fuzz/observe_fuzz.c
t_fuzz_observe_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_fuzz_observe_fuzz_LDADD = $(SCRIPT_LINK)
t_fuzz_observe_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/observe/http t/fuzz/seeds/observe/mtr

# A whole controller: the API, nodes and live readers
if FUZZERS
noinst_PROGRAMS += t/fuzz/api_fuzz t/fuzz/link_fuzz t/fuzz/live_fuzz
FUZZ_WORLD = t/fuzz/world.c t/fuzz/world.h t/fuzz/world_net.c t/fuzz/world_net.h
FUZZ_WORLD_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -D_GNU_SOURCE $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_fuzz_api_fuzz_SOURCES = t/fuzz/api_fuzz.c $(FUZZ_WORLD)
t_fuzz_api_fuzz_CPPFLAGS = $(FUZZ_WORLD_CPPFLAGS)
t_fuzz_api_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_api_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_link_fuzz_SOURCES = t/fuzz/link_fuzz.c $(FUZZ_WORLD)
t_fuzz_link_fuzz_CPPFLAGS = $(FUZZ_WORLD_CPPFLAGS)
t_fuzz_link_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_link_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_live_fuzz_SOURCES = t/fuzz/live_fuzz.c $(FUZZ_WORLD)
t_fuzz_live_fuzz_CPPFLAGS = $(FUZZ_WORLD_CPPFLAGS)
t_fuzz_live_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_live_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/api t/fuzz/seeds/link t/fuzz/seeds/live
EXTRA_DIST += t/fuzz/seeds/wire/reload
EXTRA_DIST += t/fuzz/seeds/state t/fuzz/seeds/text t/fuzz/seeds/outcome t/fuzz/seeds/pipe \
	t/fuzz/seeds/agenda t/fuzz/seeds/replay t/fuzz/seeds/stored t/fuzz/seeds/restore t/fuzz/seeds/redo \
	t/fuzz/seeds/nodefile t/fuzz/seeds/cli t/fuzz/seeds/params t/fuzz/seeds/asn
if FUZZERS
# What is stored, by the store's own files and by those of a node
noinst_PROGRAMS += t/fuzz/state_fuzz t/fuzz/stored_fuzz t/fuzz/restore_fuzz t/fuzz/redo_fuzz \
	t/fuzz/nodefile_fuzz
t_fuzz_state_fuzz_SOURCES = t/fuzz/state_fuzz.c t/fuzz/world_store.c $(FUZZ_WORLD)
t_fuzz_state_fuzz_CPPFLAGS = $(FUZZ_WORLD_CPPFLAGS)
t_fuzz_state_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_state_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_stored_fuzz_SOURCES = t/fuzz/stored_fuzz.c
t_fuzz_stored_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
t_fuzz_stored_fuzz_LDADD = $(CONTROLLER_LIBS)
t_fuzz_stored_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
FUZZ_STORE_LIBS = core/store/libstore.a core/wire/libwire.a core/base/libbase.a $(LMDB_LIBS) \
	$(SODIUM_LIBS) -lpthread
t_fuzz_restore_fuzz_SOURCES = t/fuzz/restore_fuzz.c t/fuzz/fuzz_dir.h
t_fuzz_restore_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -D_GNU_SOURCE
t_fuzz_restore_fuzz_LDADD = $(FUZZ_STORE_LIBS)
t_fuzz_restore_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_redo_fuzz_SOURCES = t/fuzz/redo_fuzz.c t/fuzz/fuzz_dir.h
t_fuzz_redo_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -D_GNU_SOURCE
t_fuzz_redo_fuzz_LDADD = $(FUZZ_STORE_LIBS)
t_fuzz_redo_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_nodefile_fuzz_SOURCES = t/fuzz/nodefile_fuzz.c t/fuzz/fuzz_dir.h
t_fuzz_nodefile_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_fuzz_nodefile_fuzz_LDADD = core/node/libnode.a core/wire/libwire.a core/param/libparam.a \
	core/base/libbase.a $(JANSSON_LIBS) $(SODIUM_LIBS) -lpthread -lm
t_fuzz_nodefile_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
# Small texts, and what programs say to each other
noinst_PROGRAMS += t/fuzz/text_fuzz t/fuzz/outcome_fuzz t/fuzz/pipe_fuzz t/fuzz/agenda_fuzz \
	t/fuzz/replay_fuzz t/fuzz/cli_fuzz t/fuzz/params_fuzz t/fuzz/asn_fuzz
t_fuzz_text_fuzz_SOURCES = t/fuzz/text_fuzz.c
t_fuzz_text_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_fuzz_text_fuzz_LDADD = core/wire/libwire.a core/param/libparam.a core/base/libbase.a $(JANSSON_LIBS) \
	$(SODIUM_LIBS)
t_fuzz_text_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_outcome_fuzz_SOURCES = t/fuzz/outcome_fuzz.c
t_fuzz_outcome_fuzz_LDADD = core/plug/libplug.a core/base/libbase.a
t_fuzz_outcome_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_pipe_fuzz_SOURCES = t/fuzz/pipe_fuzz.c
t_fuzz_pipe_fuzz_LDADD = core/wire/libwire.a core/base/libbase.a
t_fuzz_pipe_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_agenda_fuzz_SOURCES = t/fuzz/agenda_fuzz.c
t_fuzz_agenda_fuzz_LDADD = core/node/libnode.a core/wire/libwire.a core/base/libbase.a $(SODIUM_LIBS)
t_fuzz_agenda_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_replay_fuzz_SOURCES = t/fuzz/replay_fuzz.c t/fuzz/fuzz_dir.h
t_fuzz_replay_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_fuzz_replay_fuzz_LDADD = $(SCRIPT_LINK)
t_fuzz_replay_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_cli_fuzz_SOURCES = t/fuzz/cli_fuzz.c t/fuzz/fuzz_dir.h
t_fuzz_cli_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_fuzz_cli_fuzz_LDADD = $(sonde_LDADD)
t_fuzz_cli_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_params_fuzz_SOURCES = t/fuzz/params_fuzz.c
t_fuzz_params_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
t_fuzz_params_fuzz_LDADD = core/plug/libplug.a core/param/libparam.a core/base/libbase.a \
	$(JANSSON_LIBS) -ldl
t_fuzz_params_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS) -rdynamic
t_fuzz_asn_fuzz_SOURCES = t/fuzz/asn_fuzz.c plugins/mtr/asn.c
t_fuzz_asn_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz -I$(top_srcdir)/plugins -D_GNU_SOURCE \
	$(MAXMINDDB_CFLAGS)
t_fuzz_asn_fuzz_LDADD = $(MAXMINDDB_LIBS)
t_fuzz_asn_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
# Parts of plugins that need a host
EXTRA_DIST += t/fuzz/seeds/dnspage t/fuzz/seeds/place t/fuzz/seeds/sweep
if FUZZERS
noinst_PROGRAMS += t/fuzz/dnspage_fuzz t/fuzz/place_fuzz t/fuzz/sweep_fuzz
t_fuzz_dnspage_fuzz_SOURCES = t/fuzz/dnspage_fuzz.c t/fuzz/fuzz_host.h $(DNS_PARSERS) \
	plugins/dns/edns.c plugins/dns/rows.c
t_fuzz_dnspage_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz $(DNS_CPPFLAGS)
t_fuzz_dnspage_fuzz_LDADD = core/plug/libplug.a core/base/libbase.a $(LDNS_LIBS)
t_fuzz_dnspage_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_place_fuzz_SOURCES = t/fuzz/place_fuzz.c t/fuzz/fuzz_host.h plugins/http/place.c
t_fuzz_place_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/t/fuzz $(HTTP_CPPFLAGS)
t_fuzz_place_fuzz_LDADD = core/plug/libplug.a core/base/libbase.a $(CURL_LIBS)
t_fuzz_place_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_sweep_fuzz_SOURCES = t/fuzz/sweep_fuzz.c plugins/sweep/set.c
t_fuzz_sweep_fuzz_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/core/include -I$(top_srcdir)/plugins
t_fuzz_sweep_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif

# Frames of websocket clients
EXTRA_DIST += t/fuzz/seeds/frame/long t/fuzz/seeds/frame/pieces t/fuzz/seeds/frame/text \
	t/fuzz/seeds/frame/wrong
if FUZZERS
noinst_PROGRAMS += t/fuzz/raw_fuzz
t_fuzz_raw_fuzz_SOURCES = t/fuzz/raw_fuzz.c
t_fuzz_raw_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(LWS_CFLAGS) $(UV_CFLAGS)
t_fuzz_raw_fuzz_LDADD = core/net/libnet.a core/base/libbase.a
t_fuzz_raw_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
if FUZZERS
noinst_PROGRAMS += t/fuzz/frame_fuzz
t_fuzz_frame_fuzz_SOURCES = t/fuzz/frame_fuzz.c
t_fuzz_frame_fuzz_LDADD = core/net/libnet.a
t_fuzz_frame_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
EXTRA_DIST += t/fuzz/seeds/request/requirements.json
EXTRA_DIST += t/fuzz/seeds/cert
EXTRA_DIST += t/fuzz/seeds/config
EXTRA_DIST += t/fuzz/seeds/http
# Whole folders
EXTRA_DIST += t/fuzz/seeds/cron t/fuzz/seeds/wire t/fuzz/seeds/spool t/fuzz/seeds/measurement \
	t/fuzz/seeds/target t/fuzz/seeds/policy t/fuzz/seeds/dialogue t/fuzz/seeds/dns \
	t/fuzz/seeds/elf
EXTRA_DIST += t/fuzz/seeds/frame t/fuzz/seeds/raw t/fuzz/seeds/path t/fuzz/seeds/types t/fuzz/seeds/facts \
	t/fuzz/seeds/bandwidth t/fuzz/seeds/icmp t/fuzz/seeds/ntp t/fuzz/seeds/request
