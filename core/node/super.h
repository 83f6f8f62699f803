/* SPDX-License-Identifier: Apache-2.0 */
/* The runner's supervisor: keeps one runner alive, gives it the tasks, replaces it by one with a new
 * set of plugins, and sees to it that each task ends with exactly one outcome whatever runners do. */
#pragma once
#include <uv.h>

#include "node/child.h"
#include "node/jobs.h"

struct sonde_super;

struct sonde_super_options {
	struct sonde_child_options child;
	unsigned silence_ms; /* a runner that says nothing for so long is killed; 0 = 5000 */
	struct sonde_text types; /* what sonde_describe said at the start; copied */
};

struct sonde_super_events {
	/* A task is over. Texts are borrowed. The job is gone when this is called. */
	void (*outcome)(void *arg, const struct sonde_msg_result *);
	/* A message of kind progress, to be sent on. */
	void (*progress)(void *arg, const struct sonde_msg *);
	/* The set that serves is another one now, or (asked) a reload is over; why: the sentence why
	 * that changed nothing, "" when it did. Texts are borrowed. */
	void (*types)(void *arg, const struct sonde_msg_types *);
};

int sonde_super_new(uv_loop_t *, const struct sonde_super_options *,
                    const struct sonde_super_events *, void *arg, struct sonde_super **);
/* Take a task. SONDE_EEXIST when it is here already, SONDE_ENOMEM. Goes to the runner with the next
 * sonde_super_flush, or when a runner is ready. */
int sonde_super_submit(struct sonde_super *, const struct sonde_msg_task *);
void sonde_super_flush(struct sonde_super *);
/* Unknown keys are ignored; the outcome follows. */
void sonde_super_cancel(struct sonde_super *, const struct sonde_task_key *);
/* Seconds that a type is still disabled because it crashed too often; 0 = it is not. */
int64_t sonde_super_disabled(const struct sonde_super *, struct sonde_text type);
const struct sonde_jobs *sonde_super_jobs(const struct sonde_super *);
/* Start a runner with what is in the plugin directory now. When it is ready it gets the new tasks,
 * and the old one ends with its last; a plugin that is broken is left out. When the new set lacks,
 * through a broken file, a type that is served now, nothing changes. The types event tells. Types
 * that were disabled get a new chance. */
void sonde_super_reload(struct sonde_super *);
/* The same with what is known now, unless a runner is coming anyway: the options have changed. */
void sonde_super_renew(struct sonde_super *);
/* End every task now with this failure. */
void sonde_super_abandon(struct sonde_super *, unsigned failure, const char *why);
/* Kill the runner; the next one takes over what it had. */
void sonde_super_restart(struct sonde_super *);
bool sonde_super_is_ready(const struct sonde_super *); /* a runner is there and has its plugins */
/* Ends the runner; no callback but `done` comes after this. Frees. */
void sonde_super_close(struct sonde_super *, void (*done)(void *arg), void *arg);
