/* SPDX-License-Identifier: Apache-2.0 */
/* A small file that is there whole, old or new, whatever happens. */
#pragma once
#include <stddef.h>

#include "base/error.h"

/* Writes path.new (mode 0600), syncs, renames, syncs the directory. SONDE_EIO with a sentence. */
int sonde_durable_write(const char *path, const char *text, size_t len, struct sonde_error *);
