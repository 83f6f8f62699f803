/* SPDX-License-Identifier: Apache-2.0 */
/* Results that contradict one that is stored under the same (node, epoch, seq): kept for a person to
 * look at, never served. */
#pragma once
#include "store/store.h"

struct controller;

/* Keep a copy; the first under a key stays. At most QUARANTINE_MAX since the start. */
void quarantine_put(struct controller *, const struct sonde_result *);
