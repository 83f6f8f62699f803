/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a backup. Opens the store as a second process would, read only, and takes one snapshot of
 * all its files: state.mdb first, then the segments, again and again until state.mdb had no commit
 * between. The writer commits segments first, so what is found is what a crash at that moment would
 * have left. Owns the store that it opened and the transactions; the descriptor is the caller's. */
#include "store/backup_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { TRIES = 1000, OUT_BYTES = 1 << 16 };

struct out {
	int fd, failed; /* errno */
	uint64_t sum, bytes;
	size_t len;
	uint8_t buf[OUT_BYTES];
};

struct snapshot {
	struct sonde_store *store;
	MDB_txn *state, **segments;
};

static void flush(struct out *o)
{
	for (size_t at = 0; at < o->len && !o->failed;) {
		ssize_t n = write(o->fd, o->buf + at, o->len - at);
		if (n < 0 && errno != EINTR)
			o->failed = errno;
		at += n > 0 ? (size_t)n : 0;
	}
	o->bytes += o->len;
	o->len = 0;
}

static void put(struct out *o, const void *data, size_t len)
{
	const uint8_t *from = data;

	o->sum = backup_sum(o->sum, data, len);
	while (len && !o->failed) {
		size_t n = OUT_BYTES - o->len < len ? OUT_BYTES - o->len : len;
		memcpy(o->buf + o->len, from, n);
		o->len += n;
		from += n;
		len -= n;
		if (o->len == OUT_BYTES)
			flush(o);
	}
}

static void put_record(struct out *o, enum backup_kind kind, MDB_val key, MDB_val value)
{
	struct backup_head h = { (uint8_t)kind, 0, (uint16_t)key.mv_size, (uint32_t)value.mv_size };

	put(o, &h, sizeof(h));
	put(o, key.mv_data, key.mv_size);
	put(o, value.mv_data, value.mv_size);
}

static void put_name(struct out *o, enum backup_kind kind, const char *name)
{
	put_record(o, kind, (MDB_val){ strlen(name), (void *)name }, (MDB_val){ 0, NULL });
}

