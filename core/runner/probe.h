/* SPDX-License-Identifier: Apache-2.0 */
/* One probe from its task to its outcome, and the two halves that share it: probe.c (its life)
 * and host.c (what the plugin may call).
 *
 *   start -> RUNNING -> done() or forced -> OVER -> finish() -> outcome sent -> freed
 *
 * A plugin may call done() anywhere inside a callback, so that finish() waits until the outermost
 * callback has returned. From OVER on, the host calls nothing but finish(), and what the plugin
 * calls does nothing. */
#pragma once
#include "runner/runner.h"

struct sonde_timer {
	struct sonde_alarm alarm;
	struct sonde_run *run;
	sonde_timer_fn *fn;
	void *arg;
	LIST_ENTRY(sonde_timer) link;
};

struct sonde_watch {
	struct sonde_fdwatch watch;
	struct sonde_run *run;
	sonde_watch_fn *fn;
	void *arg;
	uint64_t moved; /* bytes of its connection that were counted: pace.c */
	bool held;
	unsigned held_events;
	struct sonde_watch *held_next;
	LIST_ENTRY(sonde_watch) link;
};

/* One reverse lookup of a probe. */
struct sonde_naming {
	struct sonde_name_wait wait; /* first */
	struct sonde_run *run;
	sonde_named_fn *fn;
	void *arg;
	LIST_ENTRY(sonde_naming) link;
};

struct sonde_run {
	struct sonde_probe probe; /* first: what the plugin sees */
	struct sonde_runner *runner;
	const struct sonde_plug *plug;
	struct sonde_task_key key;
	struct sonde_pool pool;
	struct sonde_given *given; /* holds the texts of the arguments */
	struct sonde_result result;
	LIST_HEAD(, sonde_timer) timers;
	LIST_HEAD(, sonde_watch) watches;
	LIST_HEAD(, sonde_timer) old_timers; /* dead handles, used again */
	LIST_HEAD(, sonde_watch) old_watches;
	LIST_HEAD(, sonde_naming) namings, old_namings;
	unsigned naming;
	struct sonde_alarm deadline;
	struct sonde_lookup *lookup;
	sonde_resolved_fn *resolved;
	void *resolved_arg;
	int64_t started_ns, started_ms, took_ns;
	enum sonde_failure failure;
	char why[500];
	unsigned inside;      /* callbacks of the plugin on the stack */
	bool over, cancelled; /* cancelled: cancel() was called */
	bool resolving;
	bool progress, talking;
	enum sonde_why why_cancelled;
	size_t told;          /* bytes of rawOutput that went out as progress */
	TAILQ_ENTRY(sonde_run) link, talk;
};

extern const struct sonde_host sonde_runner_host;

static inline struct sonde_run *sonde_run_of(struct sonde_probe *p)
{
	return (struct sonde_run *)p;
}

/* Around every call into the plugin: the page of blame, and the end of a probe that called done().
 * After leave the run may be gone. */
void sonde_run_enter(struct sonde_run *);
void sonde_run_leave(struct sonde_run *);
/* The probe is over: no callback comes any more. The first call counts. */
void sonde_run_over(struct sonde_run *, enum sonde_failure, const char *why);
/* Bytes were added to rawOutput. */
void sonde_run_talk(struct sonde_run *);
