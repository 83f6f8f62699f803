/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's own secret, one file of 32 random bytes in base64url outside the store, and the
 * keys that follow from it. Losing it ends all sessions and makes sealed records unreadable. */
#pragma once
#include "base/error.h"
#include "base/secret.h"

struct keys {
	uint8_t access[SONDE_KEY_BYTES];  /* signs access tokens */
	uint8_t refresh[SONDE_KEY_BYTES]; /* authenticates refresh tokens */
	uint8_t seal[SONDE_KEY_BYTES];    /* encrypts records at rest */
};

/* Read the file, or make it (0600) when there is none. Refused when others may read it, when
 * another user owns it, or when it is no secret. */
int keys_load(struct keys *, const char *path, struct sonde_error *);
