/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a node: one struct, filled from rows (core/config). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "param/param.h"

struct sonde_node_options {
	const char *controller; /* http:// or https:// URL without a path */
	const char *state;      /* directory, made when it is not there */
	const char *name, *region, *country, *city, *continent, *network, *tags;
	double latitude, longitude; /* both 0: not told */
	int64_t asn;                /* 0: not told */
	const char *token_file, *ca_file;
	const char *pin;  /* keys that the controller's certificate may have, as base/trust.h reads them */
	uint8_t insecure; /* clear text to another machine is wanted */
	const char *plugins, *runner;
	const char *advertise; /* address other nodes use for this one; NULL = as the link sees it */
	int64_t capacity; /* tasks at once */
	const char *guard_allow, *guard_deny;
	uint32_t log_level; /* index into error, warn, info, debug */
	int64_t spool_max_bytes;
	int64_t backoff_min, backoff_max; /* nanoseconds */
	int64_t drain;                    /* nanoseconds */
	int64_t backoff_banned, backoff_outdated; /* nanoseconds */
	const char *targets;              /* prefixes; NULL or "" = no limit */
	int64_t packets_per_second, bits_per_second; /* 0 = no limit */
	const char *uplink_targets, *self_test_name;
	int64_t uplink_quorum, self_test; /* self_test: nanoseconds */
	const char *api_listen;           /* host:port on loopback; "" = no local API */
};

struct sonde_rows sonde_node_rows(void);
/* Fill from flags, environment, file and defaults and check what rows cannot; strings live in the
 * pool. SONDE_EINVAL with one sentence. */
int sonde_node_options_load(struct sonde_node_options *, struct sonde_pool *, int argc, char **argv,
                            struct sonde_error *);
/* The link is in clear text and leaves this machine. */
bool sonde_node_in_clear(const struct sonde_node_options *);
/* The syslog level of options->log_level. */
int sonde_node_log_level(const struct sonde_node_options *);
