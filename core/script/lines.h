/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of a policy: what it said by lb.log, its faults, its versions. In memory; the oldest is
 * written over. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SONDE_LINES = 128, SONDE_LINE_TEXT = 200 };

enum sonde_line_kind { SONDE_LINE_SAID, SONDE_LINE_FAULT, SONDE_LINE_QUARANTINED,
	               SONDE_LINE_VERSION, SONDE_LINE_SHADOW };

struct sonde_line {
	int64_t at_ms;
	uint8_t kind;
	char text[SONDE_LINE_TEXT];
};

struct sonde_lines {
	struct sonde_line *ring; /* NULL until there is a first one */
	uint64_t count;          /* lines ever: line n is the n-th, from 1 on */
};

void sonde_lines_deinit(struct sonde_lines *);
/* Out of memory: the line is lost. Cut where it is too long; line feeds become blanks. */
void sonde_lines_add(struct sonde_lines *, enum sonde_line_kind, const char *text);
