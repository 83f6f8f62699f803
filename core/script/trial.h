/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of a policy (x.t.lua) through lua/bench.lua, which says how a test file looks.
 * Bench and tests run in a sandbox like the policy, with room for long ones. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Called for each case, in order. why: one sentence, "" when passed. */
typedef void sonde_trial_fn(void *arg, bool passed, const char *name, const char *why);

struct sonde_trial_text {
	const char *name; /* in errors: a file's path */
	const char *text;
	size_t len;
};

/* SONDE_OK when all cases ran, passed or not; otherwise the error names the file and line. */
int sonde_policy_trial(const char *bench_file, const char *policy_file, const char *test_file,
                       sonde_trial_fn *, void *arg, struct sonde_error *);
/* The same with texts at hand; on any thread. */
int sonde_policy_trial_texts(const struct sonde_trial_text *bench,
                             const struct sonde_trial_text *policy,
                             const struct sonde_trial_text *test, sonde_trial_fn *, void *arg,
                             struct sonde_error *);
