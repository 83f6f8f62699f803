/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a runner program what the plugins of a directory are. */
#pragma once
#include "base/buf.h"
#include "base/error.h"

/* Runs `runner --describe --plugins dirs` and appends what it prints; blocks, at most 30 s. May be
 * called on any thread. */
int describe_plugins(const char *runner, const char *dirs, struct sonde_buf *out,
                     struct sonde_error *);
