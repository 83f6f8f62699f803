/* SPDX-License-Identifier: Apache-2.0 */
/* A set of sequence numbers: all from 1 to `cum`, and up to SONDE_SPANS stretches above it. What a
 * receiver has when numbers come in two lanes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SONDE_SPANS = 8, SONDE_SPANS_TEXT = SONDE_SPANS * 42 + 1 };

struct sonde_span {
	uint64_t from, to; /* both inside */
};

/* at[] is sorted, stretches neither touch each other nor cum. */
struct sonde_spans {
	uint64_t cum;
	unsigned count;
	struct sonde_span at[SONDE_SPANS];
};

bool sonde_spans_has(const struct sonde_spans *, uint64_t seq);
/* True when from..to can be added: it does not need one more stretch than there is room for. */
bool sonde_spans_fits(const struct sonde_spans *, uint64_t from, uint64_t to);
/* Add from..to (from <= to), where it fits. */
void sonde_spans_add(struct sonde_spans *, uint64_t from, uint64_t to);
/* The last number of the stretch that holds seq; 0 when none does. */
uint64_t sonde_spans_end(const struct sonde_spans *, uint64_t seq);

/* "5-9,12-12", without cum; "" when there are no stretches. */
void sonde_spans_format(const struct sonde_spans *, char out[SONDE_SPANS_TEXT]);
/* Back, above cum as it stands. False when it is not such a text, in order, above cum + 1. */
bool sonde_spans_parse(struct sonde_spans *, const char *text, size_t len);
