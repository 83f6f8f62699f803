/* SPDX-License-Identifier: Apache-2.0 */
/* The spool against its promise: what was committed comes back, in order, up to the first damage,
 * and damage is counted. Each case works in a directory of its own that it removes. */
#include "node/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "tap.h"

static char dir[64];

static void make_dir(void)
{
	sonde_log_level(0);
	snprintf(dir, sizeof(dir), "/tmp/sonde-spool-XXXXXX");
	EXPECT(mkdtemp(dir));
}

static void remove_dir(void)
{
	DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
}

static struct sonde_spool *open_spool(uint32_t segment_bytes)
{
	struct sonde_spool_options options = {
		.dir = dir, .max_bytes = 1 << 20, .segment_bytes = segment_bytes
	};
	struct sonde_spool *s = NULL;
	struct sonde_error e = { 0 };

	if (sonde_spool_open(&options, NULL, NULL, &s, &e))
		tap_fail(__FILE__, __LINE__, "open: %s", e.text);
	return s;
}

static void sync_spool(struct sonde_spool *s)
{
	struct sonde_spool_group *g;

	while ((g = sonde_spool_stage(s))) {
		sonde_spool_write(g);
		EXPECT_INT(sonde_spool_commit(s, g), SONDE_OK);
	}
}

/* The payload of the nth record ever made here: its text names it. */
static size_t body(char *out, unsigned n)
{
	return snprintf(out, 80, "record %u %.*s", n, (int)(n % 40),
	               "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

static void append(struct sonde_spool *s, unsigned from, unsigned to)
{
	char text[80];
	uint64_t seq;

	for (unsigned n = from; n <= to; n++)
		EXPECT_INT(sonde_spool_append(s, text, body(text, n), &seq), SONDE_OK);
}

/* Reads all; record seq must hold the text of seq + shift. Returns how many came. */
static unsigned read_all(struct sonde_spool *s, uint64_t first, unsigned shift)
{
	struct sonde_record r;
	unsigned count = 0;
	char want[80];

	while (!sonde_spool_peek(s, SONDE_LANE_LIVE, &r)) {
		EXPECT_INT(r.seq, first + count);
		size_t len = body(want, r.seq + shift);
		EXPECT_INT(r.len, len);
		EXPECT(!memcmp(r.payload, want, len));
		sonde_spool_pass(s, SONDE_LANE_LIVE);
		count++;
	}
	return count;
}

/* As the link does: agree, then read on behind what the controller has. */
static void confirm(struct sonde_spool *s, uint64_t epoch, uint64_t seq)
{
	EXPECT_INT(sonde_spool_confirm(s, epoch, seq, seq), SONDE_OK);
	sonde_spool_seek(s, SONDE_LANE_LIVE, sonde_spool_state(s).epoch == epoch ? seq : 0);
}

static void segment_path(char *out, unsigned epoch, unsigned first)
{
	snprintf(out, 128, "%s/%016x-%016x.seg", dir, epoch, first);
}

static uint8_t *load(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	EXPECT(fd >= 0 && !fstat(fd, &st));
	uint8_t *bytes = malloc(st.st_size + 1);
	*len = pread(fd, bytes, st.st_size, 0);
	close(fd);
	return bytes;
}

static void store(const char *path, const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	EXPECT(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void committed_records_come_back(void)
{
	make_dir();
	struct sonde_spool *s = open_spool(0);
	append(s, 1, 100);
	EXPECT_INT(read_all(s, 1, 0), 0);
	sync_spool(s);
	EXPECT_INT(read_all(s, 1, 0), 100);
	append(s, 101, 110);
	sync_spool(s);
	append(s, 111, 120);
	sonde_spool_close(s);
	s = open_spool(0);
	EXPECT_INT(sonde_spool_state(s).last, 110);
	EXPECT_INT(sonde_spool_state(s).epoch, 1);
	EXPECT_INT(read_all(s, 1, 0), 110);
	sonde_spool_close(s);
	remove_dir();
}

static void one_process_at_a_time(void)
{
	struct sonde_spool_options options = { dir, 1 << 20, 0 };
	struct sonde_spool *s, *other;
	struct sonde_error e;

	make_dir();
	s = open_spool(0);
	EXPECT_INT(sonde_spool_open(&options, NULL, NULL, &other, &e), SONDE_EEXIST);
	sonde_spool_close(s);
	remove_dir();
}

static unsigned files(void)
{
	unsigned n = 0;
	DIR *d = opendir(dir);

	for (struct dirent *e; (e = readdir(d));)
		n += strstr(e->d_name, ".seg") != NULL;
	closedir(d);
	return n;
}

static void acks_remove_whole_segments_only(void)
{
	make_dir();
	struct sonde_spool *s = open_spool(1000);
	for (unsigned n = 1; n <= 200; n += 5) {
		append(s, n, n + 4);
		sync_spool(s);
	}
	unsigned before = files();
	EXPECT(before > 5);
	uint64_t bytes = sonde_spool_state(s).bytes;
	sonde_spool_ack(s, 100);
	EXPECT(files() < before);
	EXPECT(sonde_spool_state(s).bytes < bytes);
	EXPECT_INT(sonde_spool_state(s).first, 101);
	EXPECT_INT(read_all(s, 101, 0), 100);
	sonde_spool_ack(s, 200);
	EXPECT_INT(files(), 1);
	EXPECT_INT(sonde_spool_state(s).count, 0);
	sonde_spool_close(s);
	s = open_spool(1000);
	append(s, 201, 201);
	sync_spool(s);
	EXPECT_INT(sonde_spool_state(s).last, 201);
	sonde_spool_close(s);
	remove_dir();
}

static void rewind_sends_again(void)
{
	make_dir();
	struct sonde_spool *s = open_spool(700);
	for (unsigned n = 1; n <= 60; n += 3) {
		append(s, n, n + 2);
		sync_spool(s);
	}
	for (unsigned seq = 0; seq < 60; seq += 7) {
		sonde_spool_seek(s, SONDE_LANE_LIVE, seq);
		EXPECT_INT(read_all(s, seq + 1, 0), 60 - seq);
	}
	sonde_spool_close(s);
	remove_dir();
}

static void full_is_said_and_results_are_kept(void)
{
	make_dir();
	struct sonde_spool_options options = {
		.dir = dir, .max_bytes = 2000, .segment_bytes = 500
	};
	struct sonde_spool *s;
	struct sonde_error e;
	EXPECT_INT(sonde_spool_open(&options, NULL, NULL, &s, &e), SONDE_OK);
	EXPECT(!sonde_spool_full(s));
	append(s, 1, 60);
	EXPECT(sonde_spool_full(s));
	append(s, 61, 62);
	sync_spool(s);
	EXPECT_INT(read_all(s, 1, 0), 62);
	append(s, 63, 63);
	sync_spool(s);
	sonde_spool_ack(s, 62);
	EXPECT(!sonde_spool_full(s));
	sonde_spool_close(s);
	remove_dir();
}

/* Truncate at every byte, and flip a bit at every byte, of the last records: everything before
 * the damage is delivered, new records follow without a hole, and the damage is counted. */
static void torn_and_flipped_tails(void)
{
	char path[128];
	size_t len, at = 0;
	unsigned whole[12000] = { 0 };

	tap_limit(120);
	make_dir();
	struct sonde_spool *s = open_spool(0);
	append(s, 1, 40);
	sync_spool(s);
	sonde_spool_close(s);
	segment_path(path, 1, 1);
	uint8_t *good = load(path, &len);
	EXPECT(len < 12000);
	for (unsigned n = 1; n <= 40; n++) {
		char text[80];
		size_t end = at + 16 + body(text, n);
		for (; at < end; at++)
			whole[at] = n - 1;
	}
	EXPECT_INT(at, len);
	uint8_t *bad = malloc(len);
	for (size_t i = 0; i < len; i++) {
		store(path, good, i);
		s = open_spool(0);
		EXPECT_INT(read_all(s, 1, 0), whole[i]);
		EXPECT_INT(sonde_spool_state(s).last, whole[i]);
		sonde_spool_close(s);

		memcpy(bad, good, len);
		bad[i] ^= 1 << (i & 7);
		store(path, bad, len);
		s = open_spool(0);
		struct sonde_spool_damage damage = sonde_spool_state(s).damage;
		EXPECT(damage.lost + damage.torn_bytes > 0);
		struct sonde_record r;
		for (unsigned n = 1; n <= whole[i]; n++) {
			EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_LIVE, &r), SONDE_OK);
			EXPECT_INT(r.seq, n);
			sonde_spool_pass(s, SONDE_LANE_LIVE);
		}
		if (!sonde_spool_peek(s, SONDE_LANE_LIVE, &r)) {
			EXPECT_INT(r.seq, whole[i] + 1);
			EXPECT_INT(r.lost, 1);
			sonde_spool_pass(s, SONDE_LANE_LIVE);
			EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_LIVE, &r), SONDE_OK);
			EXPECT_INT(r.seq, whole[i] + 2);
		}
		sonde_spool_close(s);
	}
	free(bad);
	free(good);
	remove_dir();
}

