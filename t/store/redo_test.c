/* SPDX-License-Identifier: Apache-2.0 */
/* A power cut between a small commit and the meta page that belongs to it: the file is put back
 * into the state that a disk may show then, and opened again. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/kit.h"
#include "tap.h"

enum { META = 512, PAGE = 4096 }; /* LMDB's part of a meta page is in its first sector */

static const enum sonde_table T = SONDE_TABLE_MEASUREMENTS;

static int state_fd(struct kit *k)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/state.mdb", k->dir);
	int fd = open(path, O_RDWR);
	EXPECT(fd >= 0);
	return fd;
}

static void metas_read(struct kit *k, char metas[2][META])
{
	int fd = state_fd(k);

	for (int i = 0; i < 2; i++)
		EXPECT_INT(pread(fd, metas[i], META, i * PAGE), META);
	close(fd);
}

static void metas_write(struct kit *k, char metas[2][META])
{
	int fd = state_fd(k);

	for (int i = 0; i < 2; i++)
		EXPECT_INT(pwrite(fd, metas[i], META, i * PAGE), META);
	close(fd);
}

static int put_text(struct sonde_write *w, void *arg)
{
	EXPECT_INT(sonde_write_delete(w, T, kit_text("gone")),
	           strcmp(arg, "second") ? SONDE_ENOENT : SONDE_OK);
	return sonde_write_put(w, T, kit_text(arg), kit_text("value"));
}

static int put_gone(struct sonde_write *w, void *arg)
{
	return sonde_write_put(w, T, kit_text("gone"), kit_text(""));
}

static int put_large(struct sonde_write *w, void *arg)
{
	static const char page[PAGE];
	return sonde_write_put(w, T, kit_text("large"), (struct sonde_slice){ page, sizeof(page) });
}

static bool has(struct kit *k, const char *key)
{
	struct sonde_read *r;
	struct sonde_slice v;

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	int status = sonde_read_get(r, T, kit_text(key), &v);
	sonde_read_end(r);
	return status == SONDE_OK;
}

static void the_last_commit_comes_back(void)
{
	struct kit k = { 0 };
	char before[2][META], after[2][META];

	kit_open(&k);
	EXPECT_INT(kit_run(&k, put_text, "first"), SONDE_OK);
	EXPECT_INT(kit_run(&k, put_gone, NULL), SONDE_OK);
	metas_read(&k, before);
	EXPECT_INT(kit_run(&k, put_text, "second"), SONDE_OK);
	kit_close(&k);
	metas_read(&k, after);
	EXPECT(memcmp(before, after, sizeof(before)) != 0);
	metas_write(&k, before);
	kit_open(&k);
	EXPECT(has(&k, "first") && has(&k, "second") && !has(&k, "gone"));
	EXPECT_INT(kit_run(&k, put_text, "third"), SONDE_OK);
	kit_close(&k);
	kit_open(&k);
	EXPECT(has(&k, "second") && has(&k, "third"));
	kit_remove(&k);
}

/* The power cut came earlier: the record is not whole, and nobody was told of the commit. */
static void a_torn_record_is_not_applied(void)
{
	for (int bit = 0; bit < 56; bit++) {
		struct kit k = { 0 };
		char before[2][META], byte;
		kit_open(&k);
		EXPECT_INT(kit_run(&k, put_gone, NULL), SONDE_OK);
		metas_read(&k, before);
		EXPECT_INT(kit_run(&k, put_text, "second"), SONDE_OK);
		kit_close(&k);
		metas_write(&k, before);
		int fd = state_fd(&k);
		for (int i = 0; i < 2; i++) {
			off_t at = i * PAGE + META + bit;
			EXPECT_INT(pread(fd, &byte, 1, at), 1);
			byte ^= 1 << bit % 8;
			EXPECT_INT(pwrite(fd, &byte, 1, at), 1);
		}
		close(fd);
		kit_open(&k);
		EXPECT(has(&k, "gone") && !has(&k, "second"));
		kit_remove(&k);
	}
}

/* A large group does not use the record: the meta is on disk when it is done, and an older record
 * is not applied over it. */
static void an_old_record_stays_old(void)
{
	struct kit k = { 0 };

	kit_open(&k);
	EXPECT_INT(kit_run(&k, put_gone, NULL), SONDE_OK);
	EXPECT_INT(kit_run(&k, put_text, "second"), SONDE_OK);
	EXPECT_INT(kit_run(&k, put_large, NULL), SONDE_OK);
	EXPECT_INT(kit_run(&k, put_gone, NULL), SONDE_OK);
	EXPECT_INT(kit_run(&k, put_large, NULL), SONDE_OK);
	kit_close(&k);
	kit_open(&k);
	EXPECT(has(&k, "second") && has(&k, "large") && has(&k, "gone"));
	kit_remove(&k);
}

TAP_MAIN(CASE(the_last_commit_comes_back), CASE(a_torn_record_is_not_applied),
         CASE(an_old_record_stays_old))
