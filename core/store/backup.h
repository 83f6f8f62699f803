/* SPDX-License-Identifier: Apache-2.0 */
/* A whole store as one file, and back. The file is a sequence of records in the order of keys, made
 * from one snapshot: what was committed when it began, and nothing of what came after. It ends with
 * a sum, so that a cut or changed file is told. Only for machines of the same byte order. */
#pragma once
#include <stdint.h>

#include "base/error.h"

enum { SONDE_BACKUP_NAME = 64 };

struct sonde_backup_report {
	uint64_t results, records, bytes; /* bytes: of the file */
	int64_t made_ms;                  /* wall time of the backup */
	char aside[SONDE_BACKUP_NAME];    /* restore: where in dir the files of before are, "" = none */
};

/* Writes the store in dir to fd. The store may be in use: its writer goes on meanwhile. The caller
 * syncs and closes fd. SONDE_ENOENT: there is no store; SONDE_EFULL: no space for the file. */
int sonde_store_backup(const char *dir, int fd, struct sonde_backup_report *, struct sonde_error *);
/* Makes the store in dir what the file at fd holds. The file is read and checked to its end before
 * anything in dir changes; files of a store that are there are moved into a folder of dir, not
 * deleted. SONDE_ECONFLICT: the store is in use; SONDE_EINVAL: not a backup, or a damaged one.
 * Results that are stored from then on have ingest numbers far above those of the backup, so that a
 * reader whose cursor is ahead of it misses nothing. */
int sonde_store_restore(int fd, const char *dir, struct sonde_backup_report *, struct sonde_error *);