static void a_damaged_middle_is_a_counted_gap(void)
{
	char path[128];
	size_t len;

	make_dir();
	struct sonde_spool *s = open_spool(300);
	for (unsigned n = 1; n <= 60; n += 10) {
		append(s, n, n + 9);
		sync_spool(s);
	}
	sonde_spool_close(s);
	segment_path(path, 1, 21);
	uint8_t *bytes = load(path, &len);
	memset(bytes + 50, 0xff, 100);
	store(path, bytes, len);
	free(bytes);
	s = open_spool(300);
	struct sonde_spool_state state = sonde_spool_state(s);
	EXPECT_INT(state.damage.gaps, 1);
	EXPECT(state.damage.lost > 0 && state.damage.lost < 10);
	EXPECT_INT(state.last, 60);
	struct sonde_record r;
	unsigned got = 0;
	uint64_t lost = 0;
	while (!sonde_spool_peek(s, SONDE_LANE_BACKLOG, &r))
		sonde_spool_pass(s, SONDE_LANE_BACKLOG);
	confirm(s, 1, 7);
	for (; !sonde_spool_peek(s, SONDE_LANE_LIVE, &r); got += !r.lost) {
		EXPECT_INT(r.seq, 8 + got + lost);
		lost += r.lost;
		sonde_spool_pass(s, SONDE_LANE_LIVE);
	}
	EXPECT_INT(sonde_spool_state(s).epoch, 1);
	EXPECT_INT(lost, state.damage.lost);
	EXPECT_INT(got + lost, 53);
	EXPECT_INT(sonde_spool_state(s).damage.lost, state.damage.lost);
	sonde_spool_close(s);
	remove_dir();
}

