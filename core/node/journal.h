/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks that this node has taken, and the last ones it has finished: so that after a kill it
 * can say what became of them, and never runs an attempt twice. One append-only file that is
 * rewritten when it has grown. Grouped and synced like the spool, with a worker. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "node/record.h"

struct sonde_journal;

enum sonde_journal_state {
	SONDE_JOURNAL_UNKNOWN = 0,
	SONDE_JOURNAL_TAKEN,
	SONDE_JOURNAL_FINISHED,
};

enum { SONDE_JOURNAL_KEEP = 4096 }; /* finished attempts that are remembered */

/* Open or create; a damaged line ends what is read. */
int sonde_journal_open(const char *path, struct sonde_journal **, struct sonde_error *);
void sonde_journal_close(struct sonde_journal *);

enum sonde_journal_state sonde_journal_find(const struct sonde_journal *,
                                            const struct sonde_task_key *);
/* Note an attempt; taking one that is known, or finishing one that is not taken, is no-op.
 * SONDE_ENOMEM. Durable after the commit of the group that holds it. */
int sonde_journal_take(struct sonde_journal *, const struct sonde_task_key *, int64_t wall_ms);
int sonde_journal_finish(struct sonde_journal *, const struct sonde_task_key *, int64_t wall_ms);
/* Walk the attempts taken and not finished: *at = 0 first; false at the end. The one just
 * returned may be finished meanwhile. */
bool sonde_journal_next(const struct sonde_journal *, size_t *at, struct sonde_journal_line *);

struct sonde_journal_group;
struct sonde_journal_group *sonde_journal_stage(struct sonde_journal *); /* NULL: nothing, or out */
void sonde_journal_write(struct sonde_journal_group *);                  /* for a worker thread */
/* SONDE_OK, SONDE_EFULL (stage again later), SONDE_EIO (a sync failed: end the process). */
int sonde_journal_commit(struct sonde_journal *, struct sonde_journal_group *);
/* The last write failed: take no new work. */
bool sonde_journal_failing(const struct sonde_journal *);
