/* SPDX-License-Identifier: Apache-2.0 */
/* Who did what, when and from where: one record for each administrative act that was answered.
 * Records are only ever added. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct controller;
struct call;
struct route;

enum { REQUEST_ID_TEXT = 17 };

/* What a request carries until its answer; lives in the request's own room. */
struct trace {
	char id[REQUEST_ID_TEXT];
	struct audit *audit; /* NULL when the act is not one to record */
};

/* Give the request its id and, where its route asks for it, remember who asks. */
void audit_begin(struct call *, const struct route *);
/* The handler may tell more: "role=admin". Cut at what fits. */
void audit_note(struct call *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The answer is known: record it, free what was remembered. */
void audit_end(struct controller *, struct trace *, unsigned status);
