/* SPDX-License-Identifier: Apache-2.0 */
/* How the small plugins of these tests end: when they are told to, and with nothing to give back. */
#pragma once
#include <sonde/plugin.h>

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	p->host->done(p, why == SONDE_WHY_TIMEOUT ? SONDE_FAIL_TIMEOUT : SONDE_FAIL_CANCELLED,
	              "it was told to end");
}

static void finish(struct sonde_probe *p)
{
}