static int put_table(struct out *o, MDB_txn *txn, MDB_dbi dbi, const char *name, uint64_t *count)
{
	MDB_cursor *c;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, dbi, &c);

	if (rc)
		return rc;
	put_name(o, BACKUP_TABLE, name);
	while (!o->failed && (rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
		put_record(o, BACKUP_RECORD, key, value);
		(*count)++;
	}
	mdb_cursor_close(c);
	return o->failed ? o->failed : rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- the snapshot ---- */

static void release(struct snapshot *s)
{
	for (size_t i = 0; s->segments && i < s->store->segment_count; i++)
		if (s->segments[i])
			mdb_txn_abort(s->segments[i]);
	if (s->state)
		mdb_txn_abort(s->state);
	free(s->segments);
	s->segments = NULL;
	s->state = NULL;
}

static int take(struct snapshot *s)
{
	struct sonde_store *store = s->store;
	MDB_envinfo info;

	s->segments = calloc(store->segment_count + 1, sizeof(MDB_txn *));
	int rc = s->segments ? mdb_txn_begin(store->state.env, NULL, MDB_RDONLY, &s->state) : ENOMEM;
	for (size_t i = 0; i < store->segment_count && !rc; i++)
		rc = mdb_txn_begin(store->segments[i]->env.env, NULL, MDB_RDONLY, &s->segments[i]);
	if (!rc)
		rc = mdb_env_info(store->state.env, &info);
	return rc ? rc : info.me_last_txnid == mdb_txn_id(s->state) ? 0 : EAGAIN;
}

/* A segment may have begun or a map grown since the files were opened: then they are opened again. */
static int snapshot_take(struct snapshot *s, const char *dir, struct sonde_error *e)
{
	const struct sonde_store_options options = { .dir = dir, .no_writer = true };
	size_t count = 0;
	int rc = EAGAIN;

	for (int i = 0; i < TRIES && rc; i++) {
		int status = s->store ? SONDE_OK : sonde_store_open(&options, &s->store, e);
		if (status != SONDE_OK)
			return status;
		rc = take(s);
		if (!rc && (sonde_segments_count(s->store, &count) || count != s->store->segment_count))
			rc = MDB_MAP_RESIZED;
		if (!rc)
			return SONDE_OK;
		release(s);
		if (rc == EAGAIN)
			continue;
		sonde_store_close(s->store);
		s->store = NULL;
		if (rc != MDB_MAP_RESIZED)
			break;
	}
	return sonde_fail(e, rc == EAGAIN ? SONDE_ETIMEOUT : sonde_mdb_status(rc), "",
	                  "%s: no snapshot: %s", dir, rc == EAGAIN ? "it never stood still" : mdb_strerror(rc));
}

/* ---- the file ---- */

static int put_all(struct out *o, const struct snapshot *s, struct sonde_backup_report *r)
{
	char name[SONDE_BACKUP_NAME];
	unsigned flags;
	int rc = 0;

	put_name(o, BACKUP_FILE, "state.mdb");
	for (unsigned t = 0; t < TABLE_COUNT && !rc; t++)
		rc = put_table(o, s->state, s->store->tables[t], sonde_table_name(t), &r->records);
	for (size_t i = 0; i < s->store->segment_count && !rc; i++) {
		const struct sonde_segment *g = s->store->segments[i];
		sonde_segment_file(g->day, name, sizeof(name));
		put_name(o, BACKUP_FILE, name);
		for (unsigned t = 0; t < SEG_COUNT && !rc; t++)
			rc = put_table(o, s->segments[i], g->dbi[t], sonde_segment_table(t, &flags),
			               t == SEG_RESULTS ? &r->results : &r->records);
	}
	return rc;
}

static int finish(struct out *o, int rc, const char *dir, struct sonde_backup_report *r,
                  struct sonde_error *e)
{
	if (!rc) {
		put_record(o, BACKUP_END, (MDB_val){ 0, NULL }, (MDB_val){ 0, NULL });
		uint64_t sum = o->sum;
		put(o, &sum, sizeof(sum));
		flush(o);
		rc = o->failed;
	}
	r->bytes = o->bytes;
	if (rc == ENOSPC || rc == EDQUOT)
		return sonde_fail(e, SONDE_EFULL, "", "no space for the backup");
	return rc ? sonde_fail(e, sonde_mdb_status(rc), "", "%s: %s", dir, mdb_strerror(rc)) : SONDE_OK;
}

int sonde_store_backup(const char *dir, int fd, struct sonde_backup_report *r, struct sonde_error *e)
{
	struct snapshot s = { 0 };
	struct out *o = calloc(1, sizeof(*o));
	char path[4096];

	*r = (struct sonde_backup_report){ .made_ms = sonde_wall_ms() };
	snprintf(path, sizeof(path), "%s/state.mdb", dir);
	int status = !o ? sonde_fail(e, SONDE_ENOMEM, "", "out of memory") :
		     access(path, R_OK) ? sonde_fail(e, SONDE_ENOENT, "", "%s: %s", path, strerror(errno)) :
					  snapshot_take(&s, dir, e);
	if (status == SONDE_OK) {
		struct backup_start start = { .order = BACKUP_ORDER, .format = SONDE_STORE_FORMAT,
			                      .made_ms = r->made_ms };
		memcpy(start.magic, BACKUP_MAGIC, sizeof(start.magic));
		o->fd = fd;
		o->sum = BACKUP_SUM;
		put(o, &start, sizeof(start));
		status = finish(o, put_all(o, &s, r), dir, r, e);
	}
	if (s.store) {
		release(&s);
		sonde_store_close(s.store);
	}
	free(o);
	return status;
}
