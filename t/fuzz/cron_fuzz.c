/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: cron expressions and maintenance windows. What is taken has due times that follow
 * one another and fit the expression's own minute. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes of a run's id are its numbers. */
static void check_run(const uint8_t *data, size_t size)
{
	struct sonde_id id = { { 0 } }, again;
	struct sonde_run run;

	memcpy(id.b, data, size < sizeof(id.b) ? size : sizeof(id.b));
	sonde_run_parse(&id, &run);
	sonde_run_format(&run, &again);
	if (!sonde_id_equal(&id, &again))
		abort();
}

static void walk(const struct sonde_plan *p)
{
	int64_t t = INT64_C(1767225600000);

	if (sonde_plan_next(p, SONDE_PLAN_NEVER) != SONDE_PLAN_NEVER || sonde_plan_next(p, -9) < 0)
		abort();
	for (unsigned i = 0; i < 5; i++) {
		int64_t next = sonde_plan_next(p, t);
		if (next == SONDE_PLAN_NEVER)
			return;
		if (next <= t || !sonde_plan_is_due(p, next) ||
		    sonde_plan_count(p, INT64_C(1767225600000), next, 9) != i + 1)
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

	check_run(data, size);
	if (sonde_cron_parse((const char *)data, size, &p.cron, &e) == SONDE_OK) {
		if (sonde_cron_next(&p.cron, 0, 0) % 60000)
			abort();
		walk(&p);
	}
	if (sonde_plan_windows((const char *)data, size, windows, &every.window_count, &e) == SONDE_OK)
		walk(&every);
	return 0;
}
