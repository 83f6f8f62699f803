/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots for the loop thread. One cached LMDB read transaction a file, reset between reads so
 * that it pins no pages, renewed when a read first needs that file. state.mdb is renewed first and
 * the writer commits segments first: a snapshot may know a result before the state that follows
 * from it, never the other way round. */
#include "store/internal.h"

#include <string.h>

int sonde_read_begin(struct sonde_store *s, struct sonde_read **out)
{
	MDB_txn *txn;

	pthread_rwlock_rdlock(&s->layout);
	int rc = sonde_env_read(&s->state, &txn);
	if (rc) {
		pthread_rwlock_unlock(&s->layout);
		return sonde_mdb_fail(rc, "snapshot");
	}
	s->read.depth++;
	*out = &s->read;
	return SONDE_OK;
}

void sonde_read_end(struct sonde_read *r)
{
	struct sonde_store *s = r->store;

	if (--r->depth == 0) {
		sonde_env_read_end(&s->state);
		for (size_t i = 0; i < s->segment_count; i++)
			sonde_env_read_end(&s->segments[i]->env);
	}
	pthread_rwlock_unlock(&s->layout);
}

static int get(MDB_txn *txn, MDB_dbi dbi, MDB_val key, MDB_val *value)
{
	return sonde_mdb_status(mdb_get(txn, dbi, &key, value));
}

int sonde_read_get(struct sonde_read *r, enum sonde_table table, struct sonde_slice k,
                   struct sonde_slice *v)
{
	MDB_val value;
	int status = get(r->store->state.read, r->store->tables[table],
	                 (MDB_val){ k.len, (void *)k.data }, &value);

	if (status == SONDE_OK)
		*v = (struct sonde_slice){ value.mv_data, value.mv_size };
	return status;
}