/* A controller put back to an older state asks for results that were acknowledged: what is kept goes
 * again, what was removed is told as lost. */
static void a_restored_controller_gets_what_is_kept(void)
{
	struct sonde_spool_options options = {
		.dir = dir, .max_bytes = 1 << 20, .keep_bytes = 700, .segment_bytes = 300
	};
	struct sonde_record r;
	struct sonde_spool *s;
	struct sonde_error e;

	make_dir();
	EXPECT_INT(sonde_spool_open(&options, NULL, NULL, &s, &e), SONDE_OK);
	for (unsigned n = 1; n <= 60; n += 10) {
		append(s, n, n + 9);
		sync_spool(s);
	}
	confirm(s, 0, 0);
	sonde_spool_seek(s, SONDE_LANE_LIVE, 0);
	EXPECT_INT(read_all(s, 1, 0), 60);
	sonde_spool_ack(s, 50);
	EXPECT_INT(sonde_spool_state(s).count, 10);
	confirm(s, 1, 42);
	EXPECT_INT(sonde_spool_state(s).epoch, 1);
	EXPECT_INT(read_all(s, 43, 0), 18);
	confirm(s, 1, 2);
	EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_LIVE, &r), SONDE_OK);
	EXPECT_INT(r.seq, 3);
	EXPECT(r.lost > 0 && r.lost < 48);
	unsigned kept = 60 - 2 - (unsigned)r.lost;
	sonde_spool_pass(s, SONDE_LANE_LIVE);
	EXPECT_INT(read_all(s, 61 - kept, 0), kept);
	EXPECT_INT(sonde_spool_state(s).epoch, 1);
	sonde_spool_close(s);
	remove_dir();
}

