/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: results-YYYYMMDD.mdb by day of ingest (UTC). Owns the list, which is sorted by day; the
 * last is written to, the others are only read. The day never goes back: with a clock that was set
 * back, results go on into the newest segment, so that ingest numbers rise along the list. */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { DAY_MS = 86400000 };

static const struct {
	const char *name;
	unsigned flags;
} tables[SEG_COUNT] = {
	[SEG_RESULTS] = { "results", MDB_INTEGERKEY },
	[SEG_TASKS] = { "by_task", 0 },
	[SEG_MARKS] = { "marks", 0 },
	[SEG_META] = { "meta", 0 },
};

int32_t sonde_day_of(int64_t wall_ms)
{
	return (int32_t)(wall_ms / DAY_MS);
}

void sonde_segment_file(int32_t day, char *out, size_t room)
{
	time_t t = (time_t)day * 86400;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, room, "results-%04d%02d%02d.mdb", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static int segment_path(const struct sonde_store *s, int32_t day, char **out)
{
	char name[64];

	sonde_segment_file(day, name, sizeof(name));
	return asprintf(out, "%s/%s", s->dir, name) < 0 ? ENOMEM : 0;
}

/* The day in a file name, or -1 when it is not a segment's. */
static int32_t day_of_name(const char *name)
{
	static const char pattern[] = "results-########.mdb";
	int digits[8], n = 0;

	if (strlen(name) != sizeof(pattern) - 1)
		return -1;
	for (size_t i = 0; pattern[i]; i++) {
		if (pattern[i] != '#' ? name[i] != pattern[i] : name[i] < '0' || name[i] > '9')
			return -1;
		if (pattern[i] == '#')
			digits[n++] = name[i] - '0';
	}
	struct tm tm = {
		.tm_year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3] - 1900,
		.tm_mon = digits[4] * 10 + digits[5] - 1,
		.tm_mday = digits[6] * 10 + digits[7],
	};
	return (int32_t)(timegm(&tm) / 86400);
}

bool sonde_segment_is_name(const char *name)
{
	return day_of_name(name) >= 0;
}

const char *sonde_segment_table(unsigned table, unsigned *flags)
{
	*flags = tables[table].flags;
	return tables[table].name;
}

