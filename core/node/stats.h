/* SPDX-License-Identifier: Apache-2.0 */
/* What the heartbeat says about the tasks done. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { SONDE_STATS_TASKS = 100 };

struct sonde_stats {
	uint64_t probes; /* since the start */
	struct {
		int64_t took_us;
		bool ours;
	} last[SONDE_STATS_TASKS];
};

/* ours: the measurement could not be made. */
void sonde_stats_add(struct sonde_stats *, int64_t took_us, bool ours);
/* Mean over the last tasks, 0 when there were none. */
double sonde_stats_response_ms(const struct sonde_stats *);
double sonde_stats_error_rate(const struct sonde_stats *);
/* Load average of one minute over the processors. */
double sonde_stats_load(void);
