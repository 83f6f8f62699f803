/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's readers: each walks committed records in order through a buffer of its own. Owns that
 * buffer and the descriptor of the segment it is in. A stretch that is gone or cannot be read any
 * more is told as lost and stepped over, so that one bad block never stops what follows. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/spool_private.h"

enum {
	CHUNK = 256 << 10,
	/* A damaged record and the one after it, both of the largest size. */
	ROOM = 2 * (SONDE_RECORD_HEAD + SONDE_RECORD_MAX) + CHUNK,
};

void sonde_reader_reset(struct sonde_reader *rd)
{
	if (rd->fd >= 0)
		close(rd->fd);
	rd->fd = -1;
	rd->first = 0;
	rd->len = rd->at = rd->step = 0;
	rd->lost = 0;
}

void sonde_spool_seek(struct sonde_spool *s, unsigned lane, uint64_t seq)
{
	struct sonde_reader *rd = &s->readers[lane];

	if (seq + 1 < rd->seq)
		sonde_reader_reset(rd);
	rd->seq = seq + 1;
	rd->step = 0;
	rd->lost = 0;
}

void sonde_spool_lose(struct sonde_spool *s, uint64_t from, uint64_t to, const char *why)
{
	if (from <= s->counted)
		from = s->counted + 1;
	if (from > to)
		return;
	sonde_log(SONDE_LOG_ERROR, "spool", "results %" PRIu64 " to %" PRIu64 " are lost: %s", from,
	          to, why);
	s->counted = to;
	s->damage.gaps++;
	s->damage.lost += to - from + 1;
}

/* The oldest segment that still has something at or after the wanted seq. */
static const struct sonde_segment *wanted_segment(const struct sonde_spool *s, uint64_t seq)
{
	for (size_t i = 0; i < s->segment_count; i++)
		if (s->segments[i].last >= seq)
			return &s->segments[i];
	return NULL;
}

static int open_segment(const struct sonde_spool *s, struct sonde_reader *rd,
                        const struct sonde_segment *segment)
{
	char name[SONDE_SEGMENT_NAME];

	sonde_reader_reset(rd);
	sonde_segment_name(name, s->epoch, segment->first);
	rd->fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (rd->fd < 0)
		return SONDE_EIO;
	rd->first = segment->first;
	rd->offset = 0;
	return SONDE_OK;
}

/* One more chunk into the buffer; SONDE_ENOENT when the segment or the buffer has no more. */
static int fill(struct sonde_reader *rd, const struct sonde_segment *segment)
{
	if (rd->at) {
		rd->len -= rd->at;
		memmove(rd->buf, rd->buf + rd->at, rd->len);
		rd->offset += rd->at;
		rd->at = 0;
	}
	uint64_t from = rd->offset + rd->len;
	uint64_t left = segment->bytes > from ? segment->bytes - from : 0;
	size_t n = ROOM - rd->len;
	if (n > CHUNK)
		n = CHUNK;
	if (n > left)
		n = left;
	if (n == 0)
		return SONDE_ENOENT;
	ssize_t got = pread(rd->fd, rd->buf + rd->len, n, from);
	if (got < 0 && errno == EINTR)
		return SONDE_OK;
	if (got <= 0)
		return SONDE_EIO;
	rd->len += got;
	return SONDE_OK;
}

/* The whole record that begins at buf[at], reading on where it is cut off. */
static int next_in_segment(struct sonde_reader *rd, const struct sonde_segment *segment,
                           struct sonde_record *out)
{
	for (;;) {
		int rc = sonde_record_read(rd->buf + rd->at, rd->len - rd->at, rd->expect, out);
		if (rc == SONDE_OK)
			return rc;
		rc = fill(rd, segment);
		if (rc)
			return rc;
	}
}

static int enter(const struct sonde_spool *s, struct sonde_reader *rd,
                 const struct sonde_segment *segment)
{
	if (!rd->buf)
		rd->buf = malloc(ROOM);
	if (!rd->buf)
		return SONDE_ENOMEM;
	if (rd->first == segment->first)
		return SONDE_OK;
	int rc = open_segment(s, rd, segment);
	rd->expect = segment->first;
	return rc;
}

static int tell_lost(struct sonde_spool *s, struct sonde_reader *rd, uint64_t to,
                     struct sonde_record *out)
{
	sonde_spool_lose(s, rd->seq, to, "gone or damaged on disk");
	rd->lost = to - rd->seq + 1;
	*out = (struct sonde_record){ .seq = rd->seq, .lost = rd->lost };
	return SONDE_OK;
}

int sonde_spool_peek(struct sonde_spool *s, unsigned lane, struct sonde_record *out)
{
	struct sonde_reader *rd = &s->readers[lane];

	rd->lost = rd->step = 0;
	for (;;) {
		const struct sonde_segment *segment = wanted_segment(s, rd->seq);
		if (!segment)
			return SONDE_ENOENT;
		if (rd->seq < segment->first)
			return tell_lost(s, rd, segment->first - 1, out);
		int rc = enter(s, rd, segment);
		if (rc == SONDE_ENOMEM)
			return rc;
		if (!rc)
			rc = next_in_segment(rd, segment, out);
		if (rc)
			return tell_lost(s, rd, segment->last, out);
		if (out->seq > rd->seq)
			return tell_lost(s, rd, out->seq - 1, out);
		if (out->seq == rd->seq) {
			rd->step = out->size;
			out->lost = 0;
			return SONDE_OK;
		}
		rd->at += out->size;
		rd->expect = out->seq + 1;
	}
}

void sonde_spool_pass(struct sonde_spool *s, unsigned lane)
{
	struct sonde_reader *rd = &s->readers[lane];

	if (!rd->step && !rd->lost)
		return;
	rd->at += rd->step;
	rd->seq += rd->lost ? rd->lost : 1;
	if (rd->step)
		rd->expect = rd->seq;
	rd->step = rd->lost = 0;
	if (rd->seq - 1 > s->claimed)
		s->claimed = rd->seq - 1;
}
