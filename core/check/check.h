/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde plugin check`: one plugin file is opened in a child process inside the runner's jail, in a
 * network namespace of its own where the kernel gives one, and its probes run on a fake host with a
 * virtual clock: first with the defaults, then with parameters from a seeded generator. Nothing of
 * the plugin runs in the calling process. */
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "jail/jail.h"

struct sonde_check {
	const char *path;
	const char *page; /* the user's page; NULL = NAME.md beside the file, when there is one */
	uint64_t seed;
	uint32_t runs; /* beside those with the defaults */
	struct sonde_jail jail;
};

/* Writes one line a finding ("error: ...", "warning: ..."), printable ASCII. Returns how many
 * errors there were, 0 = the plugin is well; a negative status with *e filled when it could not be
 * tried. Blocks: a run has at most 5 s. */
int sonde_check_plugin(const struct sonde_check *, FILE *out, struct sonde_error *e);
