/* SPDX-License-Identifier: Apache-2.0 */
/* Figures over the last tasks: a ring in the caller's memory. */
#include "node/stats.h"

#include <stdlib.h>
#include <unistd.h>

void sonde_stats_add(struct sonde_stats *s, int64_t took_us, bool ours)
{
	unsigned at = s->probes++ % SONDE_STATS_TASKS;

	s->last[at].took_us = took_us > 0 ? took_us : 0;
	s->last[at].ours = ours;
}

static unsigned known(const struct sonde_stats *s)
{
	return s->probes < SONDE_STATS_TASKS ? (unsigned)s->probes : SONDE_STATS_TASKS;
}

double sonde_stats_response_ms(const struct sonde_stats *s)
{
	unsigned n = known(s);
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += (double)s->last[i].took_us;
	return n ? sum / n / 1000 : 0;
}

double sonde_stats_error_rate(const struct sonde_stats *s)
{
	unsigned n = known(s), bad = 0;

	for (unsigned i = 0; i < n; i++)
		bad += s->last[i].ours;
	return n ? (double)bad / n : 0;
}

double sonde_stats_load(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	double load = 0;

	if (getloadavg(&load, 1) != 1)
		return 0;
	return load / (cores > 0 ? (double)cores : 1);
}
