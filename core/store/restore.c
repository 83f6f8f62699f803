/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a backup into a store. Everything goes into the folder "restoring" first; only a file that
 * was good to its end takes the place of what is there, which is moved aside. While that folder
 * exists no store is opened, so that a restore that was cut short is not taken for a store. Owns the
 * folder, the lock and the file that it writes. */
#include "store/backup_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LEAP UINT64_C(1000000000000) /* of ingest numbers; JSON holds 9,000 of them */
#define MAP_LEAST ((size_t)64 << 30)

enum { PATH_LEN = 4096, COMMIT_BYTES = 32 << 20 };

struct restore {
	FILE *in;
	const char *dir;
	char folder[PATH_LEN];
	struct sonde_error *e;
	uint64_t sum, next; /* next ingest number */
	size_t map;
	bool has_state;
	/* the file and table that records go to */
	struct sonde_env env;
	MDB_txn *txn;
	MDB_dbi dbi;
	unsigned flags;
	bool is_state, has_table, is_results;
	size_t bytes; /* in txn */
	uint8_t key[BACKUP_KEY_MAX];
	uint8_t *value;
	size_t value_room;
	struct sonde_backup_report *report;
};

static int damaged(struct restore *r)
{
	return sonde_fail(r->e, SONDE_EINVAL, "", "the file is cut short or damaged");
}

static int get(struct restore *r, void *out, size_t len)
{
	if (len && fread(out, 1, len, r->in) != len)
		return damaged(r);
	r->sum = backup_sum(r->sum, out, len);
	r->report->bytes += len;
	return SONDE_OK;
}

static int failed(struct restore *r, int rc)
{
	return sonde_fail(r->e, sonde_mdb_status(rc), "", "%s: %s", r->folder, mdb_strerror(rc));
}

/* ---- records ---- */

static int commit(struct restore *r)
{
	int rc = r->txn ? mdb_txn_commit(r->txn) : 0;

	r->txn = NULL;
	r->bytes = 0;
	return rc ? failed(r, rc) : SONDE_OK;
}

static int begin(struct restore *r)
{
	int rc = r->txn ? 0 : mdb_txn_begin(r->env.env, NULL, 0, &r->txn);

	return rc ? failed(r, rc) : SONDE_OK;
}

static int close_file(struct restore *r)
{
	int status = commit(r);

	if (status == SONDE_OK && r->env.env) {
		int rc = mdb_env_sync(r->env.env, 1);
		status = rc ? failed(r, rc) : SONDE_OK;
	}
	sonde_env_close(&r->env);
	r->has_table = false;
	return status;
}

static int on_file(struct restore *r, const char *name)
{
	char path[PATH_LEN];

	int status = close_file(r);
	if (status != SONDE_OK)
		return status;
	r->is_state = !strcmp(name, "state.mdb");
	if (r->is_state == r->has_state || !(r->is_state || sonde_segment_is_name(name)))
		return damaged(r);
	r->has_state = true;
	int n = snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	if (n < 0 || (size_t)n >= sizeof(path) || !access(path, F_OK))
		return damaged(r);
	int rc = sonde_env_open(&r->env, path, r->map, false);
	if (!rc) /* made durable as a whole, by close_file */
		rc = mdb_env_set_flags(r->env.env, MDB_NOSYNC, 1);
	return rc ? failed(r, rc) : SONDE_OK;
}

static bool find_table(struct restore *r, const char *name)
{
	unsigned count = r->is_state ? TABLE_COUNT : SEG_COUNT;

	r->flags = 0;
	for (unsigned i = 0; i < count; i++) {
		const char *have = r->is_state ? sonde_table_name(i) : sonde_segment_table(i, &r->flags);
		r->is_results = !r->is_state && i == SEG_RESULTS;
		if (!strcmp(have, name))
			return true;
	}
	return false;
}

static int on_table(struct restore *r, const char *name)
{
	if (!r->env.env)
		return damaged(r);
	if (!find_table(r, name))
		return sonde_fail(r->e, SONDE_EVERSION, "",
		                  "the backup holds \"%.32s\", which this version does not know", name);
	int status = begin(r);
	int rc = status == SONDE_OK ? mdb_dbi_open(r->txn, name, r->flags | MDB_CREATE, &r->dbi) : 0;
	r->has_table = status == SONDE_OK && !rc;
	return rc ? failed(r, rc) : status;
}

/* The number after the last that was ever given: of results, of what segments began with, and of
 * what deleted segments left behind. */
static void note_next(struct restore *r, const struct backup_head *h)
{
	static const char *const names[] = { "next", "first" };
	const char *name = names[!r->is_state];
	uint64_t n = 0;

	if (r->is_results && h->key == sizeof(n)) {
		memcpy(&n, r->key, sizeof(n));
		n++;
	} else if (h->value == sizeof(n) && h->key == strlen(name) && !memcmp(r->key, name, h->key)) {
		memcpy(&n, r->value, sizeof(n));
	}
	if (n > r->next)
		r->next = n;
}