/* What comes although the spool is full pushes the oldest out; what is told as lost and what is read
 * are together all that was made. */
static void a_full_spool_gives_up_the_oldest(void)
{
	struct sonde_spool_options options = { .dir = dir, .max_bytes = 2000, .segment_bytes = 300 };
	struct sonde_record r;
	struct sonde_spool *s;
	struct sonde_error e;

	make_dir();
	EXPECT_INT(sonde_spool_open(&options, NULL, NULL, &s, &e), SONDE_OK);
	for (unsigned n = 1; n <= 200; n += 5) {
		append(s, n, n + 4);
		sync_spool(s);
		EXPECT(sonde_spool_state(s).bytes < 2600);
	}
	EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_LIVE, &r), SONDE_OK);
	EXPECT_INT(r.seq, 1);
	EXPECT(r.lost > 100);
	EXPECT_INT(sonde_spool_state(s).damage.lost, r.lost);
	sonde_spool_pass(s, SONDE_LANE_LIVE);
	EXPECT_INT(read_all(s, r.lost + 1, 0), 200 - r.lost);
	sonde_spool_close(s);
	remove_dir();
}

/* Two readers at two places do not disturb each other. */
static void lanes_are_apart(void)
{
	struct sonde_record r;

	make_dir();
	struct sonde_spool *s = open_spool(300);
	append(s, 1, 50);
	sync_spool(s);
	sonde_spool_seek(s, SONDE_LANE_LIVE, 30);
	for (unsigned n = 1; n <= 20; n++) {
		EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_BACKLOG, &r), SONDE_OK);
		EXPECT_INT(r.seq, n);
		sonde_spool_pass(s, SONDE_LANE_BACKLOG);
		EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_LIVE, &r), SONDE_OK);
		EXPECT_INT(r.seq, 30 + n);
		sonde_spool_pass(s, SONDE_LANE_LIVE);
	}
	EXPECT_INT(sonde_spool_peek(s, SONDE_LANE_LIVE, &r), SONDE_ENOENT);
	sonde_spool_close(s);
	remove_dir();
}

static void a_lost_spool_begins_a_new_epoch(void)
{
	char path[128];

	make_dir();
	struct sonde_spool *s = open_spool(0);
	append(s, 1, 5);
	sync_spool(s);
	confirm(s, 0, 0);
	EXPECT_INT(read_all(s, 1, 0), 5);
	sonde_spool_close(s);
	segment_path(path, 1, 1);
	unlink(path);
	s = open_spool(0);
	EXPECT_INT(sonde_spool_state(s).epoch, 2);
	EXPECT_INT(sonde_spool_state(s).last, 0);
	sonde_spool_close(s);
	remove_dir();

	/* All of it gone, the epoch file too: made again, used offline, restarted, then connected. */
	make_dir();
	s = open_spool(0);
	append(s, 1, 8);
	sync_spool(s);
	sonde_spool_close(s);
	s = open_spool(0);
	EXPECT_INT(sonde_spool_state(s).epoch, 1);
	confirm(s, 1, 5);
	sonde_spool_close(s);
	remove_dir();
}

/* The directory as it was earlier comes back, and new results are made before the controller is
 * seen again: its seqs and ours must not mix. */
static void a_restored_disk_begins_a_new_epoch(void)
{
	char path[128], epoch[128];
	size_t len, epoch_len;

	make_dir();
	struct sonde_spool *s = open_spool(0);
	append(s, 1, 10);
	sync_spool(s);
	confirm(s, 1, 0);
	EXPECT_INT(read_all(s, 1, 0), 10);
	segment_path(path, 1, 1);
	snprintf(epoch, sizeof(epoch), "%s/epoch", dir);
	uint8_t *image = load(path, &len), *epoch_image = load(epoch, &epoch_len);
	append(s, 11, 20);
	sync_spool(s);
	EXPECT_INT(read_all(s, 11, 0), 10);
	sonde_spool_close(s);

	store(path, image, len);
	store(epoch, epoch_image, epoch_len);
	for (unsigned n = 31; n <= 50; n += 10) {
		s = open_spool(0);
		append(s, n, n + 9);
		sync_spool(s);
		if (n == 31)
			sonde_spool_close(s);
	}
	append(s, 51, 55);
	confirm(s, 1, 20);
	struct sonde_spool_state state = sonde_spool_state(s);
	EXPECT_INT(state.epoch, 2);
	EXPECT_INT(state.damage.renewals, 1);
	EXPECT_INT(state.last, 25);
	EXPECT_INT(read_all(s, 1, 30), 25);
	append(s, 56, 57);
	sync_spool(s);
	sonde_spool_close(s);
	s = open_spool(0);
	EXPECT_INT(sonde_spool_state(s).epoch, 2);
	confirm(s, 2, 20);
	EXPECT_INT(read_all(s, 21, 30), 7);
	sonde_spool_close(s);
	free(image);
	free(epoch_image);
	remove_dir();
}

