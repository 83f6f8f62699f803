/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of attempts. Owns its file and one entry for each attempt that is running or among
 * the last SONDE_JOURNAL_KEEP finished ones. Lines are the spool's records, numbered from 1 in each
 * file. When a file is long, the next group is a whole new one that replaces it by rename. */
#include "node/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "node/spool_private.h"

enum {
	REWRITE_BYTES = 1 << 20,
	FILE_MAX = 64 << 20,
	PENDING_MAX = 16 << 20,
};

struct entry {
	struct sonde_journal_line line;
	struct entry *older, *newer; /* among the finished */
};

struct sonde_journal_group {
	int fd;
	uint64_t offset;
	struct sonde_buf bytes;
	const char *path, *fresh; /* fresh != NULL: write there and rename */
	int dir_fd;
	int write_errno, sync_errno;
};

struct sonde_journal {
	char *path, *fresh;
	int fd, dir_fd;
	uint64_t bytes, seq; /* of the file; the last line's number */
	struct sonde_map map;
	struct entry *oldest, *newest;
	size_t finished;
	struct sonde_buf pending;
	struct sonde_journal_group group;
	bool out, again, rewrite;
};

static void add_line(struct sonde_journal *j, struct sonde_buf *b,
                     const struct sonde_journal_line *line)
{
	uint8_t bytes[SONDE_JOURNAL_LINE];

	sonde_journal_pack(bytes, line);
	sonde_record_write(b, ++j->seq, bytes, sizeof(bytes));
}

enum sonde_journal_state sonde_journal_find(const struct sonde_journal *j,
                                            const struct sonde_task_key *key)
{
	const struct entry *e = sonde_map_get(&j->map, key, sizeof(*key));

	if (!e)
		return SONDE_JOURNAL_UNKNOWN;
	return e->line.op == SONDE_JOURNAL_ACCEPT ? SONDE_JOURNAL_TAKEN : SONDE_JOURNAL_FINISHED;
}

static int remember(struct sonde_journal *j, const struct sonde_task_key *key, int64_t wall_ms)
{
	if (sonde_map_get(&j->map, key, sizeof(*key)))
		return SONDE_EEXIST;
	struct entry *e = calloc(1, sizeof(*e));
	if (!e)
		return SONDE_ENOMEM;
	e->line = (struct sonde_journal_line){ SONDE_JOURNAL_ACCEPT, *key, wall_ms };
	if (sonde_map_put(&j->map, key, sizeof(*key), e)) {
		free(e);
		return SONDE_ENOMEM;
	}
	return SONDE_OK;
}

static void forget_oldest(struct sonde_journal *j)
{
	struct entry *e = j->oldest;

	j->oldest = e->newer;
	if (j->oldest)
		j->oldest->older = NULL;
	else
		j->newest = NULL;
	j->finished--;
	sonde_map_take(&j->map, &e->line.key, sizeof(e->line.key));
	free(e);
}

/* The entry that became finished, NULL when there was none to finish. */
static struct entry *settle(struct sonde_journal *j, const struct sonde_task_key *key,
                            int64_t wall_ms)
{
	struct entry *e = sonde_map_get(&j->map, key, sizeof(*key));

	if (!e || e->line.op == SONDE_JOURNAL_DONE)
		return NULL;
	e->line.op = SONDE_JOURNAL_DONE;
	e->line.wall_ms = wall_ms;
	e->older = j->newest;
	if (j->newest)
		j->newest->newer = e;
	else
		j->oldest = e;
	j->newest = e;
	if (++j->finished > SONDE_JOURNAL_KEEP)
		forget_oldest(j);
	return e;
}

int sonde_journal_take(struct sonde_journal *j, const struct sonde_task_key *key, int64_t wall_ms)
{
	int rc = remember(j, key, wall_ms);

	if (rc)
		return rc == SONDE_EEXIST ? SONDE_OK : rc;
	add_line(j, &j->pending,
	         &(struct sonde_journal_line){ SONDE_JOURNAL_ACCEPT, *key, wall_ms });
	return j->pending.failed ? SONDE_ENOMEM : SONDE_OK;
}

int sonde_journal_finish(struct sonde_journal *j, const struct sonde_task_key *key,
                         int64_t wall_ms)
{
	if (!settle(j, key, wall_ms))
		return SONDE_OK;
	add_line(j, &j->pending, &(struct sonde_journal_line){ SONDE_JOURNAL_DONE, *key, wall_ms });
	return j->pending.failed ? SONDE_ENOMEM : SONDE_OK;
}

bool sonde_journal_next(const struct sonde_journal *j, size_t *at, struct sonde_journal_line *out)
{
	const struct entry *e;

	while ((e = sonde_map_next(&j->map, at))) {
		if (e->line.op == SONDE_JOURNAL_ACCEPT) {
			*out = e->line;
			return true;
		}
	}
	return false;
}

/* Everything known, as the lines of a new file. */
static void write_all(struct sonde_journal *j, struct sonde_buf *b)
{
	struct sonde_journal_line line;
	size_t at = 0;

	j->seq = 0;
	for (struct entry *e = j->oldest; e; e = e->newer) {
		line = e->line;
		line.op = SONDE_JOURNAL_ACCEPT;
		add_line(j, b, &line);
		add_line(j, b, &e->line);
	}
	while (sonde_journal_next(j, &at, &line))
		add_line(j, b, &line);
}

struct sonde_journal_group *sonde_journal_stage(struct sonde_journal *j)
{
	struct sonde_journal_group *g = &j->group;