int sonde_read_each(struct sonde_read *r, enum sonde_table table, struct sonde_slice from,
                    int (*fn)(void *, struct sonde_slice, struct sonde_slice), void *arg)
{
	MDB_cursor *c;
	MDB_val key = { from.len, (void *)from.data }, value;
	int out = 0;
	int rc = mdb_cursor_open(r->store->state.read, r->store->tables[table], &c);

	if (rc)
		return sonde_mdb_fail(rc, "walk");
	rc = mdb_cursor_get(c, &key, &value, from.len ? MDB_SET_RANGE : MDB_FIRST);
	while (!rc && !out) {
		out = fn(arg, (struct sonde_slice){ key.mv_data, key.mv_size },
		         (struct sonde_slice){ value.mv_data, value.mv_size });
		if (!out)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc && rc != MDB_NOTFOUND ? sonde_mdb_fail(rc, "walk") : out;
}

int sonde_read_each_back(struct sonde_read *r, enum sonde_table table, struct sonde_slice from,
                         int (*fn)(void *, struct sonde_slice, struct sonde_slice), void *arg)
{
	MDB_cursor *c;
	MDB_val key = { from.len, (void *)from.data }, value;
	int out = 0;
	int rc = mdb_cursor_open(r->store->state.read, r->store->tables[table], &c);

	if (rc)
		return sonde_mdb_fail(rc, "walk");
	bool inside = from.len && !mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	rc = mdb_cursor_get(c, &key, &value, inside ? MDB_PREV : MDB_LAST);
	while (!rc && !out) {
		out = fn(arg, (struct sonde_slice){ key.mv_data, key.mv_size },
		         (struct sonde_slice){ value.mv_data, value.mv_size });
		if (!out)
			rc = mdb_cursor_get(c, &key, &value, MDB_PREV);
	}
	mdb_cursor_close(c);
	return rc && rc != MDB_NOTFOUND ? sonde_mdb_fail(rc, "walk") : out;
}

static int unpack(MDB_val value, struct sonde_result *out)
{
	struct result_head head;

	if (value.mv_size < sizeof(head))
		return SONDE_EIO;
	memcpy(&head, value.mv_data, sizeof(head));
	*out = (struct sonde_result){
		.epoch = head.epoch,
		.seq = head.seq,
		.task = head.task,
		.attempt = head.attempt,
		.failure = head.failure,
		.late = head.late,
		.received_ms = head.received_ms,
		.body = { (const char *)value.mv_data + sizeof(head),
		          value.mv_size - sizeof(head) },
	};
	memcpy(out->node.b, head.node, sizeof(head.node));
	memcpy(out->measurement.b, head.measurement, sizeof(head.measurement));
	return SONDE_OK;
}

static int find_in(struct sonde_segment *g, struct task_key *k, struct sonde_result *out)
{
	MDB_txn *txn;
	MDB_val value;
	uint64_t ingest;
	int rc = sonde_env_read(&g->env, &txn);

	if (rc)
		return sonde_mdb_fail(rc, "snapshot");
	int status = get(txn, g->dbi[SEG_TASKS], (MDB_val){ sizeof(*k), k }, &value);
	if (status != SONDE_OK)
		return status;
	if (value.mv_size != sizeof(ingest))
		return SONDE_EIO;
	memcpy(&ingest, value.mv_data, sizeof(ingest));
	status = get(txn, g->dbi[SEG_RESULTS], (MDB_val){ sizeof(ingest), &ingest }, &value);
	if (status != SONDE_OK)
		return status == SONDE_ENOENT ? SONDE_EIO : status;
	return unpack(value, out);
}

/* The newest segment that is not younger than the measurement, by the time in its id. */
static size_t guess(const struct sonde_store *s, const struct sonde_id *measurement)
{
	int32_t day = sonde_day_of(sonde_id_wall_ms(measurement));
	size_t at = s->segment_count - 1;

	while (at > 0 && s->segments[at]->day > day)
		at--;
	return at;
}

/* Results come at or after their measurement, and the first one counts: so from its day onwards.
 * Older segments come last; a result is there only if the clock was set back. */
int sonde_read_result(struct sonde_read *r, const struct sonde_id *measurement, uint32_t task,
                      struct sonde_result *out)
{
	struct sonde_store *s = r->store;
	struct task_key k;
	int status = SONDE_ENOENT;

	if (!s->segment_count)
		return status;
	sonde_task_key(&k, measurement, task);
	size_t start = guess(s, measurement);
	for (size_t i = start; i < s->segment_count && status == SONDE_ENOENT; i++)
		status = find_in(s->segments[i], &k, out);
	for (size_t i = start; i > 0 && status == SONDE_ENOENT; i--)
		status = find_in(s->segments[i - 1], &k, out);
	return status;
}

/* Marks only rise, so that the newest file that knows the node is right. */
int sonde_read_mark(struct sonde_read *r, const struct sonde_id *node, uint64_t *epoch,
                    struct sonde_spans *have)
{
	struct sonde_store *s = r->store;
	MDB_val key = { sizeof(node->b), (void *)node->b }, value;
	int status = SONDE_ENOENT;

	for (size_t i = s->segment_count; i > 0 && status == SONDE_ENOENT; i--) {
		struct sonde_segment *g = s->segments[i - 1];
		MDB_txn *txn;
		int rc = sonde_env_read(&g->env, &txn);
		if (rc)
			return sonde_mdb_fail(rc, "snapshot");
		status = get(txn, g->dbi[SEG_MARKS], key, &value);
	}
	if (status == SONDE_ENOENT)
		status = get(s->state.read, s->tables[TABLE_MARKS], key, &value);
	*epoch = 0;
	*have = (struct sonde_spans){ 0 };
	if (status == SONDE_OK && !sonde_mark_read(&value, epoch, have))
		return SONDE_EIO;
	return status == SONDE_ENOENT ? SONDE_OK : status;
}

static int results_of(struct sonde_segment *g,
                      int (*fn)(void *, uint64_t, const struct sonde_result *), void *arg,
                      uint64_t *next, int *out)
{
	MDB_txn *txn;
	MDB_cursor *c;
	uint64_t ingest = *next;
	MDB_val key = { sizeof(ingest), &ingest }, value;
	struct sonde_result result;
	int rc = sonde_env_read(&g->env, &txn);

	if (!rc)
		rc = mdb_cursor_open(txn, g->dbi[SEG_RESULTS], &c);
	if (rc)
		return rc;
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (!rc) {
		memcpy(&ingest, key.mv_data, sizeof(ingest));
		if (unpack(value, &result) != SONDE_OK)
			rc = MDB_CORRUPTED;
		else if ((*out = fn(arg, ingest, &result)))
			break;
		if (rc)
			break;
		*next = ingest + 1;
		rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int sonde_read_results(struct sonde_read *r, uint64_t from,
                       int (*fn)(void *, uint64_t, const struct sonde_result *), void *arg,
                       uint64_t *next)
{
	struct sonde_store *s = r->store;
	int out = 0;

	*next = from ? from : 1;
	for (size_t i = 0; i < s->segment_count && !out; i++) {
		if (i + 1 < s->segment_count && s->segments[i + 1]->first <= *next)
			continue;
		int rc = results_of(s->segments[i], fn, arg, next, &out);
		if (rc)
			return sonde_mdb_fail(rc, "results");
	}
	/* After a restore numbers go on far above the last one: nothing is between. */
	if (!out && *next < s->floor)
		*next = s->floor;
	return out;
}

int sonde_read_next(struct sonde_read *r, uint64_t *next)
{
	struct sonde_store *s = r->store;
	struct sonde_segment *g = s->segment_count ? s->segments[s->segment_count - 1] : NULL;
	MDB_cursor *c;
	MDB_txn *txn;
	MDB_val key, value;

	*next = g ? g->first : 1;
	if (*next < s->floor)
		*next = s->floor;
	if (!g)
		return SONDE_OK;
	int rc = sonde_env_read(&g->env, &txn);
	if (!rc)
		rc = mdb_cursor_open(txn, g->dbi[SEG_RESULTS], &c);
	if (rc)
		return sonde_mdb_fail(rc, "results");
	if (!mdb_cursor_get(c, &key, &value, MDB_LAST)) {
		uint64_t last;
		memcpy(&last, key.mv_data, sizeof(last));
		if (last >= *next)
			*next = last + 1;
	}
	mdb_cursor_close(c);
	return SONDE_OK;
}
