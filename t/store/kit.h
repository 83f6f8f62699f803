/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a directory of their own, jobs made from a function, waiting
 * for their end. */
#pragma once
#include <stdbool.h>

#include "store/store.h"

struct kit {
	char dir[64];
	struct sonde_store *store;
	struct sonde_store_options options;
};

void kit_open(struct kit *); /* first call makes the directory */
void kit_close(struct kit *);
void kit_remove(struct kit *); /* closes when open, deletes the directory */

struct kit_job {
	struct sonde_job job;
	int (*fn)(struct sonde_write *, void *);
	void *arg;
	int status;
	bool finished;
};

/* Submits and returns at once; the job must stay until finished. */
int kit_start(struct kit *, struct kit_job *, int (*fn)(struct sonde_write *, void *), void *arg);
/* Submits, waits for done, returns its status. */
int kit_run(struct kit *, int (*fn)(struct sonde_write *, void *), void *arg);
void kit_wait(struct kit *, const struct kit_job *);

struct sonde_slice kit_text(const char *);
struct sonde_id kit_id(uint32_t n); /* distinct, made on 2026-11-21 */
/* A result of node n; body "{\"seq\":SEQ}" in a buffer of the caller (at least 40 bytes). */
struct sonde_result kit_result(uint32_t node, uint64_t epoch, uint64_t seq, char *body);
