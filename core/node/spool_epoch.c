/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's epochs. The epoch file ("sonde-spool 1 <epoch> <claimed> <sure|open>") lets a node
 * notice that its disk went back in time. `claimed` is the highest seq that the controller can hold
 * of this epoch as far as this spool knows; it is noted at each open, before anything new is sent,
 * and is "sure" once a controller has agreed. When the controller shows more than that, its records
 * and ours are different histories under one number, and ours move to a new epoch: written there
 * and synced, then the epoch file is replaced, then the old segments go. A crash between leaves the
 * half that the epoch file does not name, and the next open removes it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/spool_private.h"

#define EPOCH_HEAD "sonde-spool 1 "

enum {
	EPOCH_AT = sizeof(EPOCH_HEAD) - 1,
	CLAIMED_AT = EPOCH_AT + 17,
	WORD_AT = CLAIMED_AT + 17,
	EPOCH_TEXT = WORD_AT + 5,
	MOVE_BYTES = 1 << 20,
};

bool sonde_hex_parse(const char *text, uint64_t *out)
{
	static const char digits[] = "0123456789abcdef";

	*out = 0;
	for (int i = 0; i < 16; i++) {
		const char *at = text[i] ? strchr(digits, text[i]) : NULL;
		if (!at)
			return false;
		*out = *out << 4 | (uint64_t)(at - digits);
	}
	return true;
}

