/* SPDX-License-Identifier: Apache-2.0 */
/* The spool while it runs: appending, group commit, acknowledging. Owns the segment list and the
 * newest segment's descriptor.
 *
 * At most one group is out with a worker. A group lies within one segment and is written at a
 * fixed offset, so that a failed write is simply done again; nothing counts on disk before the
 * commit moves that offset. A failed fdatasync is final: the kernel may have thrown the pages away,
 * and a second try would report a success that is none. */
#include "node/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/spool_private.h"

int sonde_pwrite_all(int fd, const void *bytes, size_t n, uint64_t offset)
{
	const char *p = bytes;

	while (n) {
		ssize_t got = pwrite(fd, p, n, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? errno : ENOSPC;
		p += got;
		n -= got;
		offset += got;
	}
	return 0;
}

void sonde_segment_name(char out[SONDE_SEGMENT_NAME], uint64_t epoch, uint64_t first)
{
	snprintf(out, SONDE_SEGMENT_NAME, "%016" PRIx64 "-%016" PRIx64 ".seg", epoch, first);
}

int sonde_segment_push(struct sonde_spool *s, struct sonde_segment segment)
{
	if (s->segment_count == s->segment_room) {
		size_t room = s->segment_room ? 2 * s->segment_room : 16;
		void *grown = realloc(s->segments, room * sizeof(*s->segments));
		if (!grown)
			return SONDE_ENOMEM;
		s->segments = grown;
		s->segment_room = room;
	}
	s->segments[s->segment_count++] = segment;
	return SONDE_OK;
}

int sonde_segment_begin(struct sonde_spool *s, uint64_t first)
{
	char name[SONDE_SEGMENT_NAME];

	sonde_segment_name(name, s->epoch, first);
	int fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return SONDE_EFULL;
	int rc = sonde_segment_push(s, (struct sonde_segment){ first, first - 1, 0 });
	if (rc) {
		close(fd);
		return rc;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	s->new_name = true;
	return SONDE_OK;
}

static struct sonde_segment *newest(const struct sonde_spool *s)
{
	return &s->segments[s->segment_count - 1];
}

int sonde_spool_append(struct sonde_spool *s, const void *payload, size_t len, uint64_t *seq)
{
	size_t before = s->pending.len;

	if (len > SONDE_RECORD_MAX)
		return SONDE_EINVAL;
	sonde_record_write(&s->pending, s->next, payload, len);
	if (s->pending.failed) {
		s->pending.failed = false;
		s->pending.len = before;
		return SONDE_ENOMEM;
	}
	s->pending_count++;
	*seq = s->next++;
	return SONDE_OK;
}

bool sonde_spool_full(const struct sonde_spool *s)
{
	return s->failing || s->bytes + s->group.bytes.len + s->pending.len >= s->max_bytes;
}

struct sonde_spool_state sonde_spool_state(const struct sonde_spool *s)
{
	uint64_t first = s->segments[0].first;

	if (first <= s->acked)
		first = s->acked + 1;
	return (struct sonde_spool_state){
		.epoch = s->epoch, .first = first, .last = s->next - 1, .synced = s->synced,
		.bytes = s->bytes + s->group.bytes.len + s->pending.len,
		.count = s->next - first, .damage = s->damage,
	};
}

unsigned sonde_spool_pending(const struct sonde_spool *s)
{
	return s->pending_count;
}

struct sonde_spool_group *sonde_spool_stage(struct sonde_spool *s)
{
	struct sonde_spool_group *g = &s->group;

	if (s->out)
		return NULL;
	if (!s->again) {
		if (s->pending.len == 0)
			return NULL;
		uint64_t first = s->synced + 1;
		if (newest(s)->bytes >= s->segment_bytes && sonde_segment_begin(s, first)) {
			s->failing = true;
			return NULL;
		}
		struct sonde_buf empty = g->bytes;
		g->bytes = s->pending;
		s->pending = empty;
		s->pending_count = 0;
		g->last = s->next - 1;
	}
	g->fd = s->fd;
	g->dir_fd = s->dir_fd;
	g->sync_dir = s->new_name;
	g->offset = newest(s)->bytes;
	g->write_errno = g->sync_errno = 0;
	s->out = true;
	return g;
}

void sonde_spool_write(struct sonde_spool_group *g)
{
	g->write_errno = sonde_pwrite_all(g->fd, g->bytes.data, g->bytes.len, g->offset);
	if (g->write_errno)
		return;
	if (fdatasync(g->fd) || (g->sync_dir && fsync(g->dir_fd)))
		g->sync_errno = errno;
}

int sonde_spool_commit(struct sonde_spool *s, struct sonde_spool_group *g)
{
	s->out = false;
	if (g->sync_errno) {
		sonde_log(SONDE_LOG_ERROR, "spool", "sync failed: %s", strerror(g->sync_errno));
		return SONDE_EIO;
	}
	s->failing = s->again = g->write_errno != 0;
	if (s->failing) {
		sonde_log(SONDE_LOG_ERROR, "spool", "cannot write: %s", strerror(g->write_errno));
		return SONDE_EFULL;
	}
	s->new_name = false;
	newest(s)->bytes += g->bytes.len;
	newest(s)->last = g->last;
	s->bytes += g->bytes.len;
	s->synced = g->last;
	sonde_buf_reset(&g->bytes);
	return SONDE_OK;
}

void sonde_spool_ack(struct sonde_spool *s, uint64_t seq)
{
	size_t gone = 0;

	if (seq > s->synced)
		seq = s->synced;
	if (seq <= s->acked)
		return;
	s->acked = seq;
	/* The newest segment stays: its name keeps the sequence across a restart. */
	while (gone + 1 < s->segment_count && s->segments[gone].last <= seq) {
		char name[SONDE_SEGMENT_NAME];
		sonde_segment_name(name, s->epoch, s->segments[gone].first);
		if (unlinkat(s->dir_fd, name, 0))
			sonde_log(SONDE_LOG_WARN, "spool", "cannot remove %s: %s", name,
			          strerror(errno));
		s->bytes -= s->segments[gone].bytes;
		gone++;
	}
	s->segment_count -= gone;
	memmove(s->segments, s->segments + gone, s->segment_count * sizeof(*s->segments));
	if (s->read.seq <= seq)
		sonde_spool_rewind(s, seq);
}

void sonde_spool_close(struct sonde_spool *s)
{
	if (!s)
		return;
	sonde_spool_read_reset(s);
	free(s->read.buf);
	sonde_buf_deinit(&s->pending);
	sonde_buf_deinit(&s->group.bytes);
	free(s->segments);
	if (s->fd >= 0)
		close(s->fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s);
}
