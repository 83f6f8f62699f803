/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks that are with this node now: waiting for a runner, or running in one. */
#pragma once
#include <stdbool.h>

#include "base/map.h"
#include "node/record.h"

struct sonde_super_runner;

struct sonde_job {
	struct sonde_task_key key;
	struct sonde_msg_task task; /* texts point behind this struct */
	int64_t came_ns;            /* CLOCK_BOOTTIME */
	int64_t sent_ns;            /* to the runner that has it now; 0 = waiting */
	int64_t first_ns;           /* first sent; 0 = never */
	int64_t wall_ms;            /* wall clock at first_ns, or when it came */
	struct sonde_super_runner *runner; /* that has it; kept by the supervisor, NULL = waiting */
	unsigned reruns;
	bool cancelled;
	struct sonde_job *prev, *next;
};

struct sonde_job_list {
	struct sonde_job *first, *last;
	unsigned count;
};

struct sonde_jobs {
	struct sonde_map map;
	struct sonde_job_list waiting, running;
};

void sonde_jobs_init(struct sonde_jobs *);
void sonde_jobs_deinit(struct sonde_jobs *); /* frees the jobs, too */
struct sonde_task_key sonde_task_key_of(const struct sonde_msg_task *);
struct sonde_job *sonde_jobs_find(const struct sonde_jobs *, const struct sonde_task_key *);
/* A copy of the task, waiting; SONDE_EEXIST, SONDE_ENOMEM. */
int sonde_jobs_add(struct sonde_jobs *, const struct sonde_msg_task *, struct sonde_job **);
void sonde_jobs_run(struct sonde_jobs *, struct sonde_job *);  /* waiting -> running */
void sonde_jobs_wait(struct sonde_jobs *, struct sonde_job *); /* running -> waiting, at its end */
void sonde_jobs_remove(struct sonde_jobs *, struct sonde_job *); /* and free */
