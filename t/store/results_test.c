/* SPDX-License-Identifier: Apache-2.0 */
/* Results: order, identity, index, segments by day, retention. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/kit.h"
#include "tap.h"

static int64_t clock_ms = 1795219200000; /* 2026-11-21 */

static int64_t test_clock(void)
{
	return __atomic_load_n(&clock_ms, __ATOMIC_RELAXED);
}

static void next_day(void)
{
	__atomic_add_fetch(&clock_ms, 86400000, __ATOMIC_RELAXED);
}

/* One result, and what the store must say to it. */
struct one {
	uint32_t node;
	uint64_t epoch, seq;
	enum sonde_ingest want;
	uint32_t measurement, task; /* 0 = none */
	uint8_t late;
	uint64_t lost;
};

static int write_one(struct sonde_write *w, void *arg)
{
	const struct one *o = arg;
	enum sonde_ingest got;
	char body[40];
	struct sonde_result r = kit_result(o->node, o->epoch, o->seq, body);

	if (o->measurement)
		r.measurement = kit_id(o->measurement);
	r.task = o->task;
	r.late = o->late;
	r.lost = o->lost;
	r.attempt = 3;
	r.failure = SONDE_FAIL_TIMEOUT;
	int status = sonde_write_result(w, &r, &got);
	if (status == SONDE_OK)
		EXPECT_INT(got, o->want);
	return status;
}

static void store_one(struct kit *k, struct one o)
{
	EXPECT_INT(kit_run(k, write_one, &o), SONDE_OK);
}

static void expect_mark(struct kit *k, uint32_t node, uint64_t epoch, uint64_t seq)
{
	struct sonde_read *r;
	struct sonde_id id = kit_id(node);
	struct sonde_spans have;
	uint64_t e;

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_mark(r, &id, &e, &have), SONDE_OK);
	sonde_read_end(r);
	EXPECT_INT(e, epoch);
	EXPECT_INT(have.cum, seq);
}

static void identity_decides(void)
{
	struct kit k = { 0 };
	struct sonde_store_stats stats;

	kit_open(&k);
	expect_mark(&k, 1, 0, 0);
	store_one(&k, (struct one){ 1, 5, 2, SONDE_INGEST_STORED });
	expect_mark(&k, 1, 5, 0);
	store_one(&k, (struct one){ 1, 5, 2, SONDE_INGEST_DUPLICATE });
	store_one(&k, (struct one){ 1, 5, 1, SONDE_INGEST_STORED });
	store_one(&k, (struct one){ 1, 5, 1, SONDE_INGEST_DUPLICATE });
	expect_mark(&k, 1, 5, 2);
	store_one(&k, (struct one){ 1, 6, 1, SONDE_INGEST_STORED });
	store_one(&k, (struct one){ 1, 5, 3, SONDE_INGEST_DUPLICATE });
	expect_mark(&k, 1, 6, 1);
	expect_mark(&k, 2, 0, 0);
	sonde_store_stats(k.store, &stats);
	EXPECT_INT(stats.results, 3);
	EXPECT_INT(stats.gaps, 0);
	EXPECT_INT(stats.duplicates, 3);
	kit_close(&k);
	kit_open(&k);
	expect_mark(&k, 1, 6, 1);
	store_one(&k, (struct one){ 1, 6, 1, SONDE_INGEST_DUPLICATE });
	store_one(&k, (struct one){ 1, 6, 2, SONDE_INGEST_STORED });
	struct one zero = { 1, 0, 1 };
	EXPECT_INT(kit_run(&k, write_one, &zero), SONDE_EINVAL);
	kit_remove(&k);
}

