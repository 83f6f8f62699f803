/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a doctor: "warn  state     /srv/sonde can be read by others; chmod 700 /srv/sonde". What is
 * so comes first; what to do about it, if anything, stands behind the last "; ". Only doctors include this, and
 * they are little else than such lines: hence the short names. */
#pragma once
#include <stdbool.h>

enum sonde_finding { GOOD, WARN, BAD };

extern const char *const sonde_finding_words[]; /* by verdict: ok, warn, FAIL, NULL */

/* What a doctor has said. Begins as zeros. */
struct sonde_findings {
	bool failed; /* a line was BAD */
	/* Takes a line; what: one word. NULL: lines go to standard output, control characters as '?'. */
	void (*take)(void *arg, enum sonde_finding, const char *what, const char *text);
	void *arg;
};

/* The text is cut at 1023 bytes. A doctor is a struct with its findings in `said`. */
void sonde_findings_say(struct sonde_findings *, enum sonde_finding, const char *what,
                        const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define say(doctor, ...) sonde_findings_say(&(doctor)->said, __VA_ARGS__)
/* What to do, a part of text; NULL when it says nothing of that. */
const char *sonde_finding_fix(const char *text);
