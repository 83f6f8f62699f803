/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: values of the store read back: measurements, users, tokens, ledger, rollups, marks.
 * Byte 0 says which. What was read is written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/ledger.h"
#include "controller/record.h"
#include "controller/rollup_private.h"
#include "controller/tokens.h"
#include "controller/users.h"
#include "store/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 20 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void measurement(const char *p, size_t n)
{
	struct record r, again;
	struct sonde_buf b;
	struct sonde_id id;

	if (record_read(&r, p, n))
		return;
	require(r.type.len <= n && r.count <= n / 16 && record_probes(&r) <= r.count);
	if (r.count)
		record_node(&r, r.count - 1, &id);
	sonde_buf_init(&b, ROOM);
	record_write(&b, &r);
	require(!record_read(&again, b.data, b.len) && again.count == r.count && again.seed == r.seed);
	sonde_buf_deinit(&b);
}

static void user(const char *p, size_t n)
{
	struct user_facts f, again;
	struct sonde_pool pool;
	struct sonde_buf b;

	sonde_pool_init(&pool, ROOM);
	sonde_buf_init(&b, ROOM);
	if (!user_read(&f, &pool, p, n)) {
		require(f.name && f.id);
		user_write(&f, &b);
		require(!user_read(&again, &pool, b.data, b.len) && !strcmp(f.name, again.name));
	}
	sonde_buf_deinit(&b);
	sonde_pool_deinit(&pool);
}

static void token(const char *p, size_t n)
{
	struct token_facts f, again;
	struct sonde_pool pool;
	struct sonde_buf b;

	sonde_pool_init(&pool, ROOM);
	sonde_buf_init(&b, ROOM);
	if (!token_read(&f, &pool, p, n)) {
		token_refusal(&f, 1);
		token_write(&f, &b);
		require(!token_read(&again, &pool, b.data, b.len) && f.kind == again.kind);
	}
	sonde_buf_deinit(&b);
	sonde_pool_deinit(&pool);
}

static void entry(const char *p, size_t n)
{
	struct ledger_entry e;
	struct sonde_pool pool;

	sonde_pool_init(&pool, ROOM);
	ledger_read(&e, &pool, p, n);
	sonde_pool_deinit(&pool);
}

/* As the writer of rollups takes it: the same series, and the same row once it is written. */
static void rollup_again(const struct rollup_view *v)
{
	struct rollup_delta *d = calloc(1, sizeof(*d) + 2 * UINT8_MAX);
	struct rollup_sums twice = v->sums;
	struct rollup_view again;
	struct rollup_key key;
	struct sonde_buf b;

	require(d != NULL);
	d->schedule = v->schedule;
	d->type_len = (uint8_t)v->type_len;
	d->target_len = (uint8_t)v->target_len;
	memcpy(d->texts, v->type, v->type_len);
	memcpy(d->texts + v->type_len, v->target, v->target_len);
	require(rollup_row_is(v, d));
	rollup_key_make(&key, ROLLUP_MINUTE, 7, &d->schedule, rollup_series(d));
	require(rollup_key_at(&key) == 7);
	rollup_sums_add(&twice, &v->sums);
	sonde_buf_init(&b, ROOM);
	rollup_row_write(&b, d, &v->sums, &(struct histogram){ 0 });
	require(!b.failed && rollup_row_read((struct sonde_slice){ b.data, b.len }, &again) &&
	        rollup_row_is(&again, d) && !again.bar_count && again.sums.count == v->sums.count);
	sonde_buf_deinit(&b);
	free(d);
}

static void rollup(const char *p, size_t n)
{
	struct rollup_view v;

	if (!rollup_row_read((struct sonde_slice){ p, n }, &v))
		return;
	require(v.type + v.type_len <= p + n && v.target + v.target_len <= p + n);
	require((const char *)(v.bars + v.bar_count) <= p + n);
	rollup_again(&v);
}

static void mark(const char *p, size_t n)
{
	struct sonde_spans have;
	uint64_t epoch;

	if (sonde_mark_read(&(MDB_val){ n, (void *)(uintptr_t)p }, &epoch, &have))
		require(have.count <= SONDE_SPANS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *, size_t) = { measurement, user, token, entry,
		                                                 rollup, mark };

	if (!size)
		return 0;
	char *exact = malloc(size); /* so that a byte behind the end is found */
	memcpy(exact, data + 1, size - 1);
	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](exact, size - 1);
	free(exact);
	return 0;
}
