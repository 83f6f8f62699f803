/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of the log, numbered from 1, for whoever asks from afar. Safe from any thread. */
#pragma once
#include <stdint.h>

#include "base/buf.h"

enum { SONDE_RING_LINES = 512, SONDE_RING_LINE = 512 };

struct sonde_ring;

struct sonde_ring *sonde_ring_new(void); /* NULL: out of memory */
void sonde_ring_free(struct sonde_ring *);
/* Fits sonde_log_tap with the ring as arg; a longer line is cut. */
void sonde_ring_add(void *ring, const char *line, size_t len);
/* Append the lines numbered above `after`, the newest `max` of them, each with a newline; returns
 * the number of the newest line there is. */
uint64_t sonde_ring_read(struct sonde_ring *, uint64_t after, unsigned max, struct sonde_buf *out);
