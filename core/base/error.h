/* SPDX-License-Identifier: Apache-2.0 */
/* Errors for people: made only at a boundary (config, API, plugin check, file parser).
 * struct sonde_error itself is public (sonde/plugin.h): a dotted path and one sentence. */
#pragma once
#include <sonde/plugin.h>

#include "base/status.h"

/* Fill *e (may be NULL) with a path (may be NULL) and a formatted sentence; returns status, so
 * that a function can end with `return sonde_fail(e, SONDE_EINVAL, "limit", "must be ...")`. */
int sonde_fail(struct sonde_error *e, int status, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put "outer." (or "outer[i]." when index >= 0) before the path already in *e. */
void sonde_error_nest(struct sonde_error *e, const char *outer, int index);

/* The entry of a NULL-terminated list that is nearest to `word`, for "did you mean"; NULL when none is
 * near. Edit distance, one more where the first letters differ (few are mistyped), at most a third of
 * the word's length and one. */
const char *sonde_nearest(const char *word, const char *const *list);
