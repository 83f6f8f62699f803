/* SPDX-License-Identifier: Apache-2.0 */
/* Command line of sonde-runner, as parameter rows: "--name value", "--name=value", and "--name"
 * alone for a bool. */
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"

struct sonde_runner_options {
	const char *plugins, *guard_allow, *guard_deny, *guard_own, *guard_only, *resolver, *read;
	int64_t fd, blame_fd, concurrency, memory, nofile, nproc, uid, gid;
	int64_t bits_per_second;
	uint32_t log_level;
	uint8_t describe, jail, help;
	/* --check */
	const char *check, *page;
	int64_t runs, seed;
};

/* Texts live in the pool. */
int sonde_runner_options_parse(int argc, char **argv, struct sonde_runner_options *,
                               struct sonde_pool *, struct sonde_error *);
void sonde_runner_options_help(void); /* to stdout */
