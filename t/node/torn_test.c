/* SPDX-License-Identifier: Apache-2.0 */
/* A spool whose last 64 KiB are cut at every byte, and hit by a flipped bit at many: what lies before
 * the damage comes back whole, nothing comes that was not written, and what is gone is counted. The
 * directory is in memory, because each case opens the spool anew. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "node/record.h"
#include "node/spool.h"
#include "tap.h"

enum { TAIL = 64 << 10, RECORDS = 350, BODY_MAX = 400, FILE_MAX = 256 << 10, FLIP_STEP = 5 };

static struct {
	char dir[64], path[128];
	int fd;
	uint8_t *good;
	size_t len;
	size_t end[RECORDS + 1]; /* of the nth record, in the file */
	char text[RECORDS + 4][BODY_MAX];
	size_t size[RECORDS + 4];
} t;

/* Each record names itself in all of its bytes; the lengths differ. */
static void make_texts(void)
{
	for (unsigned n = 1; n < RECORDS + 4; n++) {
		t.size[n] = 40 + n * 37 % 300;
		for (size_t at = 0; at < t.size[n];)
			at += (size_t)snprintf(t.text[n] + at, BODY_MAX - at, "%u-", n);
	}
}

static struct sonde_spool *open_spool(void)
{
	struct sonde_spool_options options = { .dir = t.dir, .max_bytes = 1 << 20 };
	struct sonde_spool *s = NULL;
	struct sonde_error e = { 0 };

	if (sonde_spool_open(&options, NULL, NULL, &s, &e))
		tap_fail(__FILE__, __LINE__, "open: %s", e.text);
	return s;
}

static void append(struct sonde_spool *s, uint64_t from, uint64_t to)
{
	struct sonde_spool_group *g;
	uint64_t seq;

	for (uint64_t n = from; n <= to; n++) {
		EXPECT_INT(sonde_spool_append(s, t.text[n], t.size[n], &seq), SONDE_OK);
		EXPECT_INT(seq, n);
		if (n % 50 && n < to)
			continue;
		while ((g = sonde_spool_stage(s))) {
			sonde_spool_write(g);
			EXPECT_INT(sonde_spool_commit(s, g), SONDE_OK);
		}
	}
}