int sonde_dir_sync(const struct sonde_store *s)
{
	int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

static int meta_get(MDB_txn *txn, MDB_dbi dbi, const char *name, uint64_t *out)
{
	MDB_val key = { strlen(name), (void *)name }, value;
	int rc = mdb_get(txn, dbi, &key, &value);

	if (rc)
		return rc;
	if (value.mv_size != sizeof(*out))
		return MDB_INVALID;
	memcpy(out, value.mv_data, sizeof(*out));
	return 0;
}

static int meta_put(MDB_txn *txn, MDB_dbi dbi, const char *name, uint64_t v)
{
	MDB_val key = { strlen(name), (void *)name }, value = { sizeof(v), &v };

	return mdb_put(txn, dbi, &key, &value, 0);
}

/* Tables, format and first ingest number; a new file gets them. */
static int segment_tables(struct sonde_segment *g, MDB_txn *txn, bool readonly, uint64_t next)
{
	uint64_t format = SONDE_STORE_FORMAT;
	int rc = 0;

	for (int i = 0; i < SEG_COUNT && !rc; i++)
		rc = mdb_dbi_open(txn, tables[i].name,
		                  tables[i].flags | (readonly ? 0 : MDB_CREATE), &g->dbi[i]);
	if (rc)
		return rc;
	rc = meta_get(txn, g->dbi[SEG_META], "first", &g->first);
	if (rc == MDB_NOTFOUND && !readonly) {
		g->first = next;
		rc = meta_put(txn, g->dbi[SEG_META], "format", format);
		if (!rc)
			rc = meta_put(txn, g->dbi[SEG_META], "first", next);
	} else if (!rc) {
		rc = meta_get(txn, g->dbi[SEG_META], "format", &format);
	}
	return rc ? rc : format == SONDE_STORE_FORMAT ? 0 : MDB_VERSION_MISMATCH;
}

/* Marks, and the next ingest number from the last key. */
static int segment_load(struct sonde_store *s, struct sonde_segment *g, MDB_txn *txn)
{
	MDB_cursor *c;
	MDB_val key, value;
	uint64_t last;

	if (g->first > s->next)
		s->next = g->first;
	int rc = mdb_cursor_open(txn, g->dbi[SEG_RESULTS], &c);
	if (rc)
		return rc;
	rc = mdb_cursor_get(c, &key, &value, MDB_LAST);
	if (!rc) {
		memcpy(&last, key.mv_data, sizeof(last));
		if (last >= s->next)
			s->next = last + 1;
	}
	mdb_cursor_close(c);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	return sonde_marks_load(s, txn, g->dbi[SEG_MARKS]) == SONDE_OK ? 0 : ENOMEM;
}

static int segment_open(struct sonde_store *s, int32_t day, bool readonly,
                        struct sonde_segment **out)
{
	char *path;
	MDB_txn *txn = NULL;
	struct sonde_segment *g = calloc(1, sizeof(*g));

	if (!g || segment_path(s, day, &path)) {
		free(g);
		return ENOMEM;
	}
	g->day = day;
	int rc = sonde_env_open(&g->env, path, s->map_bytes, readonly);
	free(path);
	if (!rc)
		rc = mdb_txn_begin(g->env.env, NULL, readonly ? MDB_RDONLY : 0, &txn);
	if (!rc)
		rc = segment_tables(g, txn, readonly, s->next);
	if (!rc && !s->no_writer)
		rc = segment_load(s, g, txn);
	if (txn && rc)
		mdb_txn_abort(txn);
	else if (txn)
		rc = mdb_txn_commit(txn);
	if (!rc && !readonly)
		rc = sonde_dir_sync(s);
	if (rc) {
		sonde_segment_free(g);
		return rc;
	}
	*out = g;
	return 0;
}

void sonde_segment_free(struct sonde_segment *g)
{
	sonde_env_close(&g->env);
	free(g);
}

static int segments_reserve(struct sonde_store *s)
{
	if (s->segment_count < s->segment_cap)
		return 0;
	size_t cap = s->segment_cap ? s->segment_cap * 2 : 16;
	void *more = realloc(s->segments, cap * sizeof(s->segments[0]));
	if (!more)
		return ENOMEM;
	s->segments = more;
	s->segment_cap = cap;
	return 0;
}

static int by_day(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return x < y ? -1 : x > y;
}

static int list_days(const struct sonde_store *s, int32_t **out, size_t *count)
{
	int32_t *days = NULL;
	size_t n = 0, cap = 0;
	DIR *d = opendir(s->dir);
	struct dirent *entry;

	if (!d)
		return errno;
	while ((entry = readdir(d))) {
		int32_t day = day_of_name(entry->d_name);
		if (day < 0)
			continue;
		if (n == cap) {
			void *more = realloc(days, (cap = cap * 2 + 16) * sizeof(days[0]));
			if (!more) {
				free(days);
				closedir(d);
				return ENOMEM;
			}
			days = more;
		}
		days[n++] = day;
	}
	closedir(d);
	if (n)
		qsort(days, n, sizeof(days[0]), by_day);
	*out = days;
	*count = n;
	return 0;
}

int sonde_segments_count(const struct sonde_store *s, size_t *count)
{
	int32_t *days = NULL;
	int rc = list_days(s, &days, count);

	free(days);
	return rc;
}

int sonde_segments_scan(struct sonde_store *s)
{
	int32_t *days = NULL;
	size_t n = 0;
	int rc = list_days(s, &days, &n);

	for (size_t i = 0; i < n && !rc; i++) {
		struct sonde_segment *g;
		rc = segments_reserve(s);
		if (!rc)
			rc = segment_open(s, days[i], s->no_writer || i + 1 < n, &g);
		if (!rc)
			s->segments[s->segment_count++] = g;
		/* Looking at a live store: made or deleted at this moment. */
		if (s->no_writer && (rc == ENOENT || rc == MDB_NOTFOUND))
			rc = 0;
	}
	free(days);
	return rc;
}

int sonde_segment_current(struct sonde_store *s, struct sonde_segment **out)
{
	int32_t today = sonde_day_of(s->wall_ms());
	struct sonde_segment *g =
		s->segment_count ? s->segments[s->segment_count - 1] : NULL;

	if (!g || g->day < today) {
		int rc = segment_open(s, today, false, &g);
		if (rc)
			return rc;
		pthread_rwlock_wrlock(&s->layout);
		rc = segments_reserve(s);
		if (!rc)
			s->segments[s->segment_count++] = g;
		pthread_rwlock_unlock(&s->layout);
		if (rc) {
			sonde_segment_free(g);
			return rc;
		}
	}
	*out = g;
	return 0;
}

/* state.mdb keeps what a deleted segment knew: its nodes' marks and how far numbers went. */
static int inherit(struct sonde_store *s, struct sonde_segment *g)
{
	MDB_txn *from, *to = NULL;
	MDB_cursor *c = NULL;
	MDB_val key, value, old;
	struct sonde_spans have, before;
	uint64_t epoch, epoch_before;
	int rc = mdb_txn_begin(g->env.env, NULL, MDB_RDONLY, &from);

	if (rc)
		return rc;
	rc = mdb_txn_begin(s->state.env, NULL, 0, &to);
	if (!rc)
		rc = mdb_cursor_open(from, g->dbi[SEG_MARKS], &c);
	while (!rc && (rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
		if (!sonde_mark_read(&value, &epoch, &have))
			continue;
		if (!mdb_get(to, s->tables[TABLE_MARKS], &key, &old) &&
		    sonde_mark_read(&old, &epoch_before, &before) &&
		    !sonde_mark_above(epoch, &have, epoch_before, &before))
			continue;
		rc = mdb_put(to, s->tables[TABLE_MARKS], &key, &value, 0);
	}
	if (rc == MDB_NOTFOUND)
		rc = meta_put(to, s->tables[TABLE_STORE], "next", s->next);
	if (c)
		mdb_cursor_close(c);
	mdb_txn_abort(from);
	if (to && rc)
		mdb_txn_abort(to);
	return rc ? rc : mdb_txn_commit(to);
}

int sonde_segments_retain(struct sonde_store *s, unsigned days)
{
	int32_t today = sonde_day_of(s->wall_ms());
	char *path, *lock;

	/* The newest stays whatever its age: it holds the current marks. */
	while (s->segment_count > 1 && s->segments[0]->day < today - (int64_t)days) {
		struct sonde_segment *g = s->segments[0];
		int rc = inherit(s, g);
		if (rc == MDB_MAP_FULL) {
			pthread_rwlock_wrlock(&s->layout);
			rc = sonde_env_grow(&s->state);
			pthread_rwlock_unlock(&s->layout);
			if (!rc)
				rc = inherit(s, g);
		}
		if (rc)
			return rc;
		pthread_rwlock_wrlock(&s->layout);
		memmove(s->segments, s->segments + 1, --s->segment_count * sizeof(s->segments[0]));
		pthread_rwlock_unlock(&s->layout);
		if (segment_path(s, g->day, &path))
			return ENOMEM;
		sonde_segment_free(g);
		if (unlink(path))
			sonde_log(SONDE_LOG_WARN, "store", "%s: %s", path, strerror(errno));
		if (asprintf(&lock, "%s-lock", path) >= 0) {
			unlink(lock);
			free(lock);
		}
		free(path);
		rc = sonde_dir_sync(s);
		if (rc)
			return rc;
	}
	return 0;
}
