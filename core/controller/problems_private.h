/* SPDX-License-Identifier: Apache-2.0 */
/* Between problems.c and problems_json.c. */
#pragma once
#include <jansson.h>

#include "controller/problems.h"

/* All of it, as the record. */
void problems_write(const struct problems *, struct sonde_buf *);
/* Whether a silence matches it now. */
bool problem_is_silenced(const struct problems *, const struct problem *);
/* Into empty ones; what is over the limits, or does not fit into memory, is left out. */
void problems_read(struct problems *, const json_t *record);