static void make(void)
{
	struct stat st;

	tap_limit(600);
	sonde_log_level(0);
	make_texts();
	snprintf(t.dir, sizeof(t.dir), "%s/sonde-torn-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	EXPECT(mkdtemp(t.dir));
	struct sonde_spool *s = open_spool();
	append(s, 1, RECORDS);
	sonde_spool_close(s);
	snprintf(t.path, sizeof(t.path), "%s/%016x-%016x.seg", t.dir, 1, 1);
	t.fd = open(t.path, O_RDWR);
	EXPECT(t.fd >= 0 && !fstat(t.fd, &st) && st.st_size > TAIL && st.st_size < FILE_MAX);
	t.len = (size_t)st.st_size;
	t.good = malloc(t.len);
	EXPECT(t.good && pread(t.fd, t.good, t.len, 0) == st.st_size);
	for (unsigned n = 1; n <= RECORDS; n++)
		t.end[n] = t.end[n - 1] + SONDE_RECORD_HEAD + t.size[n];
	EXPECT_INT(t.end[RECORDS], t.len);
}

static void unmake(void)
{
	DIR *d = opendir(t.dir);

	for (struct dirent *e; d && (e = readdir(d));)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(t.dir);
	close(t.fd);
	free(t.good);
}

/* The file's first `len` bytes as they were; what lies before `from` is so already. */
static void restore(size_t from, size_t len)
{
	EXPECT(pwrite(t.fd, t.good + from, len - from, (off_t)from) == (ssize_t)(len - from));
	EXPECT(!ftruncate(t.fd, (off_t)len));
}

struct seen {
	uint64_t came, lost, last;
};

/* All that comes, in order, each as it was written. */
static struct seen read_all(struct sonde_spool *s)
{
	struct seen seen = { 0 };
	struct sonde_record r;

	while (!sonde_spool_peek(s, SONDE_LANE_LIVE, &r)) {
		EXPECT_INT(r.seq, seen.last + 1);
		if (r.lost) {
			seen.lost += r.lost;
			seen.last += r.lost;
		} else {
			EXPECT(r.seq < RECORDS + 4);
			EXPECT_INT(r.len, t.size[r.seq]);
			EXPECT(!memcmp(r.payload, t.text[r.seq], r.len));
			seen.came++;
			seen.last++;
		}
		sonde_spool_pass(s, SONDE_LANE_LIVE);
	}
	return seen;
}

static void cut_at_every_byte(void)
{
	uint64_t whole = RECORDS;

	make();
	for (size_t at = t.len; at-- > t.len - TAIL;) {
		while (t.end[whole] > at)
			whole--;
		restore(t.end[whole], at);
		struct sonde_spool *s = open_spool();
		EXPECT_INT(sonde_spool_state(s).last, whole);
		EXPECT_INT(sonde_spool_state(s).damage.torn_bytes, at - t.end[whole]);
		struct seen seen = read_all(s);
		EXPECT_INT(seen.came, whole);
		EXPECT_INT(seen.lost, 0);
		sonde_spool_close(s);
	}
	unmake();
}

/* What is made after the cut stands right behind what was whole: nothing of the tail comes back. */
static void goes_on_after_a_cut(void)
{
	uint64_t whole = RECORDS;

	make();
	for (size_t at = t.len; at > t.len - TAIL; at -= 211) {
		while (t.end[whole] > at)
			whole--;
		restore(0, at);
		struct sonde_spool *s = open_spool();
		append(s, whole + 1, whole + 3);
		sonde_spool_close(s);
		s = open_spool();
		EXPECT_INT(sonde_spool_state(s).damage.torn_bytes, 0);
		struct seen seen = read_all(s);
		EXPECT_INT(seen.came, whole + 3);
		EXPECT_INT(seen.lost, 0);
		sonde_spool_close(s);
	}
	unmake();
}

static void one_flipped_bit(void)
{
	uint64_t hit = RECORDS;

	make();
	for (size_t at = t.len - 1; at > t.len - TAIL; at -= FLIP_STEP) {
		while (t.end[hit - 1] > at)
			hit--;
		restore(t.end[hit - 1], t.len);
		uint8_t byte = t.good[at] ^ (uint8_t)(1u << (at / FLIP_STEP & 7));
		EXPECT(pwrite(t.fd, &byte, 1, (off_t)at) == 1);
		struct sonde_spool *s = open_spool();
		struct seen seen = read_all(s);
		struct sonde_spool_damage damage = sonde_spool_state(s).damage;
		EXPECT(damage.lost + damage.torn_bytes > 0);
		EXPECT_INT(seen.came, RECORDS - 1);
		EXPECT_INT(seen.lost, hit < RECORDS);
		sonde_spool_close(s);
		restore(t.end[hit - 1], t.len);
	}
	unmake();
}

/* A block of the disk: what it held is counted, what lies behind it comes. */
static void a_block_of_zeros(void)
{
	enum { BLOCK = 4096 };
	static const uint8_t zeros[BLOCK];

	make();
	for (size_t at = t.len / BLOCK * BLOCK - BLOCK; at > t.len - TAIL; at -= BLOCK) {
		uint64_t first = 1, last;
		while (t.end[first] <= at)
			first++;
		for (last = first; t.end[last] < at + BLOCK; last++)
			;
		EXPECT(pwrite(t.fd, zeros, BLOCK, (off_t)at) == BLOCK);
		struct sonde_spool *s = open_spool();
		struct seen seen = read_all(s);
		EXPECT_INT(seen.came, RECORDS - (last - first + 1));
		EXPECT_INT(seen.lost, last < RECORDS ? last - first + 1 : 0);
		sonde_spool_close(s);
		restore(at, t.len);
	}
	unmake();
}

TAP_MAIN(CASE(cut_at_every_byte), CASE(goes_on_after_a_cut), CASE(one_flipped_bit),
         CASE(a_block_of_zeros))