/* Two lanes and a loss; a stretch more than fits is refused, and all of it survives a restart. */
static void stretches_above_the_mark(void)
{
	struct kit k = { 0 };
	struct one lost = { 1, 1, 2, SONDE_INGEST_STORED, .lost = 97 };

	kit_open(&k);
	store_one(&k, (struct one){ 1, 1, 1, SONDE_INGEST_STORED });
	for (unsigned i = 0; i < SONDE_SPANS; i++)
		store_one(&k, (struct one){ 1, 1, 100 + 2 * i, SONDE_INGEST_STORED });
	store_one(&k, (struct one){ 1, 1, 1000, SONDE_INGEST_GAP });
	expect_mark(&k, 1, 1, 1);
	kit_close(&k);
	kit_open(&k);
	store_one(&k, (struct one){ 1, 1, 102, SONDE_INGEST_DUPLICATE });
	store_one(&k, (struct one){ 1, 1, 101, SONDE_INGEST_STORED });
	store_one(&k, (struct one){ 1, 1, 1000, SONDE_INGEST_STORED });
	store_one(&k, lost);
	lost.want = SONDE_INGEST_DUPLICATE;
	store_one(&k, lost);
	expect_mark(&k, 1, 1, 98);
	store_one(&k, (struct one){ 1, 1, 99, SONDE_INGEST_STORED });
	expect_mark(&k, 1, 1, 102);
	store_one(&k, (struct one){ 1, 2, 1, SONDE_INGEST_STORED });
	expect_mark(&k, 1, 2, 1);
	kit_remove(&k);
}

struct walk {
	uint64_t expect, stop_at;
	unsigned seen;
};

static int look(void *arg, uint64_t ingest, const struct sonde_result *r)
{
	struct walk *w = arg;
	char body[40];
	struct sonde_result want = kit_result(0, 1, r->seq, body);

	if (w->stop_at && ingest == w->stop_at)
		return 9;
	EXPECT_INT(ingest, w->expect++);
	EXPECT(r->body.len == want.body.len && !memcmp(r->body.data, body, want.body.len));
	EXPECT_INT(r->attempt, 3);
	EXPECT_INT(r->failure, SONDE_FAIL_TIMEOUT);
	EXPECT_INT(r->received_ms, 1795219200000);
	w->seen++;
	return 0;
}

static void expect_results(struct kit *k, uint64_t from, uint64_t first, unsigned n)
{
	struct sonde_read *r;
	struct walk w = { .expect = first };
	uint64_t next;

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_results(r, from, look, &w, &next), 0);
	sonde_read_end(r);
	EXPECT_INT(w.seen, n);
	EXPECT_INT(next, n ? first + n : from ? from : 1);
}

static void export_goes_on_where_it_stopped(void)
{
	struct kit k = { .options.wall_ms = test_clock };
	struct sonde_read *r;
	uint64_t next;

	kit_open(&k);
	for (int i = 1; i <= 20; i++) {
		store_one(&k, (struct one){ 1 + i % 2, 1, (i + 1) / 2, SONDE_INGEST_STORED });
		if (i == 10)
			next_day();
	}
	expect_results(&k, 0, 1, 20);
	expect_results(&k, 10, 10, 11);
	expect_results(&k, 11, 11, 10);
	expect_results(&k, 21, 21, 0);
	for (uint64_t stop = 9; stop <= 12; stop++) {
		struct walk w = { .expect = 3, .stop_at = stop };
		EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
		EXPECT_INT(sonde_read_results(r, 3, look, &w, &next), 9);
		sonde_read_end(r);
		EXPECT_INT(next, stop);
	}
	kit_remove(&k);
}

static int find(struct kit *k, uint32_t measurement, uint32_t task, uint64_t *seq)
{
	struct sonde_read *r;
	struct sonde_result result = { .seq = 0 };
	struct sonde_id id = kit_id(measurement);

	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	int status = sonde_read_result(r, &id, task, &result);
	sonde_read_end(r);
	*seq = result.seq;
	return status;
}

