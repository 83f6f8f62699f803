/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what was taken and not finished is there after a kill, what was finished is known,
 * and a torn file loses only its end. */
#include "node/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tap.h"

static char dir[64], path[96];

static void make_dir(void)
{
	sonde_log_level(0);
	snprintf(dir, sizeof(dir), "/tmp/sonde-journal-XXXXXX");
	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/journal", dir);
}

static void remove_dir(void)
{
	unlink(path);
	rmdir(dir);
}

static struct sonde_journal *open_journal(void)
{
	struct sonde_journal *j = NULL;
	struct sonde_error e = { 0 };

	if (sonde_journal_open(path, &j, &e))
		tap_fail(__FILE__, __LINE__, "open: %s", e.text);
	return j;
}

static void sync_journal(struct sonde_journal *j)
{
	struct sonde_journal_group *g = sonde_journal_stage(j);

	if (g) {
		sonde_journal_write(g);
		EXPECT_INT(sonde_journal_commit(j, g), SONDE_OK);
	}
}

static struct sonde_task_key key(unsigned n)
{
	struct sonde_task_key k = { .task = n, .attempt = 1 };

	k.measurement.b[3] = n >> 8;
	return k;
}

static unsigned open_attempts(struct sonde_journal *j)
{
	struct sonde_journal_line line;
	unsigned n = 0;

	for (size_t at = 0; sonde_journal_next(j, &at, &line);)
		n++;
	return n;
}

static void knows_what_was_taken_and_finished(void)
{
	make_dir();
	struct sonde_journal *j = open_journal();
	struct sonde_task_key a = key(1), b = key(2), c = key(3);
	EXPECT_INT(sonde_journal_find(j, &a), SONDE_JOURNAL_UNKNOWN);
	EXPECT_INT(sonde_journal_take(j, &a, 10), SONDE_OK);
	EXPECT_INT(sonde_journal_take(j, &a, 11), SONDE_OK);
	EXPECT_INT(sonde_journal_take(j, &b, 12), SONDE_OK);
	sync_journal(j);
	EXPECT_INT(sonde_journal_finish(j, &a, 13), SONDE_OK);
	EXPECT_INT(sonde_journal_finish(j, &c, 13), SONDE_OK);
	sync_journal(j);
	sonde_journal_close(j);
	for (int i = 0; i < 3; i++) {
		j = open_journal();
		EXPECT_INT(sonde_journal_find(j, &a), SONDE_JOURNAL_FINISHED);
		EXPECT_INT(sonde_journal_find(j, &b), SONDE_JOURNAL_TAKEN);
		EXPECT_INT(sonde_journal_find(j, &c), SONDE_JOURNAL_UNKNOWN);
		EXPECT_INT(open_attempts(j), 1);
		sonde_journal_close(j);
	}
	remove_dir();
}

static void stays_small(void)
{
	struct stat st;

	make_dir();
	struct sonde_journal *j = open_journal();
	for (unsigned n = 1; n <= 60000; n++) {
		struct sonde_task_key k = key(n);
		EXPECT_INT(sonde_journal_take(j, &k, n), SONDE_OK);
		if (n > 5)
			EXPECT_INT(sonde_journal_finish(j, &k, n), SONDE_OK);
		if (n % 200 == 0)
			sync_journal(j);
	}
	sync_journal(j);
	EXPECT(!stat(path, &st) && st.st_size < 3 << 20);
	sonde_journal_close(j);
	j = open_journal();
	EXPECT_INT(open_attempts(j), 5);
	struct sonde_task_key k = key(60000);
	EXPECT_INT(sonde_journal_find(j, &k), SONDE_JOURNAL_FINISHED);
	k = key(6);
	EXPECT_INT(sonde_journal_find(j, &k), SONDE_JOURNAL_UNKNOWN);
	sonde_journal_close(j);
	remove_dir();
}

static void a_torn_end_loses_only_the_end(void)
{
	enum { LINES = 20, SIZE = SONDE_RECORD_HEAD + SONDE_JOURNAL_LINE };

	make_dir();
	struct sonde_journal *j = open_journal();
	for (unsigned n = 1; n <= LINES; n++) {
		struct sonde_task_key k = key(n);
		EXPECT_INT(sonde_journal_take(j, &k, n), SONDE_OK);
	}
	sync_journal(j);
	sonde_journal_close(j);
	uint8_t bytes[LINES * SIZE];
	int fd = open(path, O_RDONLY);
	EXPECT_INT(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	for (size_t n = 0; n < sizeof(bytes); n += 5) {
		fd = open(path, O_WRONLY | O_TRUNC);
		EXPECT_INT(write(fd, bytes, n), n);
		close(fd);
		j = open_journal();
		EXPECT_INT(open_attempts(j), n / SIZE);
		sonde_journal_close(j);
	}
	remove_dir();
}

TAP_MAIN(CASE(knows_what_was_taken_and_finished), CASE(stays_small),
         CASE(a_torn_end_loses_only_the_end))
