/* SPDX-License-Identifier: Apache-2.0 */
/* Power loss. Every write and sync of the store is recorded; then, at random moments of that record,
 * the files are rebuilt as a disk may show them after a cut: what was synced is there, of what was
 * not, any sectors may be. Each image must open and hold everything that was acknowledged before.
 * The names of files are taken to be durable. SONDE_IMAGES sets how many, SONDE_SEED which. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "store/kit.h"
#include "tap.h"

enum { FILES = 8, OPS = 100000, SECTOR = 512, ROUNDS = 150, IMAGE_MAX = 16 << 20 };

enum kind { WRITE, DURABLE_WRITE, SYNC, ACK };

struct op {
	enum kind kind;
	int file; /* ACK: rounds that were acknowledged */
	off_t at;
	size_t len;
	uint8_t *data;
};

static struct {
	pthread_mutex_t lock;
	bool on;
	char names[FILES][64];
	int files;
	struct op ops[OPS];
	unsigned count;
} tape = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- recording ---- */

/* Which file of the store the descriptor is; -1 when none. The lock is held. */
static int file_of(int fd)
{
	char link[40], path[256];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return -1;
	path[n] = '\0';
	const char *name = strrchr(path, '/') + 1;
	if (!strstr(path, "sonde-store-") || !strstr(name, ".mdb") || strstr(name, "-lock"))
		return -1;
	for (int i = 0; i < tape.files; i++)
		if (!strcmp(tape.names[i], name))
			return i;
	if (tape.files == FILES || strlen(name) >= sizeof(tape.names[0]))
		abort();
	strcpy(tape.names[tape.files], name);
	return tape.files++;
}

static void record(int fd, enum kind kind, off_t at, const void *data, size_t len)
{
	pthread_mutex_lock(&tape.lock);
	int file = !tape.on ? -1 : kind == ACK ? fd : file_of(fd);
	if (file >= 0) {
		if (tape.count == OPS)
			abort();
		struct op *op = &tape.ops[tape.count++];
		*op = (struct op){ kind, file, at, len, len ? malloc(len) : NULL };
		if (len)
			memcpy(op->data, data, len);
	}
	pthread_mutex_unlock(&tape.lock);
}

static enum kind kind_of(int fd)
{
	return fcntl(fd, F_GETFL) & O_DSYNC ? DURABLE_WRITE : WRITE;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n = syscall(SYS_pwrite64, fd, data, len, at);

