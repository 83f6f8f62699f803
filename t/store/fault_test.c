/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: the calls by which LMDB writes are replaced for the whole program and fail on
 * command. A failed sync is fatal and acknowledges nothing; a full disk fails a group and is over
 * when there is room. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "store/kit.h"
#include "tap.h"

static atomic_int sync_errno, write_errno;
static atomic_int fatals;

int fdatasync(int fd)
{
	errno = atomic_load(&sync_errno);
	return errno ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	errno = atomic_load(&write_errno);
	return errno ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return pwrite(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	errno = atomic_load(&write_errno);
	return errno ? -1 : syscall(SYS_writev, fd, v, n);
}

static void on_fatal(void *arg, const char *why)
{
	atomic_fetch_add(&fatals, 1);
}

static int insert(struct sonde_write *w, void *arg)
{
	return sonde_write_insert(w, SONDE_TABLE_NODES, kit_text(arg), kit_text("v"));
}

static int result(struct sonde_write *w, void *arg)
{
	enum sonde_ingest got;
	char body[40];
	struct sonde_result r = kit_result(1, 1, *(uint64_t *)arg, body);
	int status = sonde_write_result(w, &r, &got);

	return status != SONDE_OK ? status : got == SONDE_INGEST_STORED ? SONDE_OK : SONDE_EEXIST;
}

static bool has(struct kit *k, const char *key)
{
	struct sonde_read *r;
	struct sonde_slice v;

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	int status = sonde_read_get(r, SONDE_TABLE_NODES, kit_text(key), &v);
	sonde_read_end(r);
	return status == SONDE_OK;
}

static uint64_t mark(struct kit *k)
{
	struct sonde_read *r;
	struct sonde_id id = kit_id(1);
	struct sonde_spans have;
	uint64_t epoch;

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_mark(r, &id, &epoch, &have), SONDE_OK);
	sonde_read_end(r);
	return have.cum;
}

static void a_failed_sync_is_fatal(void)
{
	struct kit k = { .options.fatal = on_fatal };
	struct kit_job late;
	uint64_t seq = 1;

	kit_open(&k);
	EXPECT_INT(kit_run(&k, insert, "before"), SONDE_OK);
	EXPECT_INT(kit_run(&k, result, &seq), SONDE_OK);
	seq = 2;
	atomic_store(&sync_errno, EIO);
	EXPECT_INT(kit_run(&k, result, &seq), SONDE_EIO);
	atomic_store(&sync_errno, 0);
	EXPECT_INT(atomic_load(&fatals), 1);
	EXPECT_INT(kit_start(&k, &late, insert, "late"), SONDE_EIO);
	EXPECT_INT(sonde_store_waiting(k.store), 0);
	EXPECT(has(&k, "before"));
	kit_close(&k);
	kit_open(&k);
	EXPECT(has(&k, "before") && !has(&k, "late"));
	EXPECT_INT(mark(&k), 1);
	EXPECT_INT(kit_run(&k, result, &seq), SONDE_OK);
	kit_remove(&k);
}

static void a_full_disk_passes(void)
{
	struct kit k = { .options.fatal = on_fatal };
	uint64_t seq = 1;

	kit_open(&k);
	EXPECT_INT(kit_run(&k, result, &seq), SONDE_OK);
	EXPECT_INT(kit_run(&k, insert, "before"), SONDE_OK);
	atomic_store(&write_errno, ENOSPC);
	seq = 2;
	EXPECT_INT(kit_run(&k, result, &seq), SONDE_EFULL);
	EXPECT_INT(kit_run(&k, insert, "full"), SONDE_EFULL);
	EXPECT_INT(mark(&k), 1);
	EXPECT(has(&k, "before") && !has(&k, "full"));
	atomic_store(&write_errno, 0);
	EXPECT_INT(kit_run(&k, insert, "after"), SONDE_OK);
	EXPECT_INT(kit_run(&k, result, &seq), SONDE_OK);
	EXPECT_INT(atomic_load(&fatals), 0);
	kit_close(&k);
	kit_open(&k);
	EXPECT_INT(mark(&k), 2);
	EXPECT(has(&k, "before") && has(&k, "after") && !has(&k, "full"));
	kit_remove(&k);
}

TAP_MAIN(CASE(a_failed_sync_is_fatal), CASE(a_full_disk_passes))
