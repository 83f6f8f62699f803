/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions (PCRE2, on bytes) over what a target sent, bounded in steps and memory.
 * Shared by the plugins tcp and udp. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
	SONDE_PATTERN_MAX = 512,       /* bytes of an expression */
	SONDE_PATTERN_GROUPS = 10,     /* that a match remembers, 0 is the whole */
	SONDE_PATTERN_STEPS = 100000,  /* of all matches of a probe: some milliseconds */
	SONDE_PATTERN_HEAP_KIB = 1024, /* of one match */
};

enum sonde_pattern_found {
	SONDE_PATTERN_NO = 0,
	SONDE_PATTERN_YES,
	SONDE_PATTERN_LIMIT, /* it took too many steps or too much memory */
};

struct sonde_pattern;

/* NULL with a sentence in why when it does not compile. The caller frees. */
struct sonde_pattern *sonde_pattern_new(const char *text, size_t len, char *why, size_t cap);
void sonde_pattern_free(struct sonde_pattern *);
/* Takes what it costs from *steps; LIMIT when that is used up. */
enum sonde_pattern_found sonde_pattern_match(struct sonde_pattern *, const void *data, size_t len,
                                             unsigned *steps);
/* Where group i of the last match lies in its data; false when it took no part. */
bool sonde_pattern_group(const struct sonde_pattern *, unsigned i, size_t *start, size_t *len);