	if (n > 0)
		record(fd, kind_of(fd), at, data, (size_t)n);
	return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return pwrite(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t done = syscall(SYS_writev, fd, v, n);
	size_t left = done > 0 ? (size_t)done : 0;

	for (int i = 0; i < n && left; i++) {
		size_t len = v[i].iov_len < left ? v[i].iov_len : left;
		record(fd, kind_of(fd), at, v[i].iov_base, len);
		at += (off_t)len;
		left -= len;
	}
	return done;
}

int fdatasync(int fd)
{
	int rc = (int)syscall(SYS_fdatasync, fd);

	if (!rc)
		record(fd, SYNC, 0, NULL, 0);
	return rc;
}

int fsync(int fd)
{
	int rc = (int)syscall(SYS_fsync, fd);

	if (!rc)
		record(fd, SYNC, 0, NULL, 0);
	return rc;
}

/* ---- what the store is asked to do ---- */

/* Round n: results 3n - 2 .. 3n, and the number in a state table; every tenth a large value. */
static int one_round(struct sonde_write *w, void *arg)
{
	static const char large[20000];
	uint32_t n = *(uint32_t *)arg;
	enum sonde_ingest what;
	char body[40];
	int rc = SONDE_OK;

	for (uint32_t i = 0; i < 3 && rc == SONDE_OK && n % 3; i++) {
		struct sonde_result r = kit_result(1, n, i + 1, body);
		rc = sonde_write_result(w, &r, &what);
	}
	if (rc == SONDE_OK && n % 10 == 0)
		rc = sonde_write_put(w, SONDE_TABLE_MEASUREMENTS, kit_text("large"),
		                     (struct sonde_slice){ large, sizeof(large) });
	return rc ? rc : sonde_write_put(w, SONDE_TABLE_META, kit_text("round"),
	                                 (struct sonde_slice){ &n, sizeof(n) });
}

static void play(struct kit *k)
{
	tape.on = true;
	kit_open(k);
	for (uint32_t n = 1; n <= ROUNDS; n++) {
		EXPECT_INT(kit_run(k, one_round, &n), SONDE_OK);
		record((int)n, ACK, 0, NULL, 0);
	}
	kit_close(k);
	tape.on = false;
}

/* ---- images ---- */

static bool synced_before(unsigned write, unsigned end)
{
	for (unsigned i = write + 1; i < end; i++)
		if (tape.ops[i].kind == SYNC && tape.ops[i].file == tape.ops[write].file)
			return true;
	return false;
}

static void put_sectors(uint8_t *image, const struct op *op, struct sonde_rng *rng)
{
	for (size_t at = 0; at < op->len;) {
		size_t n = SECTOR - (size_t)((op->at + (off_t)at) % SECTOR);
		if (n > op->len - at)
			n = op->len - at;
		if (!rng || sonde_rng_below(rng, 2))
			memcpy(image + op->at + at, op->data + at, n);
		at += n;
	}
}

/* The file as it may be found when the power went before ops[end]. */
static void build(const char *dir, int file, unsigned end, struct sonde_rng *rng)
{
	static uint8_t image[IMAGE_MAX];
	char path[200];
	off_t size = 0;

	memset(image, 0, sizeof(image));
	for (unsigned i = 0; i < end; i++) {
		const struct op *op = &tape.ops[i];
		if (op->kind > DURABLE_WRITE || op->file != file)
			continue;
		EXPECT(op->at + (off_t)op->len <= IMAGE_MAX);
		bool kept = op->kind == DURABLE_WRITE || synced_before(i, end);
		put_sectors(image, op, kept ? NULL : rng);
		if (op->at + (off_t)op->len > size)
			size = op->at + (off_t)op->len;
	}
	if (!size)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, tape.names[file]);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	EXPECT(fd >= 0 && write(fd, image, (size_t)size) == size);
	close(fd);
}

static void check(struct kit *k, uint32_t acked)
{
	struct sonde_id id = kit_id(1);
	uint32_t last = acked - (acked % 3 == 0), round = 0;
	struct sonde_spans have;
	struct sonde_slice v;
	struct sonde_read *r;
	uint64_t epoch;

	kit_open(k);
	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	if (sonde_read_get(r, SONDE_TABLE_META, kit_text("round"), &v) == SONDE_OK)
		memcpy(&round, v.data, sizeof(round));
	EXPECT(round >= acked);
	EXPECT_INT(sonde_read_mark(r, &id, &epoch, &have), SONDE_OK);
	EXPECT(epoch >= last);
	EXPECT(!epoch || have.cum == 3);
	sonde_read_end(r);
	kit_remove(k);
}

static void nothing_acknowledged_is_lost(void)
{
	const char *images = getenv("SONDE_IMAGES"), *seed = getenv("SONDE_SEED");
	long count = images ? strtol(images, NULL, 10) : 300;
	struct kit k = { 0 };
	struct sonde_rng rng;
	unsigned first = 0;

	tap_limit(600);
	sonde_log_level(SONDE_LOG_ERROR); /* every image tells that it was cut off */
	play(&k);
	sonde_rng_seed(&rng, seed ? strtoull(seed, NULL, 10) : 1);
	while (tape.ops[first].kind != ACK)
		first++;
	for (long i = 0; i < count; i++) {
		struct kit copy = { .dir = "/tmp/sonde-store-XXXXXX" };
		unsigned end = first + 1 + (unsigned)sonde_rng_below(&rng, tape.count - first);
		uint32_t acked = 0;
		EXPECT(mkdtemp(copy.dir));
		for (unsigned at = 0; at < end; at++)
			if (tape.ops[at].kind == ACK)
				acked = (uint32_t)tape.ops[at].file;
		for (int file = 0; file < tape.files; file++)
			build(copy.dir, file, end, &rng);
		check(&copy, acked);
	}
	for (unsigned i = 0; i < tape.count; i++)
		free(tape.ops[i].data);
	kit_remove(&k);
}

TAP_MAIN(CASE(nothing_acknowledged_is_lost))