	if (j->out || (!j->again && j->pending.len == 0 && !j->rewrite))
		return NULL;
	/* After a failed write or append the lines are made anew from what is known. */
	if (j->again || j->pending.failed || j->bytes > REWRITE_BYTES)
		j->rewrite = true;
	sonde_buf_reset(&g->bytes);
	if (j->rewrite) {
		sonde_buf_reset(&j->pending);
		write_all(j, &g->bytes);
	} else {
		struct sonde_buf empty = g->bytes;
		g->bytes = j->pending;
		j->pending = empty;
	}
	g->fd = j->fd;
	g->offset = j->bytes;
	g->path = j->path;
	g->fresh = j->rewrite ? j->fresh : NULL;
	g->dir_fd = j->dir_fd;
	g->write_errno = g->bytes.failed ? ENOMEM : 0;
	g->sync_errno = 0;
	j->out = true;
	return g;
}

static void write_fresh(struct sonde_journal_group *g)
{
	g->fd = open(g->fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	g->write_errno = g->fd < 0 ? errno : sonde_pwrite_all(g->fd, g->bytes.data, g->bytes.len, 0);
	if (g->write_errno)
		return;
	if (fdatasync(g->fd) || rename(g->fresh, g->path) || fsync(g->dir_fd))
		g->sync_errno = errno;
}

void sonde_journal_write(struct sonde_journal_group *g)
{
	if (g->write_errno)
		return;
	if (g->fresh) {
		write_fresh(g);
		return;
	}
	g->write_errno = sonde_pwrite_all(g->fd, g->bytes.data, g->bytes.len, g->offset);
	if (!g->write_errno && fdatasync(g->fd))
		g->sync_errno = errno;
}

int sonde_journal_commit(struct sonde_journal *j, struct sonde_journal_group *g)
{
	int bad = g->sync_errno ? g->sync_errno : g->write_errno;

	j->out = false;
	if (bad) {
		sonde_log(SONDE_LOG_ERROR, "journal", "cannot write %s: %s", j->path, strerror(bad));
		if (g->fresh && g->fd >= 0)
			close(g->fd);
		j->again = true;
		return g->sync_errno ? SONDE_EIO : SONDE_EFULL;
	}
	if (g->fresh) {
		if (j->fd >= 0)
			close(j->fd);
		j->fd = g->fd;
		j->bytes = 0;
	}
	j->bytes += g->bytes.len;
	j->again = j->rewrite = false;
	return SONDE_OK;
}

bool sonde_journal_failing(const struct sonde_journal *j)
{
	return j->again;
}

static int read_lines(struct sonde_journal *j, const uint8_t *bytes, size_t len)
{
	struct sonde_journal_line line;
	struct sonde_record r;
	uint64_t seq = 0;
	size_t at = 0;

	while (!sonde_record_read(bytes + at, len - at, seq + 1, &r)) {
		at += r.size;
		seq = r.seq;
		if (sonde_journal_unpack(r.payload, r.len, &line))
			continue;
		if (line.op == SONDE_JOURNAL_DONE)
			settle(j, &line.key, line.wall_ms);
		else if (remember(j, &line.key, line.wall_ms) == SONDE_ENOMEM)
			return SONDE_ENOMEM;
	}
	if (at < len)
		sonde_log(SONDE_LOG_WARN, "journal", "%zu torn bytes at the end of %s", len - at,
		          j->path);
	return SONDE_OK;
}

static int load(struct sonde_journal *j)
{
	struct stat st;
	int rc = SONDE_OK;
	int fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? SONDE_OK : SONDE_EIO;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		rc = SONDE_EIO;
	if (!rc && st.st_size > 0) {
		uint8_t *bytes = malloc(st.st_size);
		ssize_t got = bytes ? pread(fd, bytes, st.st_size, 0) : -1;
		rc = got < 0 ? SONDE_EIO : read_lines(j, bytes, got);
		free(bytes);
	}
	close(fd);
	return rc;
}

/* Each start begins a new file: no line is ever appended behind a torn one. */
static int begin_file(struct sonde_journal *j)
{
	char *copy = strdup(j->path);

	if (!copy)
		return SONDE_ENOMEM;
	j->dir_fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (j->dir_fd < 0)
		return SONDE_EIO;
	j->rewrite = true;
	struct sonde_journal_group *g = sonde_journal_stage(j);
	sonde_journal_write(g);
	return sonde_journal_commit(j, g);
}

int sonde_journal_open(const char *path, struct sonde_journal **out, struct sonde_error *e)
{
	struct sonde_journal *j = calloc(1, sizeof(*j));

	if (!j)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	j->fd = j->dir_fd = -1;
	sonde_map_init(&j->map);
	sonde_buf_init(&j->pending, PENDING_MAX);
	sonde_buf_init(&j->group.bytes, PENDING_MAX);
	j->path = strdup(path);
	j->fresh = malloc(strlen(path) + sizeof(".new"));
	int rc = j->path && j->fresh ? SONDE_OK : SONDE_ENOMEM;
	if (!rc) {
		snprintf(j->fresh, strlen(path) + sizeof(".new"), "%s.new", path);
		rc = load(j);
	}
	if (!rc)
		rc = begin_file(j);
	if (rc) {
		sonde_fail(e, rc, NULL, "cannot use %s: %s", path, strerror(errno));
		sonde_journal_close(j);
		return rc;
	}
	*out = j;
	return SONDE_OK;
}

void sonde_journal_close(struct sonde_journal *j)
{
	size_t at = 0;

	if (!j)
		return;
	for (struct entry *e; (e = sonde_map_next(&j->map, &at));)
		free(e);
	sonde_map_deinit(&j->map);
	sonde_buf_deinit(&j->pending);
	sonde_buf_deinit(&j->group.bytes);
	if (j->fd >= 0)
		close(j->fd);
	if (j->dir_fd >= 0)
		close(j->dir_fd);
	free(j->fresh);
	free(j->path);
	free(j);
}
