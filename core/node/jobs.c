/* SPDX-License-Identifier: Apache-2.0 */
/* The job table: one map for finding, two lists for walking in order. Owns the jobs. */
#include "node/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void sonde_jobs_init(struct sonde_jobs *t)
{
	memset(t, 0, sizeof(*t));
	sonde_map_init(&t->map);
}

static void push(struct sonde_job_list *list, struct sonde_job *job)
{
	job->next = NULL;
	job->prev = list->last;
	if (list->last)
		list->last->next = job;
	else
		list->first = job;
	list->last = job;
	list->count++;
}

static void drop(struct sonde_job_list *list, struct sonde_job *job)
{
	if (job->prev)
		job->prev->next = job->next;
	else
		list->first = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else
		list->last = job->prev;
	list->count--;
}

struct sonde_task_key sonde_task_key_of(const struct sonde_msg_task *task)
{
	return (struct sonde_task_key){ task->measurement, task->task, task->attempt };
}

struct sonde_job *sonde_jobs_find(const struct sonde_jobs *t, const struct sonde_task_key *key)
{
	return sonde_map_get(&t->map, key, sizeof(*key));
}

static char *keep(char *to, struct sonde_text *text)
{
	if (text->len)
		memcpy(to, text->s, text->len);
	text->s = to;
	return to + text->len;
}

int sonde_jobs_add(struct sonde_jobs *t, const struct sonde_msg_task *task, struct sonde_job **out)
{
	struct sonde_task_key key = sonde_task_key_of(task);

	if (sonde_jobs_find(t, &key))
		return SONDE_EEXIST;
	struct sonde_job *job =
		calloc(1, sizeof(*job) + task->type.len + task->target.len + task->options.len);
	if (!job)
		return SONDE_ENOMEM;
	job->key = key;
	job->task = *task;
	char *at = keep((char *)(job + 1), &job->task.type);
	at = keep(at, &job->task.target);
	keep(at, &job->task.options);
	job->came_ns = sonde_boottime_ns();
	job->wall_ms = sonde_wall_ms();
	if (sonde_map_put(&t->map, &job->key, sizeof(job->key), job)) {
		free(job);
		return SONDE_ENOMEM;
	}
	push(&t->waiting, job);
	*out = job;
	return SONDE_OK;
}

void sonde_jobs_run(struct sonde_jobs *t, struct sonde_job *job)
{
	drop(&t->waiting, job);
	push(&t->running, job);
	job->sent_ns = sonde_boottime_ns();
	if (!job->first_ns) {
		job->first_ns = job->sent_ns;
		job->wall_ms = sonde_wall_ms();
	}
}

void sonde_jobs_wait(struct sonde_jobs *t, struct sonde_job *job)
{
	drop(&t->running, job);
	push(&t->waiting, job);
	job->sent_ns = 0;
}

void sonde_jobs_remove(struct sonde_jobs *t, struct sonde_job *job)
{
	drop(job->sent_ns ? &t->running : &t->waiting, job);
	sonde_map_take(&t->map, &job->key, sizeof(job->key));
	free(job);
}

void sonde_jobs_deinit(struct sonde_jobs *t)
{
	while (t->waiting.first)
		sonde_jobs_remove(t, t->waiting.first);
	while (t->running.first)
		sonde_jobs_remove(t, t->running.first);
	sonde_map_deinit(&t->map);
}