bool sonde_epoch_load(struct sonde_spool *s)
{
	char text[EPOCH_TEXT + 1] = "";
	int fd = openat(s->dir_fd, "epoch", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return false;
	ssize_t n = pread(fd, text, EPOCH_TEXT, 0);
	close(fd);
	s->sure = n == EPOCH_TEXT && !memcmp(text + WORD_AT, "sure\n", 5);
	return n == EPOCH_TEXT && !memcmp(text, EPOCH_HEAD, EPOCH_AT) &&
	       sonde_hex_parse(text + EPOCH_AT, &s->epoch) && s->epoch > 0 &&
	       sonde_hex_parse(text + CLAIMED_AT, &s->claimed) &&
	       (s->sure || !memcmp(text + WORD_AT, "open\n", 5));
}

/* On a full disk, which only acknowledgements may empty again, the file that is there must do: it has
 * this length always and lies within one block. */
static int overwrite(const struct sonde_spool *s, const char *text, int n)
{
	int fd = openat(s->dir_fd, "epoch", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return SONDE_EIO;
	bool bad = sonde_pwrite_all(fd, text, n, 0) || fdatasync(fd);
	close(fd);
	return bad ? SONDE_EIO : SONDE_OK;
}

int sonde_epoch_save(struct sonde_spool *s)
{
	char text[EPOCH_TEXT + 1];
	int n = snprintf(text, sizeof(text), EPOCH_HEAD "%016" PRIx64 " %016" PRIx64 " %s\n",
	                 s->epoch, s->claimed, s->sure ? "sure" : "open");
	int fd = openat(s->dir_fd, "epoch.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error = fd < 0 ? errno : sonde_pwrite_all(fd, text, n, 0);

	if (error) {
		if (fd >= 0)
			close(fd);
		unlinkat(s->dir_fd, "epoch.new", 0);
		return error == ENOSPC || error == EDQUOT ? overwrite(s, text, n) : SONDE_EIO;
	}
	bool bad = fdatasync(fd);
	close(fd);
	if (bad || renameat(s->dir_fd, "epoch.new", s->dir_fd, "epoch") || fsync(s->dir_fd))
		return SONDE_EIO;
	return SONDE_OK;
}

static int flush(struct sonde_spool *s)
{
	struct sonde_spool_group *g;

	while ((g = sonde_spool_stage(s))) {
		sonde_spool_write(g);
		int rc = sonde_spool_commit(s, g);
		if (rc)
			return rc;
	}
	return s->pending_count ? SONDE_EFULL : SONDE_OK;
}

static void remove_segments(const struct sonde_spool *s)
{
	for (size_t i = 0; i < s->segment_count; i++) {
		char name[SONDE_SEGMENT_NAME];
		sonde_segment_name(name, s->epoch, s->segments[i].first);
		unlinkat(s->dir_fd, name, 0);
	}
}

/* Everything after `seq`, numbered anew from 1, into `to`. */
static int copy_records(struct sonde_spool *from, uint64_t seq, struct sonde_spool *to)
{
	struct sonde_record r;
	uint64_t given;
	int rc = sonde_segment_begin(to, 1);

	sonde_spool_seek(from, SONDE_LANE_BACKLOG, seq);
	while (!rc && !(rc = sonde_spool_peek(from, SONDE_LANE_BACKLOG, &r))) {
		/* What is lost has no place in the new numbers; it is in the log and the damage. */
		if (!r.lost)
			rc = sonde_spool_append(to, r.payload, r.len, &given);
		sonde_spool_pass(from, SONDE_LANE_BACKLOG);
		if (!rc && to->pending.len >= MOVE_BYTES)
			rc = flush(to);
	}
	return rc == SONDE_ENOENT ? flush(to) : rc;
}

static int renew(struct sonde_spool *s, uint64_t epoch, uint64_t seq)
{
	struct sonde_spool to = *s;

	int rc = flush(s);
	if (rc)
		return rc;
	to.segments = NULL;
	to.segment_count = to.segment_room = 0;
	to.fd = -1;
	to.epoch = epoch;
	to.claimed = to.synced = to.acked = to.bytes = to.kept = to.counted = 0;
	to.next = 1;
	to.pending_count = 0;
	to.sure = true;
	sonde_buf_init(&to.pending, s->pending.max);
	sonde_buf_init(&to.group.bytes, s->group.bytes.max);
	to.out = to.again = to.failing = false;
	rc = copy_records(s, seq, &to);
	if (!rc)
		rc = sonde_epoch_save(&to);
	struct sonde_spool *dead = rc ? &to : s;
	remove_segments(dead);
	free(dead->segments);
	sonde_buf_deinit(&dead->pending);
	sonde_buf_deinit(&dead->group.bytes);
	if (dead->fd >= 0)
		close(dead->fd);
	for (unsigned i = 0; i < SONDE_LANES; i++)
		sonde_reader_reset(&s->readers[i]);
	if (rc)
		return rc;
	memcpy(to.readers, s->readers, sizeof(to.readers));
	to.damage = s->damage;
	to.damage.renewals++;
	*s = to;
	return SONDE_OK;
}

/* The controller was put back to an older state: what it no longer has is sent again, as far as it
 * is still here. */
static void forget_acks(struct sonde_spool *s, uint64_t seq)
{
	sonde_log(SONDE_LOG_WARN, "spool",
	          "the controller has only %" PRIu64 " of the %" PRIu64 " results it once had", seq,
	          s->acked);
	s->acked = seq;
	for (size_t i = 0; i < s->segment_count; i++) {
		if (!s->segments[i].acked_ns || s->segments[i].last <= seq)
			continue;
		s->segments[i].acked_ns = 0;
		s->kept -= s->segments[i].bytes;
	}
}

int sonde_spool_confirm(struct sonde_spool *s, uint64_t epoch, uint64_t seq, uint64_t highest)
{
	uint64_t known = s->claimed < s->synced ? s->claimed : s->synced;

	if (s->out)
		return SONDE_EFULL;
	if (epoch > s->epoch || (epoch == s->epoch && highest > s->claimed)) {
		uint64_t keep_after = epoch > s->epoch ? s->acked : known;
		sonde_log(SONDE_LOG_WARN, "spool",
		          "the controller has %" PRIu64 "/%" PRIu64 ", this spool only %" PRIu64
		          "/%" PRIu64 ": a new epoch begins",
		          epoch, highest, s->epoch, s->claimed);
		return renew(s, epoch + 1, keep_after);
	}
	if (epoch < s->epoch)
		seq = 0;
	if (seq < s->acked)
		forget_acks(s, seq);
	sonde_spool_ack(s, seq);
	if (s->sure)
		return SONDE_OK;
	s->sure = true;
	return sonde_epoch_save(s);
}
