/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the spool, shared by spool.c (append, commit, ack), spool_read.c (the reader) and
 * spool_open.c (opening) and spool_epoch.c (epochs). */
#pragma once
#include "node/spool.h"

/* Records first..last of the current epoch, `bytes` long in the file. last = first - 1: empty. */
struct sonde_segment {
	uint64_t first, last, bytes;
	int64_t acked_ns; /* boottime when all of it was acknowledged; 0 = not yet */
};

struct sonde_reader {
	int fd;
	uint64_t first;  /* of the segment that fd is; 0 = none */
	uint64_t offset; /* of buf[0] in the file */
	uint64_t seq;    /* the record wanted next */
	uint64_t expect; /* seq of the record at buf[at] */
	uint64_t lost;   /* what was just peeked: so many are gone */
	uint8_t *buf;
	size_t len, at, step;
};

struct sonde_spool_group {
	int fd, dir_fd;
	bool sync_dir; /* the segment's name is new */
	uint64_t offset;
	struct sonde_buf bytes;
	uint64_t last;
	int write_errno, sync_errno;
};

struct sonde_spool {
	int dir_fd, lock_fd;
	int fd; /* of the newest segment */
	uint64_t max_bytes, keep_bytes;
	uint32_t segment_bytes;
	uint64_t epoch;
	/* The highest seq that the controller can hold of this epoch if nobody but us wrote it. */
	uint64_t claimed;
	uint64_t counted; /* holes up to this seq are in `damage` */
	bool sure;     /* the epoch file says that the controller has confirmed us */

	struct sonde_segment *segments; /* oldest first, never none once open */
	size_t segment_count, segment_room;
	uint64_t bytes, kept; /* of all segments; of those that are acknowledged */

	uint64_t next, synced, acked;
	struct sonde_buf pending;
	unsigned pending_count;
	struct sonde_spool_group group;
	bool out, again, new_name, failing;
	struct sonde_spool_damage damage;

	struct sonde_reader readers[SONDE_LANES];
};

enum { SONDE_SEGMENT_NAME = 16 + 1 + 16 + 4 + 1 };
void sonde_segment_name(char out[SONDE_SEGMENT_NAME], uint64_t epoch, uint64_t first);
/* Create the segment that begins at `first` and make it the newest. */
int sonde_segment_begin(struct sonde_spool *, uint64_t first);
int sonde_segment_push(struct sonde_spool *, struct sonde_segment);
/* 16 lower-case hex digits. */
bool sonde_hex_parse(const char *text, uint64_t *out);
/* false: there is no epoch file, or nothing in it that can be believed. */
bool sonde_epoch_load(struct sonde_spool *);
/* Durably note epoch, claimed and sure. */
int sonde_epoch_save(struct sonde_spool *);
void sonde_reader_reset(struct sonde_reader *);
/* from..to are gone for good: into the log and the damage, once. */
void sonde_spool_lose(struct sonde_spool *, uint64_t from, uint64_t to, const char *why);
/* Whole write at an offset; 0 or an errno. */
int sonde_pwrite_all(int fd, const void *, size_t, uint64_t offset);
