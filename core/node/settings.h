/* SPDX-License-Identifier: Apache-2.0 */
/* What the controller set for this node (wire/settings.h), kept in <state>/config.json, and what
 * follows from it for a task. */
#pragma once
#include <stdbool.h>

#include "wire/settings.h"
#include "wire/wire.h"

struct sonde_node_settings {
	uint64_t version; /* 0 = nothing was set */
	struct sonde_settings settings;
	json_t *plugins;   /* {TYPE: {OPTION: VALUE}}, NULL = none */
	json_t *described; /* what the runner said of its plugins; NULL = nothing */
};

void sonde_node_settings_deinit(struct sonde_node_settings *);
/* What `sonde-runner --describe` printed: tells which options are measured in packets/s. */
void sonde_node_settings_describe(struct sonde_node_settings *, const char *text, size_t len);
/* SONDE_OK also when there is no file. */
int sonde_node_settings_load(struct sonde_node_settings *, const char *path, struct sonde_error *);
/* Check, keep durably, then put in force. Unchanged on error. */
int sonde_node_settings_set(struct sonde_node_settings *, const char *path,
                            const struct sonde_msg_config *, struct sonde_error *);

/* The narrower of two limits, where 0 is no limit. */
int64_t sonde_narrower(int64_t a, int64_t b);

/* The task's options with the settings in them: set options where the task has none, packets/s at
 * most `packets_per_second` (0 = any). Into out; false when they stay as they are. */
bool sonde_node_settings_adjust(const struct sonde_node_settings *, int64_t packets_per_second,
                                const struct sonde_msg_task *, struct sonde_buf *out);
/* Packets that the task, adjusted before, will send: allowance.h. */
double sonde_node_settings_cost(const struct sonde_node_settings *, int64_t packets_per_second,
                                const struct sonde_msg_task *);
