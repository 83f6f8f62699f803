/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's constructors run when it is opened. Each file is opened once in a child process
 * first, inside the same jail, so that one that crashes or hangs there is refused alone. */
#pragma once
#include <stdint.h>

#include "jail/jail.h"
#include "plug/plugset.h"

/* Try every file of the set that was not refused, all at once, and refuse those that fail. Blocks
 * at most 5 s, and 2 s after the last file that ended well. Returns the SONDE_NEED_ bits of
 * those that are good. */
uint32_t sonde_rehearse(struct sonde_plugset *, const struct sonde_jail *);
