/* SPDX-License-Identifier: Apache-2.0 */
/* state.mdb: tables, refusals, full maps, one writer, a second process that reads. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/kit.h"
#include "tap.h"

static const enum sonde_table T = SONDE_TABLE_NODES;

static int put_get_delete(struct sonde_write *w, void *arg)
{
	struct sonde_slice v;

	EXPECT_INT(sonde_write_get(w, T, kit_text("a"), &v), SONDE_ENOENT);
	EXPECT_INT(sonde_write_put(w, T, kit_text("a"), kit_text("one")), SONDE_OK);
	EXPECT_INT(sonde_write_put(w, T, kit_text("a"), kit_text("two")), SONDE_OK);
	EXPECT_INT(sonde_write_insert(w, T, kit_text("a"), kit_text("three")), SONDE_EEXIST);
	EXPECT_INT(sonde_write_insert(w, T, kit_text("b"), kit_text("bee")), SONDE_OK);
	EXPECT_INT(sonde_write_put(w, T, kit_text("c"), kit_text("")), SONDE_OK);
	EXPECT_INT(sonde_write_delete(w, T, kit_text("b")), SONDE_OK);
	EXPECT_INT(sonde_write_delete(w, T, kit_text("b")), SONDE_ENOENT);
	EXPECT_INT(sonde_write_put(w, T, kit_text(""), kit_text("x")), SONDE_EINVAL);
	EXPECT_INT(sonde_write_put(w, SONDE_TABLE_OPEN, kit_text("a"), kit_text("o")), SONDE_OK);
	EXPECT_INT(sonde_write_get(w, T, kit_text("a"), &v), SONDE_OK);
	EXPECT(v.len == 3 && !memcmp(v.data, "two", 3));
	return SONDE_OK;
}

static int join(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	strncat(arg, key.data, key.len);
	strncat(arg, "=", 2);
	strncat(arg, value.data, value.len);
	strncat(arg, ";", 2);
	return ((const char *)key.data)[0] == 'y' ? 7 : 0;
}

static void expect_content(struct kit *k)
{
	struct sonde_read *r;
	struct sonde_slice v;
	char text[200] = "";

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_get(r, T, kit_text("b"), &v), SONDE_ENOENT);
	EXPECT_INT(sonde_read_get(r, T, kit_text("a"), &v), SONDE_OK);
	EXPECT(v.len == 3 && !memcmp(v.data, "two", 3));
	EXPECT_INT(sonde_read_each(r, T, kit_text(""), join, text), 0);
	EXPECT_STR(text, "a=two;c=;");
	text[0] = 0;
	EXPECT_INT(sonde_read_each(r, T, kit_text("b"), join, text), 0);
	EXPECT_STR(text, "c=;");
	sonde_read_end(r);
}

static void a_table_keeps_what_was_committed(void)
{
	struct kit k = { 0 };
	struct stat st;
	char path[100];

	kit_open(&k);
	EXPECT_INT(kit_run(&k, put_get_delete, NULL), SONDE_OK);
	expect_content(&k);
	kit_close(&k);
	kit_open(&k);
	expect_content(&k);
	snprintf(path, sizeof(path), "%s/state.mdb", k.dir);
	EXPECT_INT(stat(path, &st), 0);
	EXPECT_INT(st.st_mode & 0777, 0600);
	kit_remove(&k);
}

static int put_xyz(struct sonde_write *w, void *arg)
{
	static const char *const keys[] = { "y", "x", "z" };

	for (int i = 0; i < 3; i++)
		EXPECT_INT(sonde_write_put(w, T, kit_text(keys[i]), kit_text("v")), SONDE_OK);
	return SONDE_OK;
}

static void a_walk_ends_when_told(void)
{
	struct kit k = { 0 };
	struct sonde_read *r, *inner;
	char text[200] = "";

	kit_open(&k);
	EXPECT_INT(kit_run(&k, put_xyz, NULL), SONDE_OK);
	EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_begin(k.store, &inner), SONDE_OK);
	EXPECT_INT(sonde_read_each(inner, T, kit_text(""), join, text), 7);
	EXPECT_STR(text, "x=v;y=v;");
	sonde_read_end(inner);
	EXPECT_INT(sonde_read_each(r, T, kit_text("z"), join, text), 0);
	sonde_read_end(r);
	kit_remove(&k);
}

static int insert_key(struct sonde_write *w, void *arg)
{
	return sonde_write_insert(w, T, kit_text(arg), kit_text("v"));
}

/* Many jobs that land in few groups: each refusal is its own job's, order is kept. */
static void a_refusal_stays_alone(void)
{
	enum { N = 600 };
	static struct kit_job jobs[N];
	static char keys[N][8];
	struct kit k = { 0 };
	struct sonde_store_stats stats;

	kit_open(&k);
	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%04d", i / 2);
		EXPECT_INT(kit_start(&k, &jobs[i], insert_key, keys[i]), SONDE_OK);
	}
	for (int i = 0; i < N; i++) {
		kit_wait(&k, &jobs[i]);
		EXPECT_INT(jobs[i].status, i % 2 ? SONDE_EEXIST : SONDE_OK);
	}
	EXPECT_INT(sonde_store_waiting(k.store), 0);
	sonde_store_stats(k.store, &stats);
	EXPECT_INT(stats.jobs, N);
	kit_remove(&k);
}

