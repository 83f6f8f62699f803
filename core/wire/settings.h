/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a node that an operator changes at the controller, as both programs read them:
 * {"capacity": 8, "packetsPerSecond": 100, "beat": "2s", "selfTest": "1m", "logLevel": "debug",
 * "plugins": {TYPE: {OPTION: VALUE}}}. What is not there leaves the node's own setting alone; where
 * both say something the narrower limit holds, so that a node's owner always has the last word. */
#pragma once
#include "param/param.h"

struct sonde_settings {
	int64_t capacity;           /* tasks at once; 0 = the owner's */
	int64_t packets_per_second; /* of options in that unit; 0 = the owner's */
	int64_t beat_ns;            /* between heartbeats; 0 = the controller's */
	int64_t self_test_ns;       /* between self-tests; 0 = the owner's */
	uint32_t log_level;         /* enum sonde_settings_level */
};

enum sonde_settings_level {
	SONDE_SETTINGS_OWN, /* the owner's */
	SONDE_SETTINGS_ERROR,
	SONDE_SETTINGS_WARN,
	SONDE_SETTINGS_INFO,
	SONDE_SETTINGS_DEBUG,
};

/* Check the document and fill *out. `plugins` must be an object of objects; its options are not
 * looked at here. SONDE_EINVAL with the path. */
int sonde_settings_read(const json_t *doc, struct sonde_settings *out, struct sonde_error *);
/* As a level of syslog; `own` where the settings say nothing. */
int sonde_settings_log_level(const struct sonde_settings *, int own);