static void the_index_finds_the_first_that_counts(void)
{
	struct kit k = { .options.wall_ms = test_clock };
	uint64_t seq;

	kit_open(&k);
	EXPECT_INT(find(&k, 70, 0, &seq), SONDE_ENOENT);
	store_one(&k, (struct one){ 1, 1, 1, SONDE_INGEST_STORED, 70, 4, .late = 1 });
	EXPECT_INT(find(&k, 70, 4, &seq), SONDE_ENOENT);
	store_one(&k, (struct one){ 1, 1, 2, SONDE_INGEST_STORED, 70, 4 });
	store_one(&k, (struct one){ 1, 1, 3, SONDE_INGEST_STORED, 70, 4 });
	store_one(&k, (struct one){ 1, 1, 4, SONDE_INGEST_STORED, 70, 3 });
	store_one(&k, (struct one){ 1, 1, 5, SONDE_INGEST_STORED });
	next_day();
	store_one(&k, (struct one){ 1, 1, 6, SONDE_INGEST_STORED, 70, 4 });
	store_one(&k, (struct one){ 1, 1, 7, SONDE_INGEST_STORED, 69, 300 });
	EXPECT_INT(find(&k, 70, 4, &seq), SONDE_OK);
	EXPECT_INT(seq, 2);
	EXPECT_INT(find(&k, 70, 3, &seq), SONDE_OK);
	EXPECT_INT(seq, 4);
	EXPECT_INT(find(&k, 69, 300, &seq), SONDE_OK);
	EXPECT_INT(seq, 7);
	EXPECT_INT(find(&k, 69, 4, &seq), SONDE_ENOENT);
	kit_remove(&k);
}

static unsigned segments(struct kit *k)
{
	struct sonde_store_stats stats;

	sonde_store_stats(k->store, &stats);
	return stats.segments;
}

static bool has_file(struct kit *k, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	return access(path, F_OK) == 0;
}

static void a_day_is_a_segment(void)
{
	struct kit k = { .options.wall_ms = test_clock };

	kit_open(&k);
	EXPECT_INT(segments(&k), 0);
	store_one(&k, (struct one){ 1, 1, 1, SONDE_INGEST_STORED });
	next_day();
	store_one(&k, (struct one){ 1, 1, 2, SONDE_INGEST_STORED });
	clock_ms -= 3 * INT64_C(86400000);
	store_one(&k, (struct one){ 1, 1, 3, SONDE_INGEST_STORED });
	EXPECT_INT(segments(&k), 2);
	EXPECT(has_file(&k, "results-20261121.mdb") && has_file(&k, "results-20261122.mdb"));
	expect_results(&k, 0, 1, 3);
	kit_close(&k);
	kit_open(&k);
	EXPECT_INT(segments(&k), 2);
	store_one(&k, (struct one){ 1, 1, 4, SONDE_INGEST_STORED });
	expect_results(&k, 0, 1, 4);
	kit_remove(&k);
}

static void retention_keeps_marks_and_numbers(void)
{
	struct kit k = { .options.wall_ms = test_clock };
	struct sonde_read *r;

	kit_open(&k);
	store_one(&k, (struct one){ 1, 1, 1, SONDE_INGEST_STORED });
	store_one(&k, (struct one){ 2, 9, 1, SONDE_INGEST_STORED });
	next_day();
	store_one(&k, (struct one){ 1, 1, 2, SONDE_INGEST_STORED });
	next_day();
	next_day();
	store_one(&k, (struct one){ 1, 1, 3, SONDE_INGEST_STORED });
	EXPECT_INT(segments(&k), 3);
	expect_results(&k, 0, 1, 4); /* caches a snapshot of each */
	sonde_store_retain(k.store, 2);
	while (segments(&k) > 2)
		usleep(1000);
	EXPECT(!has_file(&k, "results-20261121.mdb") && has_file(&k, "results-20261122.mdb"));
	EXPECT(!has_file(&k, "results-20261121.mdb-lock"));
	expect_results(&k, 0, 3, 2);
	next_day();
	next_day();
	next_day();
	next_day();
	sonde_store_retain(k.store, 1);
	while (segments(&k) > 1)
		usleep(1000);
	expect_results(&k, 0, 4, 1);
	expect_mark(&k, 2, 9, 1);
	store_one(&k, (struct one){ 2, 9, 1, SONDE_INGEST_DUPLICATE });
	kit_close(&k);
	kit_open(&k);
	expect_mark(&k, 2, 9, 1);
	expect_mark(&k, 1, 1, 3);
	store_one(&k, (struct one){ 2, 9, 1, SONDE_INGEST_DUPLICATE });
	store_one(&k, (struct one){ 2, 9, 2, SONDE_INGEST_STORED });
	EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
	sonde_read_end(r);
	expect_results(&k, 4, 4, 2);
	kit_remove(&k);
}

