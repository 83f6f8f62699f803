/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a spool directory: which epoch, which segments, what of them is whole. Everything on
 * disk is foreign here: names are parsed, records are checked, and damage is counted and passed
 * over, never fatal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "node/spool_private.h"

enum {
	SEGMENT_BYTES = 4 << 20,
	SEGMENTS_MAX = 1 << 20,
	FILE_MAX = 1 << 30,
	GROUP_MAX = 128 << 20,
};

struct found {
	uint64_t epoch, first;
};

struct opening {
	struct sonde_spool *spool;
	struct found *found;
	size_t count, room;
	sonde_spool_visit_fn *visit;
	void *arg;
};

static bool parse_name(const char *name, struct found *out)
{
	return strlen(name) == SONDE_SEGMENT_NAME - 1 && sonde_hex_parse(name, &out->epoch) &&
	       name[16] == '-' && sonde_hex_parse(name + 17, &out->first) &&
	       !strcmp(name + 33, ".seg") && out->first > 0 && out->epoch > 0;
}

static int by_place(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

static int list_segments(struct opening *o)
{
	int fd = openat(o->spool->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct found f;
	int rc = SONDE_OK;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return SONDE_EIO;
	}
	for (struct dirent *e; !rc && (e = readdir(dir));) {
		if (!parse_name(e->d_name, &f))
			continue;
		if (o->count == o->room) {
			size_t room = o->room ? 2 * o->room : 64;
			void *grown = room > SEGMENTS_MAX ? NULL :
			                                    realloc(o->found, room * sizeof(f));
			if (!grown) {
				rc = SONDE_ENOMEM;
				break;
			}
			o->found = grown;
			o->room = room;
		}
		o->found[o->count++] = f;
	}
	closedir(dir);
	if (o->count)
		qsort(o->found, o->count, sizeof(f), by_place);
	return rc;
}

/* Reads the file at most FILE_MAX long; NULL and *len 0 when it is empty or unreadable. */
static uint8_t *slurp(int fd, size_t *len)
{
	struct stat st;

	*len = 0;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX)
		return NULL;
	uint8_t *bytes = malloc(st.st_size);
	while (bytes && *len < (size_t)st.st_size) {
		ssize_t got = pread(fd, bytes + *len, st.st_size - *len, *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*len += got;
	}
	return bytes;
}

/* Walks the records of one segment and appends it to the list. */
static int scan_segment(struct opening *o, const struct found *f)
{
	struct sonde_spool *s = o->spool;
	struct sonde_segment segment = { .first = f->first, .last = f->first - 1 };
	char name[SONDE_SEGMENT_NAME];
	struct sonde_record r;
	size_t len = 0;

	sonde_segment_name(name, f->epoch, f->first);
	int fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return SONDE_EIO;
	uint8_t *bytes = slurp(fd, &len);
	while (bytes && !sonde_record_read(bytes + segment.bytes, len - segment.bytes,
	                                   segment.last + 1, &r)) {
		if (r.skipped)
			sonde_spool_lose(s, r.seq - r.skipped, r.seq - 1, "damaged on disk");
		segment.bytes += r.size;
		segment.last = r.seq;
		if (o->visit)
			o->visit(o->arg, &r);
	}
	free(bytes);
	s->bytes += segment.bytes;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	if (len > segment.bytes)
		s->damage.torn_bytes += len - segment.bytes;
	return sonde_segment_push(s, segment);
}

/* New records go after the last whole one: what lies behind it must not come back to life. */
static int cut_tail(struct sonde_spool *s)
{
	const struct sonde_segment *last = &s->segments[s->segment_count - 1];
	struct stat st;

	if (fstat(s->fd, &st))
		return SONDE_EIO;
	if ((uint64_t)st.st_size <= last->bytes)
		return SONDE_OK;
	sonde_log(SONDE_LOG_WARN, "spool", "cut %" PRIu64 " torn bytes after result %" PRIu64,
	          (uint64_t)st.st_size - last->bytes, last->last);
	return ftruncate(s->fd, last->bytes) || fdatasync(s->fd) ? SONDE_EIO : SONDE_OK;
}

static int adopt_segments(struct opening *o)
{
	struct sonde_spool *s = o->spool;
	uint64_t end = 0;

	for (size_t i = 0; i < o->count; i++) {
		const struct found *f = &o->found[i];
		if (f->epoch != s->epoch) {
			/* The other half of a move to a new epoch that a crash cut short. */
			char name[SONDE_SEGMENT_NAME];
			sonde_segment_name(name, f->epoch, f->first);
			if (unlinkat(s->dir_fd, name, 0))
				return SONDE_EIO;
			continue;
		}
		if (end && f->first > end + 1)
			sonde_spool_lose(s, end + 1, f->first - 1, "missing on disk");
		int rc = scan_segment(o, f);
		if (rc)
			return rc;
		end = s->segments[s->segment_count - 1].last;
	}
	return s->segment_count ? cut_tail(s) : SONDE_OK;
}

/* Which epoch the directory is in, before its segments are read. */
static void choose_epoch(struct opening *o, bool *known)
{
	struct sonde_spool *s = o->spool;

	*known = sonde_epoch_load(s);
	if (*known) {
		bool any = false;
		for (size_t i = 0; i < o->count; i++)
			any = any || o->found[i].epoch == s->epoch;
		if (any)
			return;
		s->epoch++;
		sonde_log(SONDE_LOG_WARN, "spool", "the segments are gone: epoch %" PRIu64 " begins",
		          s->epoch);
	} else {
		s->epoch = o->count ? o->found[o->count - 1].epoch : 1;
	}
	s->claimed = 0;
	s->sure = false;
}

static int load(struct opening *o)
{
	struct sonde_spool *s = o->spool;
	bool known;
	int rc = list_segments(o);

	if (rc)
		return rc;
	choose_epoch(o, &known);
	rc = adopt_segments(o);
	if (!rc && s->segment_count == 0)
		rc = sonde_segment_begin(s, 1);
	if (rc)
		return rc;
	s->synced = s->segments[s->segment_count - 1].last;
	s->next = s->synced + 1;
	if (SONDE_BUG(5) && s->synced)
		s->next = s->synced;
	s->acked = s->segments[0].first - 1;
	if (!known && o->count)
		s->claimed = s->acked;
	else if (s->sure || s->claimed > s->synced)
		s->claimed = s->synced;
	s->sure = false;
	for (unsigned i = 0; i < SONDE_LANES; i++)
		s->readers[i].seq = s->acked + 1;
	return sonde_epoch_save(s);
}

static int open_dir(struct sonde_spool *s, const char *dir, struct sonde_error *e)
{
	if (mkdir(dir, 0700) && errno != EEXIST)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make %s: %s", dir, strerror(errno));
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot open %s: %s", dir, strerror(errno));
	s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot lock %s: %s", dir, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return sonde_fail(e, SONDE_EEXIST, NULL, "%s is in use by another process", dir);
	return SONDE_OK;
}

int sonde_spool_open(const struct sonde_spool_options *options, sonde_spool_visit_fn *visit,
                     void *arg, struct sonde_spool **out, struct sonde_error *e)
{
	struct sonde_spool *s = calloc(1, sizeof(*s));
	struct opening o = { .spool = s, .visit = visit, .arg = arg };

	if (!s)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	s->dir_fd = s->lock_fd = s->fd = -1;
	for (unsigned i = 0; i < SONDE_LANES; i++)
		s->readers[i].fd = -1;
	s->max_bytes = options->max_bytes;
	s->keep_bytes = options->keep_bytes;
	s->segment_bytes = options->segment_bytes ? options->segment_bytes : SEGMENT_BYTES;
	sonde_buf_init(&s->pending, GROUP_MAX);
	sonde_buf_init(&s->group.bytes, GROUP_MAX);
	int rc = open_dir(s, options->dir, e);
	if (!rc) {
		rc = load(&o);
		if (rc)
			sonde_fail(e, rc, NULL, "cannot read the spool %s: %s", options->dir,
			           strerror(errno));
	}
	free(o.found);
	if (rc) {
		sonde_spool_close(s);
		return rc;
	}
	*out = s;
	return SONDE_OK;
}
