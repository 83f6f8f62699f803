/* SPDX-License-Identifier: Apache-2.0 */
/* One LMDB file: open, map size, fullness, the loop thread's cached read transaction. Owns the
 * environment. Durability is LMDB's default (data synced, then the meta page written with O_DSYNC);
 * redo.c alone leaves the second step out, where it has something else instead. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"

static const struct {
	int rc, status;
} statuses[] = {
	{ MDB_SUCCESS, SONDE_OK },       { MDB_NOTFOUND, SONDE_ENOENT },
	{ ENOENT, SONDE_ENOENT },        { MDB_KEYEXIST, SONDE_EEXIST },
	{ MDB_MAP_FULL, SONDE_EFULL },   { MDB_TXN_FULL, SONDE_EFULL },
	{ ENOSPC, SONDE_EFULL },         { EDQUOT, SONDE_EFULL },
	{ ENOMEM, SONDE_ENOMEM },        { MDB_BAD_VALSIZE, SONDE_EINVAL },
	{ MDB_INVALID, SONDE_EVERSION }, { MDB_VERSION_MISMATCH, SONDE_EVERSION },
};

int sonde_mdb_status(int rc)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].rc == rc)
			return statuses[i].status;
	return SONDE_EIO;
}

int sonde_mdb_fail(int rc, const char *what)
{
	if (rc)
		sonde_log(SONDE_LOG_ERROR, "store", "%s: %s", what, mdb_strerror(rc));
	return sonde_mdb_status(rc);
}

int sonde_env_open(struct sonde_env *e, const char *path, size_t map, bool readonly)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (readonly ? MDB_RDONLY : 0);
	MDB_envinfo info;
	MDB_stat stat;
	int fd, dead;

	*e = (struct sonde_env){ 0 };
	int rc = mdb_env_create(&e->env);
	if (rc)
		return rc;
	mdb_env_set_maxdbs(e->env, TABLE_COUNT);
	/* Beside the loop: `sonde` commands and a backup that look at a live store. */
	mdb_env_set_maxreaders(e->env, 126);
	/* A reader takes the size that the writer recorded. */
	if (!readonly)
		rc = mdb_env_set_mapsize(e->env, map);
	if (!rc)
		rc = mdb_env_open(e->env, path, flags, 0600);
	if (!rc)
		rc = mdb_env_get_fd(e->env, &fd);
	if (!rc && fcntl(fd, F_SETFD, FD_CLOEXEC)) /* LMDB does it for its other files only */
		rc = errno;
	if (!rc)
		rc = mdb_reader_check(e->env, &dead);
	if (!rc)
		rc = mdb_env_info(e->env, &info);
	if (!rc)
		rc = mdb_env_stat(e->env, &stat);
	if (rc) {
		mdb_env_close(e->env);
		e->env = NULL;
		return rc;
	}
	e->map = info.me_mapsize;
	e->page = stat.ms_psize;
	return 0;
}

void sonde_env_close(struct sonde_env *e)
{
	if (!e->env)
		return;
	if (e->read)
		mdb_txn_abort(e->read);
	mdb_env_close(e->env);
	*e = (struct sonde_env){ 0 };
}

int sonde_env_read(struct sonde_env *e, MDB_txn **out)
{
	int rc = 0;

	if (!e->reading) {
		rc = e->read ? mdb_txn_renew(e->read)
		             : mdb_txn_begin(e->env, NULL, MDB_RDONLY, &e->read);
		if (rc == MDB_MAP_RESIZED) { /* the writer is another process and grew the map */
			rc = mdb_env_set_mapsize(e->env, 0);
			if (!rc)
				rc = e->read ? mdb_txn_renew(e->read)
				             : mdb_txn_begin(e->env, NULL, MDB_RDONLY, &e->read);
		}
		e->reading = !rc;
	}
	*out = e->read;
	return rc;
}

void sonde_env_read_end(struct sonde_env *e)
{
	if (e->reading)
		mdb_txn_reset(e->read);
	e->reading = false;
}

size_t sonde_env_used(const struct sonde_env *e)
{
	MDB_envinfo info;

	if (mdb_env_info(e->env, &info))
		return 0;
	return (info.me_last_pgno + 1) * e->page;
}

/* LMDB keeps its free pages in table 0 as lists that open with their length. Only looked at when a
 * file is nearly full: the file never shrinks, so that without this, deleting would not help. */
size_t sonde_env_free(const struct sonde_env *e)
{
	MDB_txn *txn;
	MDB_cursor *c;
	MDB_val key, value;
	size_t pages = 0, n;

	if (mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn))
		return 0;
	if (!mdb_cursor_open(txn, 0, &c)) {
		while (!mdb_cursor_get(c, &key, &value, MDB_NEXT)) {
			if (value.mv_size < sizeof(n))
				continue;
			memcpy(&n, value.mv_data, sizeof(n));
			pages += n;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return pages * e->page;
}

int sonde_env_grow(struct sonde_env *e)
{
	size_t used = sonde_env_used(e);
	size_t map = (used > e->map ? used : e->map) + e->map / 8 + (64u << 20);

	/* The old view goes away: a reset transaction must not outlive it. */
	if (e->read)
		mdb_txn_abort(e->read);
	e->read = NULL;
	e->reading = false;
	int rc = mdb_env_set_mapsize(e->env, map);
	if (!rc)
		e->map = map;
	return rc;
}
