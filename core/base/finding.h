/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a doctor: "warn  state     /srv/sonde can be read by others; chmod 700 /srv/sonde". What is
 * so comes first; what to do about it, if anything, stands behind the last "; ". */
#pragma once
#include <stdio.h>

enum sonde_finding { SONDE_FINDING_OK, SONDE_FINDING_WARN, SONDE_FINDING_FAIL };

extern const char *const sonde_finding_words[]; /* ok, warn, FAIL, NULL */

/* Control characters come out as '?'. what: one word. */
void sonde_finding_print(FILE *, enum sonde_finding, const char *what, const char *text);
/* What to do, a part of text; NULL when it says nothing of that. */
const char *sonde_finding_fix(const char *text);