static int on_record(struct restore *r, const struct backup_head *h)
{
	MDB_val key = { h->key, r->key }, value = { h->value, r->value };

	if (!r->has_table || !h->key)
		return damaged(r);
	int status = begin(r);
	int rc = status == SONDE_OK ? mdb_put(r->txn, r->dbi, &key, &value, MDB_APPEND) : 0;
	if (rc == MDB_KEYEXIST)
		return damaged(r);
	if (rc || status != SONDE_OK)
		return rc ? failed(r, rc) : status;
	note_next(r, h);
	if (r->is_results)
		r->report->results++;
	else
		r->report->records++;
	r->bytes += h->key + h->value;
	return r->bytes > COMMIT_BYTES ? commit(r) : SONDE_OK;
}

/* ---- the file ---- */

static int read_start(struct restore *r)
{
	struct backup_start s;

	if (fread(&s, 1, sizeof(s), r->in) != sizeof(s) || memcmp(s.magic, BACKUP_MAGIC, sizeof(s.magic)))
		return sonde_fail(r->e, SONDE_EINVAL, "", "this is not a backup of a controller");
	if (s.order != BACKUP_ORDER || s.format != SONDE_STORE_FORMAT)
		return sonde_fail(r->e, SONDE_EVERSION, "",
		                  "the backup was made by another version or on another kind of machine");
	r->sum = backup_sum(BACKUP_SUM, &s, sizeof(s));
	r->report->bytes = sizeof(s);
	r->report->made_ms = s.made_ms;
	return SONDE_OK;
}

static int read_record(struct restore *r, struct backup_head *h)
{
	int status = get(r, h, sizeof(*h));

	if (status != SONDE_OK)
		return status;
	if (h->key > BACKUP_KEY_MAX || h->value > BACKUP_VALUE_MAX)
		return damaged(r);
	if (h->value > r->value_room) {
		uint8_t *more = realloc(r->value, h->value);
		if (!more)
			return sonde_fail(r->e, SONDE_ENOMEM, "", "out of memory");
		r->value = more;
		r->value_room = h->value;
	}
	status = get(r, r->key, h->key);
	return status == SONDE_OK ? get(r, r->value, h->value) : status;
}

static int read_end(struct restore *r)
{
	uint64_t want = r->sum, have;

	if (get(r, &have, sizeof(have)) != SONDE_OK || have != want || fgetc(r->in) != EOF ||
	    !r->has_state)
		return damaged(r);
	return close_file(r);
}

static int read_all(struct restore *r)
{
	char name[SONDE_BACKUP_NAME];
	struct backup_head h;

	int status = read_start(r);
	while (status == SONDE_OK && (status = read_record(r, &h)) == SONDE_OK) {
		if (h.kind == BACKUP_END)
			return read_end(r);
		bool names = h.kind == BACKUP_FILE || h.kind == BACKUP_TABLE;
		if (names && h.key >= sizeof(name))
			return damaged(r);
		snprintf(name, sizeof(name), "%.*s", names ? (int)h.key : 0, (const char *)r->key);
		status = h.kind == BACKUP_FILE ? on_file(r, name) :
			 h.kind == BACKUP_TABLE ? on_table(r, name) :
			 h.kind == BACKUP_RECORD ? on_record(r, &h) : damaged(r);
	}
	return status;
}

static int leap(struct restore *r)
{
	uint64_t next = r->next + LEAP;
	MDB_val key = { strlen("next"), "next" }, value = { sizeof(next), &next };
	char path[PATH_LEN + 16];
	MDB_txn *txn;
	MDB_dbi dbi;

	snprintf(path, sizeof(path), "%s/state.mdb", r->folder);
	int rc = sonde_env_open(&r->env, path, r->map, false);
	if (!rc)
		rc = mdb_txn_begin(r->env.env, NULL, 0, &txn);
	if (!rc) {
		rc = mdb_dbi_open(txn, sonde_table_name(TABLE_STORE), MDB_CREATE, &dbi);
		if (!rc)
			rc = mdb_put(txn, dbi, &key, &value, 0);
		if (rc)
			mdb_txn_abort(txn);
		else
			rc = mdb_txn_commit(txn);
	}
	sonde_env_close(&r->env);
	return rc ? failed(r, rc) : SONDE_OK;
}

/* ---- folders ---- */

static bool is_store_file(const char *name)
{
	char plain[SONDE_BACKUP_NAME];
	size_t n = strlen(name), tail = strlen("-lock");

	if (n >= sizeof(plain))
		return false;
	memcpy(plain, name, n + 1);
	if (n > tail && !strcmp(plain + n - tail, "-lock"))
		plain[n - tail] = '\0';
	return !strcmp(plain, "state.mdb") || sonde_segment_is_name(plain);
}

static bool is_lock(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && !strcmp(name + n - 5, "-lock");
}

/* Moves the store's files of one folder into another, or deletes them: all, or only lock files;
 * 0 or errno. state.mdb goes first out of a store and comes last into one. */
