/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array: there are few stretches, and almost always none or one. */
#include "base/spans.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t sonde_spans_end(const struct sonde_spans *s, uint64_t seq)
{
	if (seq <= s->cum)
		return s->cum;
	for (unsigned i = 0; i < s->count; i++)
		if (seq >= s->at[i].from && seq <= s->at[i].to)
			return s->at[i].to;
	return 0;
}

bool sonde_spans_has(const struct sonde_spans *s, uint64_t seq)
{
	return sonde_spans_end(s, seq) != 0;
}

static bool touches(const struct sonde_span *a, uint64_t from, uint64_t to)
{
	return from <= a->to + 1 && to + 1 >= a->from;
}

bool sonde_spans_fits(const struct sonde_spans *s, uint64_t from, uint64_t to)
{
	if (s->count < SONDE_SPANS || from <= s->cum + 1)
		return true;
	for (unsigned i = 0; i < s->count; i++)
		if (touches(&s->at[i], from, to))
			return true;
	return false;
}

static void take_out(struct sonde_spans *s, unsigned i)
{
	s->count--;
	memmove(&s->at[i], &s->at[i + 1], (s->count - i) * sizeof(s->at[0]));
}

void sonde_spans_add(struct sonde_spans *s, uint64_t from, uint64_t to)
{
	struct sonde_span all = { from, to };
	unsigned i = 0;

	while (i < s->count && s->at[i].to + 1 < from)
		i++;
	while (i < s->count && touches(&s->at[i], all.from, all.to)) {
		if (s->at[i].from < all.from)
			all.from = s->at[i].from;
		if (s->at[i].to > all.to)
			all.to = s->at[i].to;
		take_out(s, i);
	}
	if (all.from <= s->cum + 1) {
		if (all.to > s->cum)
			s->cum = all.to;
		return;
	}
	memmove(&s->at[i + 1], &s->at[i], (s->count - i) * sizeof(s->at[0]));
	s->at[i] = all;
	s->count++;
}

void sonde_spans_format(const struct sonde_spans *s, char out[SONDE_SPANS_TEXT])
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < s->count; i++)
		n += (size_t)snprintf(out + n, SONDE_SPANS_TEXT - n, "%s%" PRIu64 "-%" PRIu64,
		                      i ? "," : "", s->at[i].from, s->at[i].to);
}

/* Digits at *p, at most 19 of them; 0 when there are none. */
static uint64_t number(const char **p, const char *end)
{
	uint64_t v = 0;

	for (unsigned n = 0; *p < end && **p >= '0' && **p <= '9' && n < 19; n++, (*p)++)
		v = v * 10 + (uint64_t)(**p - '0');
	return v;
}

bool sonde_spans_parse(struct sonde_spans *s, const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t above = s->cum;

	s->count = 0;
	while (text < end) {
		struct sonde_span one = { .from = number(&text, end) };
		if (text == end || *text++ != '-' || s->count == SONDE_SPANS)
			return false;
		one.to = number(&text, end);
		if (one.from <= above + 1 || one.to < one.from || (text < end && *text++ != ',') ||
		    one.to == UINT64_MAX)
			return false;
		s->at[s->count++] = one;
		above = one.to;
	}
	return true;
}
