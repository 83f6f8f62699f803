/* SPDX-License-Identifier: Apache-2.0 */
/* Storing what becomes of a schedule; the request is answered when it is stored, or why it is not. */
#pragma once
#include "controller/api/api.h"

/* Checks the spec, against its owner's tier as well. s NULL: a new schedule. Takes spec. */
void schedule_change(struct call *, const struct schedule *s, json_t *spec);
void schedule_remove(struct call *, const struct schedule *);
/* As it is now; 201 with its Location. */
void answer_schedule(struct controller *, struct sonde_req *, unsigned status, struct schedule *);
