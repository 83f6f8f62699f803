/* SPDX-License-Identifier: Apache-2.0 */
/* Two descriptions of plugin sets (what sonde-runner --describe prints) side by side. */
#pragma once
#include "base/buf.h"
#include "base/error.h"
#include "node/crashes.h"
#include "wire/wire.h"

/* SONDE_EINVAL with a sentence when a type of `now` is not in `next` because its file was refused
 * there, or when a description is malformed. A type whose file is gone is no fault. */
int sonde_types_check(struct sonde_text now, struct sonde_text next, struct sonde_error *);
/* How many types a description has; 0 when it is malformed. */
unsigned sonde_types_count(struct sonde_text);
/* Append a description without the types that are disabled at now_ns; those stand among the refused,
 * with the reason. SONDE_EINVAL when it is malformed. */
int sonde_types_without(struct sonde_text, const struct sonde_crashes *, int64_t now_ns,
                        struct sonde_buf *out);