static int move_files(const char *from, const char *to, bool locks_only, unsigned *moved)
{
	char a[PATH_LEN + 300], b[PATH_LEN + 300];
	struct dirent *entry;
	DIR *d = opendir(from);
	int rc = d ? 0 : errno;

	while (!rc && (entry = readdir(d))) {
		if (!is_store_file(entry->d_name) || (locks_only && !is_lock(entry->d_name)))
			continue;
		snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
		snprintf(b, sizeof(b), "%s/%s", to ? to : "", entry->d_name);
		rc = (to ? rename(a, b) : unlink(a)) ? errno : 0;
		*moved += !rc;
	}
	if (d)
		closedir(d);
	return rc;
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Aside what is there, in what is new; state.mdb is what makes it a store. */
static int swap(struct restore *r)
{
	char aside[PATH_LEN + 80], a[PATH_LEN + 16], b[PATH_LEN + 16];
	unsigned old = 0, count = 0;
	struct tm tm;
	time_t now = (time_t)(sonde_wall_ms() / 1000);

	gmtime_r(&now, &tm);
	strftime(r->report->aside, sizeof(r->report->aside), "before-restore-%Y%m%dT%H%M%SZ", &tm);
	snprintf(aside, sizeof(aside), "%s/%s", r->dir, r->report->aside);
	snprintf(a, sizeof(a), "%s/state.mdb", r->folder);
	snprintf(b, sizeof(b), "%s/state.mdb.new", r->folder);
	int rc = mkdir(aside, 0700) ? errno : 0;
	if (!rc)
		rc = move_files(r->dir, aside, false, &old);
	if (!rc)
		rc = move_files(r->folder, NULL, true, &count);
	if (!rc)
		rc = rename(a, b) ? errno : move_files(r->folder, r->dir, false, &count);
	if (!rc)
		rc = sync_folder(r->dir);
	snprintf(a, sizeof(a), "%s/state.mdb", r->dir);
	if (!rc)
		rc = rename(b, a) || rmdir(r->folder) ? errno : sync_folder(r->dir);
	if (!old && !rmdir(aside))
		r->report->aside[0] = '\0';
	return rc ? sonde_fail(r->e, sonde_mdb_status(rc), "", "%s: %s", r->dir, strerror(rc)) : SONDE_OK;
}

/* An empty folder; what a restore that was cut short left there goes. */
static int make_folder(struct restore *r)
{
	char left[PATH_LEN + 16];
	unsigned count = 0;

	snprintf(r->folder, sizeof(r->folder), "%s/" SONDE_RESTORING, r->dir);
	snprintf(left, sizeof(left), "%s/state.mdb.new", r->folder);
	if (mkdir(r->dir, 0700) && errno != EEXIST)
		return sonde_fail(r->e, SONDE_EIO, "", "%s: cannot be made: %s", r->dir, strerror(errno));
	if (mkdir(r->folder, 0700) && errno != EEXIST)
		return sonde_fail(r->e, SONDE_EIO, "", "%s: cannot be made: %s", r->folder, strerror(errno));
	unlink(left);
	int rc = move_files(r->folder, NULL, false, &count);
	return rc ? failed(r, rc) : SONDE_OK;
}

static int take_lock(struct restore *r, int *fd)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/writer.lock", r->dir);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return sonde_fail(r->e, SONDE_EIO, "", "%s: cannot be written: %s", path, strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB))
		return sonde_fail(r->e, SONDE_ECONFLICT, "", "%s: in use by a controller; stop it first",
		                  r->dir);
	return SONDE_OK;
}

static void give_up(struct restore *r)
{
	unsigned count = 0;

	if (r->txn)
		mdb_txn_abort(r->txn);
	sonde_env_close(&r->env);
	if (!move_files(r->folder, NULL, false, &count))
		rmdir(r->folder);
}

int sonde_store_restore(int fd, const char *dir, struct sonde_backup_report *report,
                        struct sonde_error *e)
{
	struct restore *r = calloc(1, sizeof(*r));
	int lock = -1, copy = dup(fd);
	struct stat st;

	*report = (struct sonde_backup_report){ 0 };
	if (!r || copy < 0 || !(r->in = fdopen(copy, "rb")) || strlen(dir) > PATH_LEN / 2) {
		if (copy >= 0 && !(r && r->in))
			close(copy);
		if (r && r->in)
			fclose(r->in);
		free(r);
		return sonde_fail(e, SONDE_ENOMEM, "", "the file cannot be read");
	}
	r->dir = dir;
	r->e = e;
	r->report = report;
	r->map = !fstat(fd, &st) && (size_t)st.st_size * 2 > MAP_LEAST ? (size_t)st.st_size * 2 : MAP_LEAST;
	if (mkdir(dir, 0700) && errno != EEXIST) {
		fclose(r->in);
		free(r);
		return sonde_fail(e, SONDE_EIO, "", "%s: cannot be made: %s", dir, strerror(errno));
	}
	int status = take_lock(r, &lock);
	bool locked = status == SONDE_OK;
	if (locked)
		status = make_folder(r);
	if (status == SONDE_OK)
		status = read_all(r);
	if (status == SONDE_OK)
		status = leap(r);
	if (status == SONDE_OK)
		status = swap(r);
	else if (locked)
		give_up(r);
	if (lock >= 0)
		close(lock);
	free(r->value);
	fclose(r->in);
	free(r);
	return status;
}
