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

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "node/spool_private.h"

#define KEEP_NS (24 * 3600 * SONDE_NS_PER_S)

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
	int rc = sonde_segment_push(s, (struct sonde_segment){ .first = first, .last = first - 1 });
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

static uint64_t waiting_bytes(const struct sonde_spool *s)
{
	return s->bytes - s->kept + s->group.bytes.len + s->pending.len;
}

bool sonde_spool_full(const struct sonde_spool *s)
{
	return s->failing || waiting_bytes(s) >= s->max_bytes;
}

struct sonde_spool_state sonde_spool_state(const struct sonde_spool *s)
{
	uint64_t first = s->segments[0].first;

	if (first <= s->acked)
		first = s->acked + 1;
	return (struct sonde_spool_state){
		.epoch = s->epoch, .first = first, .last = s->next - 1, .synced = s->synced,
		.bytes = waiting_bytes(s),
		.count = s->next - first, .full = waiting_bytes(s) >= s->max_bytes,
		.failing = s->failing, .damage = s->damage,
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
	SONDE_EDGE("spool.before_write");
	if (!SONDE_BUG(10))
		g->write_errno = sonde_pwrite_all(g->fd, g->bytes.data, g->bytes.len, g->offset);
	if (g->write_errno)
		return;
	SONDE_EDGE("spool.before_sync");
	if (fdatasync(g->fd) || (g->sync_dir && fsync(g->dir_fd)))
		g->sync_errno = errno;
}

static void drop_oldest(struct sonde_spool *s)
{
	const struct sonde_segment *oldest = &s->segments[0];
	char name[SONDE_SEGMENT_NAME];

	sonde_segment_name(name, s->epoch, oldest->first);
	if (unlinkat(s->dir_fd, name, 0))
		sonde_log(SONDE_LOG_WARN, "spool", "cannot remove %s: %s", name, strerror(errno));
	s->bytes -= oldest->bytes;
	if (oldest->acked_ns)
		s->kept -= oldest->bytes;
	s->segment_count--;
	memmove(s->segments, s->segments + 1, s->segment_count * sizeof(*s->segments));
}

/* What comes although the spool is full (work that runs without a controller) pushes the oldest out:
 * the newest say more about now. */
static void push_out(struct sonde_spool *s)
{
	while (s->segment_count > 1 && waiting_bytes(s) > s->max_bytes) {
		const struct sonde_segment *oldest = &s->segments[0];
		uint64_t from = oldest->first > s->acked ? oldest->first : s->acked + 1;
		sonde_spool_lose(s, from, oldest->last, "the spool is full");
		drop_oldest(s);
	}
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
	SONDE_EDGE("spool.committed");
	sonde_buf_reset(&g->bytes);
	push_out(s);
	return SONDE_OK;
}

void sonde_spool_ack(struct sonde_spool *s, uint64_t seq)
{
	int64_t now = sonde_boottime_ns();

	if (seq > s->synced)
		seq = s->synced;
	if (seq > s->acked)
		s->acked = seq;
	/* The newest segment stays: its name keeps the sequence across a restart. */
	for (size_t i = 0; i + 1 < s->segment_count && s->segments[i].last <= s->acked; i++) {
		if (s->segments[i].acked_ns)
			continue;
		s->segments[i].acked_ns = now;
		s->kept += s->segments[i].bytes;
	}
	for (unsigned i = 0; i < SONDE_LANES; i++)
		if (s->readers[i].seq <= s->acked)
			sonde_spool_seek(s, i, s->acked);
	while (s->segments[0].acked_ns &&
	       (s->kept > s->keep_bytes || now - s->segments[0].acked_ns > KEEP_NS))
		drop_oldest(s);
}

void sonde_spool_close(struct sonde_spool *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SONDE_LANES; i++) {
		sonde_reader_reset(&s->readers[i]);
		free(s->readers[i].buf);
	}
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
