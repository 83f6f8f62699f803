/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `faulty` only. */
#pragma once
#include <sonde/plugin.h>

struct faulty_args {
	uint32_t how;
	int64_t delay; /* ns */
	const char *path, *spool;
};

/* Tries every way out of the jail that is in its table, and tells which were open. */
int faulty_escape(struct sonde_probe *);