static int no_memory(struct sonde_write *w, void *arg)
{
	EXPECT_INT(sonde_write_put(w, T, kit_text("half"), kit_text("v")), SONDE_OK);
	return SONDE_ENOMEM;
}

static void a_failed_group_wrote_nothing(void)
{
	struct kit k = { 0 };
	struct sonde_read *r;
	struct sonde_slice v;

	kit_open(&k);
	EXPECT_INT(kit_run(&k, no_memory, NULL), SONDE_ENOMEM);
	EXPECT_INT(kit_run(&k, insert_key, "after"), SONDE_OK);
	EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_get(r, T, kit_text("half"), &v), SONDE_ENOENT);
	EXPECT_INT(sonde_read_get(r, T, kit_text("after"), &v), SONDE_OK);
	sonde_read_end(r);
	kit_remove(&k);
}

static int only_look(struct sonde_write *w, void *arg)
{
	struct sonde_slice v;
	return sonde_write_get(w, T, kit_text("nothing"), &v);
}

static void a_group_without_writes_syncs_nothing(void)
{
	struct kit k = { 0 };
	struct sonde_store_stats stats;

	kit_open(&k);
	EXPECT_INT(kit_run(&k, only_look, NULL), SONDE_ENOENT);
	sonde_store_stats(k.store, &stats);
	EXPECT_INT(stats.syncs, 0);
	EXPECT_INT(kit_run(&k, insert_key, "k"), SONDE_OK);
	sonde_store_stats(k.store, &stats);
	EXPECT_INT(stats.syncs, 1);
	EXPECT_INT(stats.commits, 2);
	kit_remove(&k);
}

static int fill(struct sonde_write *w, void *arg)
{
	static const char page[1500];
	char key[8];

	for (int i = 0; i < *(int *)arg; i++) {
		snprintf(key, sizeof(key), "%06d", i);
		int status = sonde_write_put(w, T, kit_text(key),
		                             (struct sonde_slice){ page, sizeof(page) });
		if (status != SONDE_OK)
			return status;
	}
	return SONDE_OK;
}

static int empty(struct sonde_write *w, void *arg)
{
	char key[8];

	for (int i = 0; i < *(int *)arg; i++) {
		snprintf(key, sizeof(key), "%06d", i);
		EXPECT_INT(sonde_write_delete(w, T, kit_text(key)), SONDE_OK);
	}
	return SONDE_OK;
}

static int count_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	++*(int *)arg;
	return 0;
}

/* 3 MB into a map of 1 MiB while the loop thread holds a cached snapshot: grown and applied again.
 * Then bulk is refused, deleting goes, and after it there is room again. */
static void a_full_map_grows_and_keeps_a_reserve(void)
{
	struct kit k = { .options.map_bytes = 1 << 20 };
	struct sonde_read *r;
	struct kit_job j;
	int n = 2000, found = 0, status = SONDE_EFULL;

	kit_open(&k);
	EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
	sonde_read_end(r);
	EXPECT_INT(kit_run(&k, fill, &n), SONDE_OK);
	EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_each(r, T, kit_text(""), count_one, &found), 0);
	EXPECT_INT(found, n);
	sonde_read_end(r);

	j = (struct kit_job){ .job.bulk = true };
	EXPECT_INT(sonde_store_submit(k.store, &j.job), SONDE_EFULL);
	EXPECT_INT(kit_run(&k, empty, &n), SONDE_OK);
	EXPECT_INT(kit_run(&k, insert_key, "admin"), SONDE_OK);
	for (int i = 0; i < 100 && status == SONDE_EFULL; i++) {
		usleep(50000);
		EXPECT_INT(kit_start(&k, &j, insert_key, "bulk"), SONDE_OK);
		kit_wait(&k, &j);
		j.job.bulk = true;
		j.finished = false;
		status = sonde_store_submit(k.store, &j.job);
	}
	EXPECT_INT(status, SONDE_OK);
	kit_wait(&k, &j);
	kit_remove(&k);
}

