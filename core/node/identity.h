/* SPDX-License-Identifier: Apache-2.0 */
/* Who this node is: its id and its key, kept in <state>/node.key (mode 0600), and how it gets
 * them: once, with a registration token. */
#pragma once
#include "base/error.h"
#include "base/id.h"
#include "base/secret.h"
#include "node/options.h"

struct sonde_identity {
	struct sonde_id id;
	char key[SONDE_SECRET_TEXT];
};

/* SONDE_ENOENT when there is no file; SONDE_EDENIED when somebody else owns it or may read it;
 * SONDE_EINVAL when it holds something else. */
int sonde_identity_load(const char *path, struct sonde_identity *, struct sonde_error *);
/* Durable when it returns SONDE_OK. */
int sonde_identity_save(const char *path, const struct sonde_identity *, struct sonde_error *);

/* Register at the controller with the token of the options. Blocks; tries again with full-jitter
 * delays while the controller cannot be reached or is not ready (5xx, 429). SONDE_EDENIED with the
 * controller's own sentence when it refuses. */
int sonde_enrol(const struct sonde_node_options *, struct sonde_identity *, struct sonde_error *);
