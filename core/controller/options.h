/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may set. Rows are read by config/ from flags, environment and YAML. */
#pragma once
#include "param/param.h"

struct controller_options {
	const char *listen;      /* host:port */
	const char *state;       /* directory of the store */
	const char *cert, *key;  /* PEM files, both or none */
	const char *plugins;     /* directories, colon separated */
	const char *runner;      /* program asked what the plugins offer */
	const char *policies;    /* directory */
	const char *policy;      /* the default, a name or a chain */
	const char *verdicts;    /* policies that look at results, by commas */
	const char *verdict_params; /* JSON by policy */
	const char *notify;      /* who is told of events, see notify.h */
	const char *lua;         /* directory of the test bench of policies */
	int64_t explain_nodes;   /* candidates an explanation names */
	const char *web;         /* directory of the pages, NULL = none */
	const char *guard_allow, *guard_deny;
	uint32_t log_level;      /* index in controller_log_levels */
	const char *admin_token_file; /* where the first admin token is written, 0600 */
	uint8_t anonymous;       /* measurements without a token */
	int64_t beat_s;          /* heartbeat interval asked of nodes */
	int64_t queue_max;       /* tasks that may wait */
	int64_t map_bytes;
	int64_t deregistered_ns; /* how long a deregistered node stays listed */
	int64_t retain_days;     /* of results */
	const char *secret_file; /* NULL = `secret` in the state directory */
	const char *origins;     /* of pages elsewhere that may open websockets, comma list */
	uint32_t registration;   /* enum registration */
	int64_t anonymous_per_hour; /* tests an address may ask for without an account */
	int64_t polls;              /* reads of one measurement in 2 s by one caller; 0 = no limit */
	int64_t target_per_minute;  /* tests of one target, of all users together; 0 = no limit */
	int64_t logins_per_address; /* tries in five minutes */
	int64_t connections_max, connections_address; /* 0 = by the limit of open files */
	int64_t rollup_minute_days, rollup_hour_days; /* of rollups; those of days stay */
	const char *node_version_min; /* older nodes are sent away; NULL = none is */
	const char *node_version_newest; /* older nodes are told of it */
	double latitude, longitude; /* of the controller; both 0 = not told */
};

enum registration { REGISTRATION_OFF, REGISTRATION_INVITE, REGISTRATION_OPEN };

extern const char *const controller_log_levels[];
struct sonde_rows controller_option_rows(void);