static void the_queue_has_an_end(void)
{
	struct kit k = { .options.queue_max = 3 };
	struct kit_job jobs[4];

	kit_open(&k);
	for (int i = 0; i < 3; i++)
		EXPECT_INT(kit_start(&k, &jobs[i], only_look, NULL), SONDE_OK);
	EXPECT_INT(kit_start(&k, &jobs[3], only_look, NULL), SONDE_EFULL);
	kit_wait(&k, &jobs[2]);
	EXPECT_INT(kit_start(&k, &jobs[3], only_look, NULL), SONDE_OK);
	kit_wait(&k, &jobs[3]);
	kit_remove(&k);
}

static void close_finishes_what_waits(void)
{
	enum { N = 100 };
	static struct kit_job jobs[N];
	static char keys[N][8];
	struct kit k = { 0 };

	kit_open(&k);
	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%04d", i);
		EXPECT_INT(kit_start(&k, &jobs[i], insert_key, keys[i]), SONDE_OK);
	}
	kit_close(&k);
	for (int i = 0; i < N; i++)
		EXPECT(jobs[i].finished && jobs[i].status == SONDE_OK);
	kit_remove(&k);
}

static void one_directory_has_one_writer(void)
{
	struct kit k = { 0 };
	struct sonde_store *other;
	struct sonde_error e;

	kit_open(&k);
	EXPECT_INT(sonde_store_open(&k.options, &other, &e), SONDE_ECONFLICT);
	EXPECT(strstr(e.text, "in use"));
	kit_remove(&k);
}

/* LMDB forbids one file twice in one process, hence a real second one. */
static void a_second_process_may_look(void)
{
	struct kit k = { 0 };
	int to_child[2], from_child[2];
	char byte = 0;

	kit_open(&k);
	EXPECT_INT(kit_run(&k, put_xyz, NULL), SONDE_OK);
	kit_close(&k);
	EXPECT(!pipe(to_child) && !pipe(from_child));
	pid_t pid = fork();
	if (pid == 0) {
		struct sonde_read *r;
		struct sonde_slice v;
		struct kit_job j = { 0 };
		close(to_child[1]);
		EXPECT_INT(read(to_child[0], &byte, 1), 1);
		k.options.no_writer = true;
		kit_open(&k);
		EXPECT_INT(sonde_store_submit(k.store, &j.job), SONDE_EDENIED);
		for (int i = 0; i < 2; i++) {
			EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
			EXPECT_INT(sonde_read_get(r, T, kit_text("x"), &v), SONDE_OK);
			EXPECT_INT(sonde_read_get(r, T, kit_text("new"), &v),
			           i ? SONDE_OK : SONDE_ENOENT);
			sonde_read_end(r);
			EXPECT_INT(write(from_child[1], "r", 1), 1);
			EXPECT_INT(read(to_child[0], &byte, 1), i ? 0 : 1);
		}
		kit_close(&k);
		exit(0);
	}
	close(to_child[0]);
	close(from_child[1]);
	kit_open(&k);
	EXPECT_INT(write(to_child[1], "g", 1), 1);
	EXPECT_INT(read(from_child[0], &byte, 1), 1);
	EXPECT_INT(kit_run(&k, insert_key, "new"), SONDE_OK);
	EXPECT_INT(write(to_child[1], "g", 1), 1);
	EXPECT_INT(read(from_child[0], &byte, 1), 1);
	close(to_child[1]);
	kit_remove(&k);
}

static void a_store_that_is_not_there_is_an_error(void)
{
	struct sonde_store *s;
	struct sonde_error e;
	struct sonde_store_options o = { .dir = "/tmp/sonde-no-such-store", .no_writer = true };

	EXPECT_INT(sonde_store_open(&o, &s, &e), SONDE_ENOENT);
	EXPECT(strstr(e.text, "sonde-no-such-store"));
	o = (struct sonde_store_options){ .dir = "/proc/sonde" };
	EXPECT_INT(sonde_store_open(&o, &s, &e), SONDE_EIO);
}

TAP_MAIN(CASE(a_table_keeps_what_was_committed), CASE(a_walk_ends_when_told),
         CASE(a_refusal_stays_alone), CASE(a_failed_group_wrote_nothing),
         CASE(a_group_without_writes_syncs_nothing), CASE(a_full_map_grows_and_keeps_a_reserve),
         CASE(the_queue_has_an_end), CASE(close_finishes_what_waits),
         CASE(one_directory_has_one_writer), CASE(a_second_process_may_look),
         CASE(a_store_that_is_not_there_is_an_error))
