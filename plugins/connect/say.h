/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe tells people; shared by the plugins that write lines. */
#pragma once
#include <sonde/plugin.h>

/* A line of rawOutput, cut at 1,023 bytes. */
void sonde_say(struct sonde_probe *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
