/* SPDX-License-Identifier: Apache-2.0 */
/* One sonde-runner process: started with posix_spawn (a fork of a large node would stop its loop),
 * spoken to over a socketpair, watched until it is dead and everything it said has been read. */
#pragma once
#include <uv.h>

#include "base/error.h"
#include "wire/wire.h"

struct sonde_child_options {
	const char *runner, *plugins; /* program, directory */
	const char *allow, *deny;     /* prefixes for the guard, NULL = none */
	const char *only;             /* all that may be probed, NULL = no such limit */
	int64_t bits_per_second;      /* of all connections, 0 = any */
	const char *own;              /* addresses that need to be allowed, NULL = none; read at each start */
	unsigned concurrency;
};

/* What the plugins offer: the JSON object that `<runner> --describe` prints, at most 256 KiB,
 * appended to out without its line end. Blocks, at most 10 s. One sentence on failure. */
int sonde_describe(const struct sonde_child_options *, struct sonde_buf *out, struct sonde_error *);

struct sonde_child;

struct sonde_child_events {
	/* One message of the runner; texts are borrowed until it returns. */
	void (*message)(struct sonde_child *, void *arg, const struct sonde_msg *);
	/* Last callback, never from within another function here: the process is dead and reaped. how:
	 * one phrase. blame->active says whether a probe's code was running. The child is freed when it
	 * returns. */
	void (*gone)(struct sonde_child *, void *arg, const char *how,
	             const struct sonde_blame *blame);
};

int sonde_child_start(uv_loop_t *, const struct sonde_child_options *,
                      const struct sonde_child_events *, void *arg, struct sonde_child **,
                      struct sonde_error *);
/* SONDE_EFULL when the runner does not read, SONDE_EGONE after a kill. */
int sonde_child_send(struct sonde_child *, const struct sonde_msg *);
/* SIGKILL; gone follows. */
void sonde_child_kill(struct sonde_child *);
