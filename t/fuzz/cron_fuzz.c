/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: cron expressions and maintenance windows. What is taken has due times that follow
 * one another and fit the expression's own minute. */
#include <stdint.h>
#include <stdlib.h>

#include "base/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct sonde_plan *p)
{
	int64_t t = INT64_C(1767225600000);

	for (int i = 0; i < 5; i++) {
		int64_t next = sonde_plan_next(p, t);
		if (next == SONDE_PLAN_NEVER)
			return;
		if (next <= t || !sonde_plan_is_due(p, next))
			abort();
		t = next;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_plan_window windows[SONDE_PLAN_WINDOWS];
	struct sonde_plan p = { .until_ms = SONDE_PLAN_NEVER, .windows = windows };
	struct sonde_error e;
	struct sonde_plan every = { .every_ms = 60000, .until_ms = SONDE_PLAN_NEVER,
		                    .windows = windows };

	if (sonde_cron_parse((const char *)data, size, &p.cron, &e) == SONDE_OK) {
		if (sonde_cron_next(&p.cron, 0, 0) % 60000)
			abort();
		walk(&p);
	}
	if (sonde_plan_windows((const char *)data, size, windows, &every.window_count, &e) == SONDE_OK)
		walk(&every);
	return 0;
}