static void a_group_that_could_not_be_written_comes_again(void)
{
	make_dir();
	struct sonde_spool *s = open_spool(0);
	append(s, 1, 3);
	struct sonde_spool_group *g = sonde_spool_stage(s);
	EXPECT(g);
	EXPECT(!sonde_spool_stage(s));
	EXPECT_INT(sonde_spool_confirm(s, 1, 0, 0), SONDE_EFULL);
	append(s, 4, 6);
	sonde_spool_write(g);
	EXPECT_INT(sonde_spool_commit(s, g), SONDE_OK);
	EXPECT_INT(read_all(s, 1, 0), 3);
	sync_spool(s);
	EXPECT_INT(read_all(s, 4, 0), 3);
	sonde_spool_close(s);
	remove_dir();
}

static void both_checksums_agree(void)
{
	uint8_t bytes[300];

	EXPECT_INT(sonde_crc32c(0, "123456789", 9), 0xe3069283);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 7 + 3;
	for (unsigned n = 0; n < sizeof(bytes); n++)
		EXPECT_INT(sonde_crc32c(n, bytes, n), sonde_crc32c_portable(n, bytes, n));
}

static void results_survive_packing(void)
{
	struct sonde_msg_result in = {
		.task = 7, .attempt = 2, .failure = SONDE_FAIL_TIMEOUT, .started_ms = 1234567890123,
		.took_us = 98765, .why = SONDE_TEXT("no answer"), .body = SONDE_TEXT("{\"a\":1}"),
	}, out = { 0 };
	struct sonde_buf b;

	memset(in.measurement.b, 0xab, 16);
	sonde_buf_init(&b, 1 << 16);
	sonde_result_pack(&b, &in);
	EXPECT_INT(sonde_result_unpack(b.data, b.len, &out), SONDE_OK);
	EXPECT(sonde_id_equal(&in.measurement, &out.measurement));
	EXPECT_INT(out.task, 7);
	EXPECT_INT(out.attempt, 2);
	EXPECT_INT(out.failure, SONDE_FAIL_TIMEOUT);
	EXPECT_INT(out.started_ms, in.started_ms);
	EXPECT_INT(out.took_us, in.took_us);
	EXPECT(out.why.len == 9 && !memcmp(out.why.s, "no answer", 9));
	EXPECT(out.body.len == 7 && !memcmp(out.body.s, "{\"a\":1}", 7));
	for (size_t n = 0; n < SONDE_RESULT_HEAD + 9; n++)
		EXPECT_INT(sonde_result_unpack(b.data, n, &out), SONDE_EINVAL);
	sonde_buf_deinit(&b);
}

TAP_MAIN(CASE(committed_records_come_back), CASE(one_process_at_a_time),
         CASE(acks_remove_whole_segments_only), CASE(rewind_sends_again),
         CASE(full_is_said_and_results_are_kept), CASE(torn_and_flipped_tails),
         CASE(a_damaged_middle_is_a_counted_gap), CASE(a_lost_spool_begins_a_new_epoch),
         CASE(a_restored_disk_begins_a_new_epoch),
         CASE(a_restored_controller_gets_what_is_kept),
         CASE(a_full_spool_gives_up_the_oldest), CASE(lanes_are_apart),
         CASE(a_group_that_could_not_be_written_comes_again), CASE(both_checksums_agree),
         CASE(results_survive_packing))
