/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's constructors run when it is opened. Each file is opened once in a child process
 * first, inside the same jail, so that one that crashes or hangs there is refused alone. */
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "jail/jail.h"

/* Blocks, at most a few seconds. SONDE_OK and the plugin's SONDE_NEED_ bits, or the error filled. */
int sonde_rehearse(const char *path, const struct sonde_jail *, uint32_t *needs,
                   struct sonde_error *);
