/* SPDX-License-Identifier: Apache-2.0 */
/* The node: spool, journal, runner and link held together, from start to goodbye. */
#pragma once
#include "node/identity.h"
#include "node/options.h"

/* Make the state directory (0700) and lock it for the life of the process. */
int sonde_node_lock(const struct sonde_node_options *, struct sonde_error *);
/* Runs until SIGTERM or SIGINT; the exit code: 0, or 1 after a failure, which was logged or is in
 * the error when nothing ran yet. */
int sonde_node_run(const struct sonde_node_options *, const struct sonde_identity *,
                   struct sonde_error *);
