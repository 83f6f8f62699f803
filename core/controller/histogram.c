/* SPDX-License-Identifier: Apache-2.0 */
/* Bars are inserted in place; a series has a handful, a wide query some hundred. */
#include "controller/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { PER_OCTAVE = 16, OCTAVE_BITS = 4, BIT_MAX = 35 };

uint16_t histogram_step(double ms)
{
	double us = ms * 1000;

	if (!(us > 0))
		return 0;
	uint64_t v = us < (double)(UINT64_C(1) << (BIT_MAX + 1)) ? (uint64_t)us :
		(UINT64_C(1) << (BIT_MAX + 1)) - 1;
	if (v < PER_OCTAVE)
		return (uint16_t)v;
	int bit = 63 - __builtin_clzll(v);
	return (uint16_t)((bit - OCTAVE_BITS + 1) * PER_OCTAVE +
	                  (int)(v >> (bit - OCTAVE_BITS) & (PER_OCTAVE - 1)));
}

double histogram_value(uint16_t step)
{
	if (step < PER_OCTAVE)
		return (step + 0.5) / 1000;
	int shift = step / PER_OCTAVE - 1;
	double width = (double)(UINT64_C(1) << shift);
	return ((PER_OCTAVE + step % PER_OCTAVE) * width + width / 2) / 1000;
}

static int make_room(struct histogram *h)
{
	if (h->len < h->cap)
		return SONDE_OK;
	uint16_t cap = h->cap ? (uint16_t)(h->cap * 2) : 4;
	void *bars = realloc(h->bars, cap * sizeof(h->bars[0]));
	if (!bars)
		return SONDE_ENOMEM;
	h->bars = bars;
	h->cap = cap;
	return SONDE_OK;
}

int histogram_add(struct histogram *h, uint16_t step, uint32_t count)
{
	unsigned low = 0, high = h->len;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (h->bars[middle].step < step)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < h->len && h->bars[low].step == step) {
		uint32_t room = UINT32_MAX - h->bars[low].count;
		h->bars[low].count += count < room ? count : room;
		return SONDE_OK;
	}
	if (step >= HISTOGRAM_STEPS || make_room(h) != SONDE_OK)
		return step >= HISTOGRAM_STEPS ? SONDE_EINVAL : SONDE_ENOMEM;
	memmove(&h->bars[low + 1], &h->bars[low], (h->len - low) * sizeof(h->bars[0]));
	h->bars[low] = (struct histogram_bar){ step, count };
	h->len++;
	return SONDE_OK;
}

int histogram_merge(struct histogram *h, const struct histogram_bar *bars, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int rc = histogram_add(h, bars[i].step, bars[i].count);
		if (rc != SONDE_OK)
			return rc;
	}
	return SONDE_OK;
}

double histogram_quantile(const struct histogram *h, double share)
{
	uint64_t all = 0, seen = 0;

	for (unsigned i = 0; i < h->len; i++)
		all += h->bars[i].count;
	uint64_t rank = (uint64_t)ceil(share * (double)all);
	for (unsigned i = 0; i < h->len; i++) {
		seen += h->bars[i].count;
		if (seen >= rank && seen)
			return histogram_value(h->bars[i].step);
	}
	return NAN;
}

void histogram_deinit(struct histogram *h)
{
	free(h->bars);
	*h = (struct histogram){ 0 };
}
