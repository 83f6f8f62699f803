/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's one reader: walks committed records in order through a buffer of its own. Owns that
 * buffer and the descriptor of the segment it is in. A stretch that cannot be read any more is
 * counted as a gap and stepped over, so that one bad block never stops what follows. */
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

void sonde_spool_read_reset(struct sonde_spool *s)
{
	if (s->read.fd >= 0)
		close(s->read.fd);
	s->read.fd = -1;
	s->read.first = 0;
	s->read.len = s->read.at = s->read.step = 0;
}

void sonde_spool_rewind(struct sonde_spool *s, uint64_t seq)
{
	if (seq + 1 < s->read.seq)
		sonde_spool_read_reset(s);
	s->read.seq = seq + 1;
	s->read.step = 0;
}

/* The oldest segment that still has something at or after the wanted seq. */
static const struct sonde_segment *wanted_segment(const struct sonde_spool *s)
{
	for (size_t i = 0; i < s->segment_count; i++)
		if (s->segments[i].last >= s->read.seq)
			return &s->segments[i];
	return NULL;
}

static int open_segment(struct sonde_spool *s, const struct sonde_segment *segment)
{
	char name[SONDE_SEGMENT_NAME];

	sonde_spool_read_reset(s);
	sonde_segment_name(name, s->epoch, segment->first);
	s->read.fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (s->read.fd < 0)
		return SONDE_EIO;
	s->read.first = segment->first;
	s->read.offset = 0;
	return SONDE_OK;
}

/* One more chunk into the buffer; SONDE_ENOENT when the segment or the buffer has no more. */
static int fill(struct sonde_spool *s, const struct sonde_segment *segment)
{
	if (s->read.at) {
		s->read.len -= s->read.at;
		memmove(s->read.buf, s->read.buf + s->read.at, s->read.len);
		s->read.offset += s->read.at;
		s->read.at = 0;
	}
	uint64_t from = s->read.offset + s->read.len;
	uint64_t left = segment->bytes > from ? segment->bytes - from : 0;
	size_t n = ROOM - s->read.len;
	if (n > CHUNK)
		n = CHUNK;
	if (n > left)
		n = left;
	if (n == 0)
		return SONDE_ENOENT;
	ssize_t got = pread(s->read.fd, s->read.buf + s->read.len, n, from);
	if (got < 0 && errno == EINTR)
		return SONDE_OK;
	if (got <= 0)
		return SONDE_EIO;
	s->read.len += got;
	return SONDE_OK;
}

/* The whole record that begins at buf[at], reading on where it is cut off. */
static int next_in_segment(struct sonde_spool *s, const struct sonde_segment *segment,
                           uint64_t expect, struct sonde_record *out)
{
	for (;;) {
		int rc = sonde_record_read(s->read.buf + s->read.at, s->read.len - s->read.at,
		                           expect, out);
		if (rc == SONDE_OK)
			return rc;
		rc = fill(s, segment);
		if (rc)
			return rc;
	}
}

static void give_up(struct sonde_spool *s, const struct sonde_segment *segment)
{
	uint64_t lost = segment->last - s->read.seq + 1;

	sonde_log(SONDE_LOG_ERROR, "spool",
	          "results %" PRIu64 " to %" PRIu64 " cannot be read: lost", s->read.seq,
	          segment->last);
	s->hole = segment->last;
	s->damage.gaps++;
	s->damage.lost += lost;
	s->read.seq = segment->last + 1;
}

static int enter(struct sonde_spool *s, const struct sonde_segment *segment)
{
	if (!s->read.buf)
		s->read.buf = malloc(ROOM);
	if (!s->read.buf)
		return SONDE_ENOMEM;
	if (s->read.first == segment->first)
		return SONDE_OK;
	int rc = open_segment(s, segment);
	s->read.expect = segment->first;
	return rc;
}

int sonde_spool_peek(struct sonde_spool *s, struct sonde_record *out)
{
	for (;;) {
		const struct sonde_segment *segment = wanted_segment(s);
		if (!segment)
			return SONDE_ENOENT;
		if (s->read.seq < segment->first)
			s->read.seq = segment->first;
		int rc = enter(s, segment);
		if (rc == SONDE_ENOMEM)
			return rc;
		if (!rc)
			rc = next_in_segment(s, segment, s->read.expect, out);
		if (rc) {
			give_up(s, segment);
			continue;
		}
		if (out->skipped && out->seq - 1 > s->hole)
			s->hole = out->seq - 1;
		if (out->seq >= s->read.seq) {
			s->read.seq = out->seq;
			s->read.step = out->size;
			return SONDE_OK;
		}
		s->read.at += out->size;
		s->read.expect = out->seq + 1;
	}
}

void sonde_spool_pass(struct sonde_spool *s)
{
	if (!s->read.step)
		return;
	s->read.at += s->read.step;
	s->read.step = 0;
	if (s->read.seq > s->claimed)
		s->claimed = s->read.seq;
	s->read.expect = ++s->read.seq;
}
