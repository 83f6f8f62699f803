/* SPDX-License-Identifier: Apache-2.0 */
/* Members of answers and events that many write: ids, and times as RFC 3339. */
#pragma once
#include "base/id.h"
#include "base/json.h"

void member_id(struct sonde_json *, const char *key, const struct sonde_id *);
void member_time(struct sonde_json *, const char *key, int64_t wall_ms);
/* The same; null for the id of zeros, and for 0. */
void member_id_or_null(struct sonde_json *, const char *key, const struct sonde_id *);
void member_time_or_null(struct sonde_json *, const char *key, int64_t wall_ms);
