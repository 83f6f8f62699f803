/* SPDX-License-Identifier: Apache-2.0 */
/* A rate from arrivals. The first bytes of a transfer lie: the window still grows, and a token
 * bucket lets its burst pass at line rate. The slope over the later two thirds is what the path
 * carries, so that a megabyte is enough. */
#include "rate/meter.h"

enum { ENOUGH = 8 };

static void halve(struct rate_meter *m)
{
	for (unsigned i = 0; i < m->count / 2; i++)
		m->samples[i] = m->samples[2 * i + 1];
	m->count /= 2;
	m->step *= 2;
}

void rate_meter_add(struct rate_meter *m, int64_t now, size_t bytes)
{
	if (!m->bytes) {
		m->first_ns = now;
		m->first_bytes = bytes;
		m->step = 1;
	}
	m->bytes += bytes;
	m->last_ns = now;
	if (++m->skipped < m->step)
		return;
	m->skipped = 0;
	if (m->count == RATE_SAMPLES)
		halve(m);
	m->samples[m->count++] = (struct rate_sample){ now, m->bytes };
}

static double rate(uint64_t bytes, int64_t ns)
{
	return ns > 0 ? (double)bytes * 8e9 / (double)ns : 0;
}

double rate_meter_mean(const struct rate_meter *m)
{
	/* What came with the first arrival came before the clock started. */
	return rate(m->bytes - m->first_bytes, m->last_ns - m->first_ns);
}

double rate_meter_steady(const struct rate_meter *m)
{
	unsigned from = 0;

	while (from < m->count && m->samples[from].bytes < m->bytes / 3)
		from++;
	if (m->count < from + ENOUGH)
		return rate_meter_mean(m);
	const struct rate_sample *a = &m->samples[from], *b = &m->samples[m->count - 1];
	return rate(b->bytes - a->bytes, b->ns - a->ns);
}
