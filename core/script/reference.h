/* SPDX-License-Identifier: Apache-2.0 */
/* The names a policy sees, for those who do not speak Lua themselves. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"

/* The name nearest to `word` in one group ("lb", "view", "req", "policy", "string", ... or "" for
 * globals); NULL when none is near. *known says whether the word itself is one. */
const char *sonde_names_nearest(const char *group, const char *word, bool *known);
bool sonde_names_group(const char *group); /* whether it is one of these groups */

enum sonde_reference { SONDE_REFERENCE_META, SONDE_REFERENCE_LUACHECK, SONDE_REFERENCE_MARKDOWN };
void sonde_reference_write(enum sonde_reference, struct sonde_buf *);
