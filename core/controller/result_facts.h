/* SPDX-License-Identifier: Apache-2.0 */
/* The few figures that are the same for all types, out of a stored result's JSON: in one pass, without
 * a tree. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct result_facts {
	char status[16];      /* "" when there is none */
	char address[46];     /* resolvedAddress; "" when there is none */
	int64_t started_ms;   /* wall; 0 = not there */
	double duration_ms;   /* NAN where absent, as all that follow */
	double min, avg, max; /* of stats */
	double loss;          /* percent */
	double total;         /* timings.total */
};

/* Whatever the bytes are; what is not found stays empty. */
void result_facts_read(struct result_facts *, const char *json, size_t len);
/* The time the result stands for: the mean round trip, else the total, NAN when neither. */
double result_facts_ms(const struct result_facts *);
