/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the supervisor, shared by super.c (tasks, time, life) and super_runner.c (the
 * runner processes). */
#pragma once
#include "node/crashes.h"
#include "node/super.h"

enum {
	SONDE_PAUSE_MS = 100,
	SONDE_PAUSE_MAX_MS = 5000,
};

enum sonde_runner_role {
	SONDE_RUNNER_SERVING, /* gets the tasks */
	SONDE_RUNNER_COMING,  /* started by a reload; serves once it is ready */
	SONDE_RUNNER_LEAVING, /* finishes what it has */
};

/* One runner process. */
struct sonde_super_runner {
	struct sonde_super *super;
	struct sonde_super_runner *next;
	struct sonde_child *child;
	enum sonde_runner_role role;
	bool ready, silent;
	unsigned jobs;    /* that it has now */
	int64_t seen_ns;  /* started, or last heard of */
	int64_t idle_ns;  /* leaving: since when it has no jobs; 0 = it has some */
	struct sonde_buf types;
};

struct sonde_super {
	uv_loop_t *loop;
	uv_timer_t tick, respawn;
	struct sonde_super_options options;
	struct sonde_super_events events;
	void *arg;
	struct sonde_super_runner *runners;          /* all */
	struct sonde_super_runner *serving, *coming; /* of them; NULL = none now */
	bool asked, again; /* the reload under way was asked for; another was, meanwhile */
	bool closing;
	unsigned pause_ms, handles;
	struct sonde_buf types; /* description of the set that serves */
	struct sonde_jobs jobs;
	struct sonde_crashes crashes;
	int64_t disabled_ns; /* when the next disabled type comes back; 0 = none is disabled */
	void (*done)(void *);
	void *done_arg;
};

/* super.c */
void sonde_super_end_job(struct sonde_super *, struct sonde_job *, unsigned failure,
                         const char *why);
void sonde_super_on_end(struct sonde_super *); /* while closing: a runner is gone */

/* super_runner.c */
/* Start the runner that serves; when that fails, try again later. */
void sonde_super_start(struct sonde_super *);
void sonde_super_watch(struct sonde_super *, int64_t now); /* each tick */
/* Tell all to quit, or kill them. */
void sonde_super_quit_all(struct sonde_super *);
void sonde_super_kill_all(struct sonde_super *);
