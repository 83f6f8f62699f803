/* SPDX-License-Identifier: Apache-2.0 */
/* PCRE2 without its compiler to machine code, whose steps could not be counted. The library's own
 * limit counts anew at every place where a match may begin, which leaves a third of a second for
 * 4 KiB: here every item of the expression calls back and is counted. Refuses long expressions and
 * \C. Owns the compiled form. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "connect/pattern.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

struct sonde_pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	int groups; /* of the last match */
};

static pcre2_code *compile(const char *text, size_t len, char *why, size_t cap)
{
	int error = 0;
	size_t at = 0;
	unsigned char message[120];

	if (len > SONDE_PATTERN_MAX) {
		snprintf(why, cap, "is longer than %d bytes", SONDE_PATTERN_MAX);
		return NULL;
	}
	pcre2_code *code = pcre2_compile((const unsigned char *)text, len,
	                                 PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
	                                         PCRE2_NEVER_BACKSLASH_C |
	                                         PCRE2_AUTO_CALLOUT,
	                                 &error, &at, NULL);
	if (!code) {
		pcre2_get_error_message(error, message, sizeof(message));
		snprintf(why, cap, "%s at %zu", (char *)message, at);
	}
	return code;
}

struct sonde_pattern *sonde_pattern_new(const char *text, size_t len, char *why, size_t cap)
{
	pcre2_code *code = compile(text, len, why, cap);
	struct sonde_pattern *p = code ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		if (code)
			snprintf(why, cap, "no memory for the expression");
		pcre2_code_free(code);
		return NULL;
	}
	p->code = code;
	p->match = pcre2_match_data_create(SONDE_PATTERN_GROUPS, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (!p->match || !p->limits) {
		snprintf(why, cap, "no memory for the expression");
		sonde_pattern_free(p);
		return NULL;
	}
	pcre2_set_match_limit(p->limits, SONDE_PATTERN_STEPS);
	pcre2_set_heap_limit(p->limits, SONDE_PATTERN_HEAP_KIB);
	return p;
}

void sonde_pattern_free(struct sonde_pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->match);
	pcre2_code_free(p->code);
	free(p);
}

static int count_step(pcre2_callout_block *unused, void *arg)
{
	unsigned *left = arg;

	if (!*left)
		return PCRE2_ERROR_MATCHLIMIT;
	--*left;
	return 0;
}

enum sonde_pattern_found sonde_pattern_match(struct sonde_pattern *p, const void *data, size_t len,
                                             unsigned *steps)
{
	pcre2_set_callout(p->limits, count_step, steps);
	int rc = pcre2_match(p->code, data, len, 0, 0, p->match, p->limits);

	p->groups = rc > 0 ? rc : rc == 0 ? SONDE_PATTERN_GROUPS : 0;
	if (rc >= 0)
		return SONDE_PATTERN_YES;
	return rc == PCRE2_ERROR_NOMATCH ? SONDE_PATTERN_NO : SONDE_PATTERN_LIMIT;
}

bool sonde_pattern_group(const struct sonde_pattern *p, unsigned i, size_t *start, size_t *len)
{
	const size_t *span = pcre2_get_ovector_pointer(p->match);

	if (i >= (unsigned)p->groups || span[2 * i] == PCRE2_UNSET || span[2 * i + 1] < span[2 * i])
		return 0;
	*start = span[2 * i];
	*len = span[2 * i + 1] - span[2 * i];
	return 1;
}