/* An aborted group takes its marks and numbers with it. */
static int results_then_refuse(struct sonde_write *w, void *arg)
{
	struct sonde_spans have;
	uint64_t epoch;
	struct sonde_id id = kit_id(1);
	struct one o = { 1, 1, 2, SONDE_INGEST_STORED };

	EXPECT_INT(write_one(w, &o), SONDE_OK);
	EXPECT_INT(sonde_write_mark(w, &id, &epoch, &have), SONDE_OK);
	EXPECT_INT(have.cum, 2);
	return SONDE_ENOMEM;
}

static void an_aborted_group_moves_no_mark(void)
{
	struct kit k = { 0 };

	kit_open(&k);
	store_one(&k, (struct one){ 1, 1, 1, SONDE_INGEST_STORED });
	EXPECT_INT(kit_run(&k, results_then_refuse, NULL), SONDE_ENOMEM);
	expect_mark(&k, 1, 1, 1);
	store_one(&k, (struct one){ 1, 1, 2, SONDE_INGEST_STORED });
	expect_results(&k, 0, 1, 2);
	kit_remove(&k);
}

enum { BIG = 3000 };

/* Results and state in one group, both files too small. */
static int big_group(struct sonde_write *w, void *arg)
{
	static char body[1000];
	enum sonde_ingest got;
	char key[16];

	for (int i = 1; i <= BIG; i++) {
		struct sonde_result r = { .node = kit_id(1), .epoch = 1, .seq = i,
			                  .measurement = kit_id(i),
			                  .body = { body, sizeof(body) } };
		int status = sonde_write_result(w, &r, &got);
		if (status != SONDE_OK)
			return status;
		EXPECT_INT(got, SONDE_INGEST_STORED);
		snprintf(key, sizeof(key), "%d", i);
		status = sonde_write_put(w, SONDE_TABLE_OPEN, kit_text(key), r.body);
		if (status != SONDE_OK)
			return status;
	}
	return SONDE_OK;
}

static int tally(void *arg, uint64_t ingest, const struct sonde_result *r)
{
	EXPECT_INT(ingest, ++*(uint64_t *)arg);
	EXPECT_INT(r->seq, ingest);
	return 0;
}

static void results_survive_growth_of_a_map(void)
{
	struct kit k = { .options.map_bytes = 6 << 20 };
	struct sonde_read *r;
	struct sonde_slice v;
	uint64_t n = 0, next, seq;

	kit_open(&k);
	EXPECT_INT(kit_run(&k, big_group, NULL), SONDE_OK);
	kit_close(&k);
	kit_open(&k);
	EXPECT_INT(sonde_read_begin(k.store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_results(r, 1, tally, &n, &next), 0);
	EXPECT_INT(sonde_read_get(r, SONDE_TABLE_OPEN, kit_text("3000"), &v), SONDE_OK);
	sonde_read_end(r);
	EXPECT_INT(n, BIG);
	EXPECT_INT(find(&k, 2999, 0, &seq), SONDE_OK);
	EXPECT_INT(seq, 2999);
	store_one(&k, (struct one){ 1, 1, BIG + 1, SONDE_INGEST_STORED });
	kit_remove(&k);
}

TAP_MAIN(CASE(identity_decides), CASE(stretches_above_the_mark),
         CASE(export_goes_on_where_it_stopped),
         CASE(the_index_finds_the_first_that_counts), CASE(a_day_is_a_segment),
         CASE(retention_keeps_marks_and_numbers), CASE(an_aborted_group_moves_no_mark),
         CASE(results_survive_growth_of_a_map))
