/* SPDX-License-Identifier: Apache-2.0 */
/* The node's last results, whether acknowledged or not, for its local API. */
#pragma once
#include "base/json.h"
#include "node/record.h"

enum { SONDE_RECENT_RESULTS = 256, SONDE_RECENT_BYTES = 4 << 20 };

struct sonde_recent {
	struct {
		char *packed;
		size_t len;
	} rows[SONDE_RECENT_RESULTS]; /* ring */
	uint64_t count; /* added since the start */
	size_t bytes;
};

/* All zero is empty. */
void sonde_recent_deinit(struct sonde_recent *);
/* A copy of one packed result (record.h); older ones go. One that is too large is left out. */
void sonde_recent_add(struct sonde_recent *, const void *packed, size_t len);
/* Objects, the newest first, at most `limit`, into an open array. */
void sonde_recent_write(const struct sonde_recent *, unsigned limit, struct sonde_json *);
